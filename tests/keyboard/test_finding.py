"""Layouts by name: the built-in one, those of the system, and what is said when there is none.

Modules: key_codes, layouts, xkb_library.
"""

from collections.abc import Callable
from typing import Any

import pytest

from qmpeer import Client
from qmpeer.errors import LayoutError
from qmpeer.keyboard import KEY_CODES, find_layout, xkb_library
from qmpeer.keyboard.layouts import ALONE, US
from qmpeer.keyboard.xkb_library import xkb_layout
from tests.keyboard.xkb_typer import XkbTyper
from tests.qemu import BASE, QEMU


def test_the_built_in_layout_is_that_of_the_system() -> None:
    XkbTyper("us")  # skips the test where there are no layouts
    assert dict(US.characters) == dict(xkb_layout("us").characters)
    assert dict(US.dead_keys) == {}


def test_layouts_are_kept() -> None:
    XkbTyper("de")
    assert find_layout("de") is find_layout("de")
    assert find_layout("de") != find_layout("de(nodeadkeys)")


def test_the_levels_of_a_layout() -> None:
    XkbTyper("de", "neo")
    neo = find_layout("de(neo)").characters
    assert (neo["x"].modifiers, neo["X"].modifiers) == ((), ("shift",))
    held = {stroke.modifiers for stroke in neo.values()}
    assert any(len(each) == 2 and "alt_r" in each for each in held)
    assert not any("caps_lock" in each and "shift" in each for each in held)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("zz", "found no such layout in xkeyboard-config"),
        ("dee", "found no such layout in xkeyboard-config; similar: "),
        ("de(nodeadkey)", "; similar: de(nodeadkeys)"),
        ("uk", "; similar: gb"),
        ("German", "de"),
        ("us,ru", 'expected a name such as "de" or "de(nodeadkeys)"'),
        ("../de", 'expected a name such as "de" or "de(nodeadkeys)"'),
        ("de()", 'expected a name such as "de" or "de(nodeadkeys)"'),
        ("", 'expected a name such as "de" or "de(nodeadkeys)"'),
        ("d\0e", 'expected a name such as "de" or "de(nodeadkeys)"'),
        ("x" * 10_000, 'expected a name such as "de" or "de(nodeadkeys)"'),
    ],
    ids=lambda value: str(value)[:20],
)
def test_unknown_names(name: str, text: str, capfd: pytest.CaptureFixture[str]) -> None:
    XkbTyper("us")
    with pytest.raises(LayoutError) as caught:
        find_layout(name)
    assert text in str(caught.value)
    assert len(str(caught.value)) < 300
    assert caught.value.layout == name
    assert capfd.readouterr() == ("", "")  # the library itself says nothing


def test_a_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xkb_library, "_LIBRARY", "libnowhere.so.0")
    with pytest.raises(LayoutError, match=r"found no libnowhere.so.0, expected Debian's packages"):
        xkb_layout("de")
    assert find_layout("us").characters["a"].key == "a"


@pytest.mark.parametrize("has_context", [True, False])
def test_missing_data(has_context: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:
        def call(self, name: str, *arguments: Any) -> Any:
            answers = {"context_new": int(has_context), "context_num_include_paths": 1}
            return b"/nowhere" if name == "context_include_path_get" else answers.get(name, 0)

    monkeypatch.setattr(xkb_library, "XkbLibrary", Library)
    text = "no such layout in /nowhere, expected" if has_context else "found no XKB data, expected"
    with pytest.raises(LayoutError, match=text):
        xkb_layout("de")


def test_accents_alone() -> None:
    XkbTyper("de")
    assert set(ALONE) <= set(find_layout("us(intl)").dead_keys)


@pytest.mark.real
def test_the_names_of_keys_are_qemus(program: Callable[[str], str]) -> None:
    with Client.launch([program(QEMU), *BASE]) as vm:
        schema = vm.execute("query-qmp-schema")
    (names,) = (each["values"] for each in schema if "ctrl_r" in each.get("values", ()))
    newer = {f"f{number}" for number in range(13, 25)}
    assert set(KEY_CODES) - newer == set(names) - newer - {"unmapped"}
