"""Progress bars."""

from typing import Final

import msgspec

from qmpeer.display.safe_text import columns, cut, visible

_LEAST: Final = 8
"""The fewest columns of a bar; with less room, only the percentage is shown."""


class Bar(msgspec.Struct, frozen=True):
    """The progress of one job or copy.

    Attributes:
        name: Its name.
        text: Its state, in a word or two.
        current: The amount that is done.
        total: The whole amount; 0 if that isn't known.
        is_over: True if it has ended.
        is_failed: True if it has failed.
    """

    name: str
    text: str = ""
    current: int = 0
    total: int = 0
    is_over: bool = False
    is_failed: bool = False

    @property
    def fraction(self) -> float:
        """The share that is done, from 0 to 1."""
        if self.total <= 0:
            return 1.0 if self.is_over and not self.is_failed else 0.0
        return min(max(self.current / self.total, 0.0), 1.0)


def bar_line(bar: Bar, width: int) -> str:
    """Return a bar as one line of ASCII characters.

    Example:
        >>> bar_line(Bar("job0", "mirror running", 1, 4), 44)
        'job0 mirror running [####              ] 25%'
        >>> bar_line(Bar("job0", "mirror running", 1, 4), 20)
        'job0 mirror run… 25%'
    """
    text = " ".join(filter(None, (visible(bar.name), visible(bar.text))))
    if bar.is_failed:
        return cut(text, width)
    percent = "" if not bar.total and not bar.is_over else f"{bar.fraction:.0%}"
    room = width - columns(text) - len(percent) - 4
    if room < _LEAST or not percent:
        return f"{cut(text, max(width - len(percent) - 1, 4))} {percent}".rstrip()
    room = min(room, 40)
    done = int(bar.fraction * room)
    return f"{text} [{'#' * done}{' ' * (room - done)}] {percent}"
