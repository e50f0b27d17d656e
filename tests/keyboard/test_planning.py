"""Texts planned as strokes, checked by typing them on the keyboard of a desktop."""

import unicodedata
from contextlib import suppress
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer import limits
from qmpeer.errors import LimitError, UntypableError
from qmpeer.keyboard import Layout, Stroke, find_layout, plan
from tests.keyboard.xkb_typer import UNKNOWN, XkbTyper

LAYOUTS = [
    "us", "us(intl)", "us(dvorak)", "gb", "de", "de(nodeadkeys)", "de(neo)", "fr", "fr(bepo)", "es",
    "cz", "pl", "br", "ch(fr)", "ru", "gr", "tr(f)", "vn", "il", "jp",
]  # fmt: skip
"""With dead keys and without, with a third and a fifth level, and not Latin."""


@cache
def typer(name: str) -> XkbTyper:
    layout, _, variant = name.rstrip(")").partition("(")
    return XkbTyper(layout, variant)


def typed(text: str, name: str) -> str:
    planned = plan(text, find_layout(name))
    assert "".join(each.character for each in planned) == unicodedata.normalize("NFC", text)
    text = typer(name).text(stroke for each in planned for stroke in each.strokes)
    return unicodedata.normalize("NFC", text)


def known_to_compose(name: str) -> str:
    """Return all characters that a layout can type, alone or with a dead key."""
    layout = find_layout(name)
    composed = {
        unicodedata.normalize("NFC", base + accent)
        for base in layout.characters
        for accent in layout.dead_keys
        if base.isalpha()
    }
    alone = set(layout.characters)
    return "".join(sorted(alone | {each for each in composed if len(each) == 1}))


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_character_of_a_layout(name: str) -> None:
    typer(name)  # first, as it skips the test where there are no layouts
    wrong = {}
    for character in known_to_compose(name):
        text = typed(character, name)
        # Compose knows fewer accents than Unicode; what it doesn't know types nothing there.
        if text != unicodedata.normalize("NFC", character) and not text.startswith(UNKNOWN):
            wrong[character] = text
    assert not wrong
    assert all(typed(each, name) == each for each in find_layout(name).characters)


@pytest.mark.property
@given(st.data(), st.sampled_from(LAYOUTS))
def test_any_text(data: st.DataObject, name: str) -> None:
    typer(name)
    keys = find_layout(name).characters
    text = data.draw(st.text(st.sampled_from(sorted(keys)), max_size=30))
    assert typed(text, name) == unicodedata.normalize("NFC", text)


@pytest.mark.property
@given(st.text(max_size=30), st.sampled_from(["us", "de", "us(intl)"]))
def test_text_is_typed_or_refused(text: str, name: str) -> None:
    typer(name)
    with suppress(UntypableError):
        found = typed(text, name)
        assert UNKNOWN in found or found == unicodedata.normalize("NFC", text)


def test_accents() -> None:
    strokes = {
        name: [stroke.keys for stroke in plan("é", find_layout(name))[0].strokes]
        for name in ("fr", "de", "us(intl)")
    }
    assert strokes == {
        "fr": [("2",)],  # a key of its own
        "de": [("equal",), ("e",)],  # a dead key
        "us(intl)": [("alt_r", "e")],  # a key of its own rather than the dead key
    }


@pytest.mark.parametrize("text", ["e\u0301", "\u00e9"], ids=["apart", "composed"])
def test_composed_or_not(text: str) -> None:
    assert plan(text, find_layout("de")) == plan("é", find_layout("de"))


def test_spacing_accents_need_the_space_bar() -> None:
    assert [[s.key for s in each.strokes] for each in plan("^`", find_layout("de"))] == [
        ["grave_accent", "spc"],
        ["equal", "spc"],
    ]


def test_ends_of_lines() -> None:
    us = find_layout("us")
    keys = [each.strokes[0].key for each in plan("a\r\n\tb\n", us)]
    assert keys == ["a", "ret", "tab", "b", "ret"]


def test_everything_that_is_missing_is_told_at_once() -> None:
    with pytest.raises(UntypableError) as caught:
        plan("ä€ä\x1b\r.e\u0301", find_layout("us"))
    assert [each.position for each in caught.value.characters] == [0, 1, 2, 3, 4, 6]
    assert str(caught.value) == (
        'layout "us" can\'t type "ä" (U+00E4 LATIN SMALL LETTER A WITH DIAERESIS) at 0, 2; '
        '"€" (U+20AC EURO SIGN) at 1; "\\u001b" (U+001B) at 3; "\\r" (U+000D) at 4; '
        '"é" (U+00E9 LATIN SMALL LETTER E WITH ACUTE) at 6'
    )


def test_the_error_of_a_strange_text_stays_short() -> None:
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 2000))) + "é" * 2000
    with pytest.raises(UntypableError) as caught:
        plan(text, find_layout("us"))
    assert len(caught.value.characters) == 4000
    assert len(str(caught.value)) < 1000
    assert "1993 further characters" in str(caught.value)


def test_a_long_text() -> None:
    with pytest.raises(LimitError, match="expected at most 65536"):
        plan("x" * (limits.TYPED_TEXT + 1), find_layout("us"))


def test_a_layout_of_the_caller() -> None:
    mine = Layout("mine", {"☃": Stroke("f12", ("alt_r",)), " ": Stroke("spc")})
    assert [each.strokes for each in plan("☃", mine)] == [(Stroke("f12", ("alt_r",)),)]
    with pytest.raises(UntypableError):
        plan("^", mine)


def test_no_text() -> None:
    with pytest.raises(TypeError, match="found int, expected a text"):
        plan(5, find_layout("us"))  # type: ignore[arg-type]
