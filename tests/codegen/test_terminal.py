"""Blocks on a terminal: its width, its colours, and no control characters."""

import re

import pytest

from qmpeer.codegen.reference.markup import blocks_of
from qmpeer.codegen.reference.terminal import TerminalWriter
from qmpeer.display.colours import TERMINAL
from qmpeer.display.safe_text import columns

TEXTS = {
    "paragraphs": ("One.\n\nTwo.", ["One.", "", "Two."]),
    "filled": ("aaa bbb ccc ddd eee fff", ["aaa bbb ccc ddd eee", "fff"]),
    "long word": (f"a {'b' * 30} c", ["a", "b" * 30, "c"]),
    "wide letters": ("ああああ ああああ ああああ", ["ああああ ああああ", "ああああ"]),
    "list": ("- one\n\n  more\n- two", ["- one", "", "  more", "- two"]),
    "numbers": ("1. one\n2. two", ["1. one", "2. two"]),
    "code": ("See::\n\n  a  b", ["See:", "    a  b"]),
    "conversation": ('-> { "a": 1 }\n<- { "b": 2 }', ['    -> { "a": 1 }', '    <- { "b": 2 }']),
    "note": (".. note:: Mind it.", ["Note:", "  Mind it."]),
    "term": ("term\n  what it is", ["term", "    what it is"]),
    "heading": ("= Title", ["Title"]),
    "within a word": ("@device's ``id``.", ["device's id."]),
    "address": (
        "`a page <https://host.example/>`_",
        ["a page", "<https://host.example/>"],
    ),
    "control characters": ("red \x1b[31m\x9b1m", ["red [31m1m"]),
}  # fmt: skip


def lines(text: str, width: int = 20, indent: int = 0) -> list[str]:
    return list(TerminalWriter(width).lines(blocks_of(text, lambda name: None), indent))


@pytest.mark.parametrize(("text", "expected"), TEXTS.values(), ids=TEXTS)
def test_texts(text: str, expected: list[str]) -> None:
    assert lines(text) == expected


@pytest.mark.parametrize("indent", [0, 6])
def test_lines_fit(indent: int) -> None:
    text = "\n\n".join(text for text, _ in TEXTS.values())
    found = lines(text, 40, indent)
    assert all(columns(line) <= 40 for line in found)
    assert all(line.startswith(" " * indent) for line in found if line)


def test_colours() -> None:
    (line,) = TerminalWriter(60, TERMINAL).lines(
        blocks_of("Eject @device **now**.", lambda _: None)
    )
    assert line == "Eject \x1b[34mdevice\x1b[0m \x1b[1mnow\x1b[0m."


def test_colours_take_no_room() -> None:
    text = "@one @two @three @four @five @six"
    plain = lines(text)
    coloured = TerminalWriter(20, TERMINAL).lines(blocks_of(text, lambda name: None))
    assert [re.sub(r"\x1b\[\d*m", "", line) for line in coloured] == plain
