"""Key combinations as people write them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.errors import KeyNameError, UntypableError
from qmpeer.keyboard import KEY_CODES, find_layout, parse_keys
from qmpeer.keyboard.combinations import ALIASES


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("ctrl-alt-delete", ("ctrl", "alt", "delete")),
        ("Ctrl+Alt+Del", ("ctrl", "alt", "delete")),
        ("ctrl-alt-f2", ("ctrl", "alt", "f2")),
        ("shift-a", ("shift", "a")),
        ("SHIFT-A", ("shift", "a")),
        ("A", ("a",)),
        ("win-r", ("meta_l", "r")),
        ("altgr-e", ("alt_r", "e")),
        ("enter", ("ret",)),
        ("pgup", ("pgup",)),
        ("kp_add", ("kp_add",)),
        ("minus", ("minus",)),
        ("-", ("minus",)),
        ("ctrl--", ("ctrl", "minus")),
        ("ctrl-+", ("ctrl", "shift", "equal")),
        ("ctrl++", ("ctrl", "shift", "equal")),
        ("ctrl-plus", ("ctrl", "shift", "equal")),
        ("ctrl-shift-@", ("ctrl", "shift", "2")),
        ("7", ("7",)),
        ("shift", ("shift",)),
        (" ", ("spc",)),
    ],
)
def test_combinations(text: str, keys: tuple[str, ...]) -> None:
    assert parse_keys(text).keys == keys


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "found no name"),
        ("ctrl-", "found no name"),
        ("--", "found no name"),
        ("-ctrl", "found no name"),
        ("ctlr-a", "found 'ctlr', expected the name of a key; similar: ctl, ctrl"),
        ("ctrl-alt-dlete", "found 'dlete', expected the name of a key; similar: delete"),
        ("ctrl alt delete", "found 'ctrl alt delete', expected the name of a key"),
        ("a-a", "found a twice"),
        ("ctrl-control", "found ctrl twice"),
        ("1-2-3-4-5-6-7-8-9", "found 9 keys, expected at most 8"),
    ],
)
def test_mistakes(text: str, reason: str) -> None:
    with pytest.raises(KeyNameError) as caught:
        parse_keys(text)
    assert str(caught.value).startswith(f'keys "{text}": {reason}')
    assert caught.value.keys == text


def test_a_character_that_the_layout_lacks() -> None:
    with pytest.raises(UntypableError, match=r"can't type \"ö\" .* at 5"):
        parse_keys("ctrl-ö")


def test_single_characters_follow_the_layout_and_names_do_not() -> None:
    de = find_layout("de")
    assert parse_keys("ctrl-z", de).keys == ("ctrl", "y")
    assert parse_keys("ctrl-ö", de).keys == ("ctrl", "semicolon")
    assert parse_keys("ctrl-semicolon", de).keys == ("ctrl", "semicolon")


def test_aliases_name_keys_and_hide_none() -> None:
    assert set(ALIASES.values()) <= set(KEY_CODES)
    assert not ALIASES.keys() & KEY_CODES.keys()


@pytest.mark.property
@given(st.lists(st.sampled_from(sorted(KEY_CODES)), min_size=1, max_size=8, unique=True),
       st.sampled_from("-+"))  # fmt: skip
def test_any_keys(keys: list[str], separator: str) -> None:
    assert parse_keys(separator.join(keys)).keys == tuple(keys)


@pytest.mark.property
@given(st.text(st.sampled_from("-+aA1 ctrlshf@\x1bé"), max_size=20))
def test_any_text(text: str) -> None:
    with suppress(KeyNameError, UntypableError):
        keys = parse_keys(text).keys
        assert set(keys) <= set(KEY_CODES)
        assert len(set(keys)) == len(keys)
