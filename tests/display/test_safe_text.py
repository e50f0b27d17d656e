"""Text made safe for a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.display.safe_text import cut, for_encoding, visible, visible_lines, wrapped
from tests.display.harmless import is_harmless


@given(st.text())
def test_any_text_becomes_visible(text: str) -> None:
    assert visible(text).isprintable()
    assert is_harmless(visible_lines(text))


@pytest.mark.parametrize(
    ("encoding", "text"), [("ascii", "\\xe9 \\u2603"), ("latin-1", "é \\u2603"), ("utf-8", "é ☃"),
                           ("no-such", "\\xe9 \\u2603"), (None, "é ☃")]
)  # fmt: skip
def test_terminals_that_are_not_utf_8(encoding: str | None, text: str) -> None:
    assert for_encoding("é ☃", encoding) == text


def test_cutting_counts_columns() -> None:
    assert cut("日本語", 4) == "日…"
    assert cut("abc", 3) == "abc"


@pytest.mark.parametrize(
    ("line", "width", "parts"),
    [
        ("", 20, [""]),
        ("as wide as there is", 19, ["as wide as there is"]),
        ("one more than fits", 17, ["one more than", "    fits"]),
        ("  indented by two more", 18, ["  indented by two", "      more"]),
        ("set [timing on|off]", 18, ["set", "    [timing on|off]"]),
        ("\x1b[1mone\x1b[0m two", 7, ["\x1b[1mone\x1b[0m two"]),
        ("日本 日本", 8, ["日本", "    日本"]),
        ("word-that-is-too-long b", 8, ["word-that-is-too-long", "    b"]),
    ],
)
def test_lines_break_at_blanks(line: str, width: int, parts: list[str]) -> None:
    assert list(wrapped(line, width)) == parts
