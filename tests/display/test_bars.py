"""Progress bars of ASCII characters."""

import pytest

from qmpeer.display.bars import Bar, bar_line


@pytest.mark.parametrize(
    ("bar", "width", "line"),
    [
        (Bar("j", "x running", 0, 4), 30, "j x running [             ] 0%"),
        (Bar("j", "x running", 4, 4), 30, "j x running [###########] 100%"),
        (Bar("j", "x running", 9, 4), 24, "j x running 100%"),
        (Bar("j", "x created"), 30, "j x created"),
        (Bar("j", "x done", is_over=True), 30, "j x done [##############] 100%"),
        (Bar("j", "No space", 3, 4, is_over=True, is_failed=True), 30, "j No space"),
        (Bar("\x1b[2J", "日本", 1, 2), 17, r"\u001b[2J 日… 50%"),
    ],
)
def test_bars(bar: Bar, width: int, line: str) -> None:
    assert bar_line(bar, width) == line
