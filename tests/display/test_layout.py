"""Text laid out for all kinds of outputs."""

import pytest

from qmpeer.display.layout import Layout, rate_text, size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (196_608, "192 KiB"),
        (10**9, "954 MiB"),
        (2**63, "8 EiB"),
        (2**80, "1048576 EiB"),
        (True, ""),
        (None, ""),
        ("7", ""),
    ],
)
def test_sizes(size: object, text: str) -> None:
    assert size_text(size) == text


def test_rates() -> None:
    assert rate_text(0.0) == "0 B/s"
    assert rate_text(12.4 * 1024 * 1024) == "12.4 MiB/s"


def test_a_section() -> None:
    made = Layout()
    rows = [["a", "x", "1"], ["bcd", "", "2"], ["e"], ["日本", "y", "3"]]
    assert made.section("title", rows, 8) == [
        "title   a     x  1",
        "        bcd      2",
        "        e",
        "        日本  y  3",
    ]
    assert made.section("a long title", [["x"]], 4) == ["a long title x"]
    assert made.section("title", [], 8) == []


def test_what_a_server_says_can_not_steer_a_terminal() -> None:
    made = Layout(40)
    (line,) = made.section("", [["\x1b[2Ja\nb\x9b1m"]], 0)
    assert line == r"\u001b[2Ja\u000ab\u009b1m"
    assert made.fitted("\x07" * 100) == r"\u0007" * 6 + r"\u0…"


def test_lines_are_cut_where_the_terminal_ends() -> None:
    made = Layout(20)
    assert made.section("t", [["0123456789" * 3, "x"]], 8) == ["t       01234567890…"]
    made = Layout(3)
    assert made.width == 20
