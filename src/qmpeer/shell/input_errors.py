"""Mistakes in what was typed, each with its place, and how that place is marked."""

from collections.abc import Iterator
from typing import Final

from qmpeer.display.safe_text import columns, cut, visible

_CONTEXT: Final = 12
"""Columns that are shown before a mark where the line is cut."""
_LONGEST_MARK: Final = 60


class InputError(Exception):
    """What is wrong with a text, where, and what would be right.

    Attributes:
        reason: What is wrong, in QEMU's words where it has some.
        start: The first character at fault, counted from 0.
        end: The one behind the last; the same as `start` where something is missing.
        hint: What would be right; "" where the reason says it.
        is_syntax: The text can't be read, whoever listens; else it is not for this server.
    """

    def __init__(
        self, reason: str, start: int, end: int, hint: str = "", *, is_syntax: bool = False
    ) -> None:
        super().__init__(reason, start, end, hint)
        self.reason = reason
        self.start = start
        self.end = end
        self.hint = hint
        self.is_syntax = is_syntax

    def __str__(self) -> str:
        return f"{self.reason}; {self.hint}" if self.hint else self.reason


class SourceError(Exception):
    """Where in a file a statement failed.

    Attributes:
        place: The file and the line.
        text: The statement's lines.
        error: Why.
        start: Where these begin in the file, from whose start mistakes count.
    """

    def __init__(self, place: str, text: str, error: Exception, start: int = 0) -> None:
        super().__init__(place, text, error)
        self.place = place
        self.text = text
        self.error = error
        self.start = start

    def __str__(self) -> str:
        return f"{self.place}: {self.error}"


def marked_lines(text: str, input_error: InputError, width: int) -> Iterator[str]:
    """Give the line that holds a mistake, cut to a width, and below it the mark.

    Example:
        >>> for line in marked_lines("stop noww=1", InputError("", 5, 9), 40):
        ...     print(line)
        stop noww=1
             ^^^^
    """
    begin = text.rfind("\n", 0, input_error.start) + 1
    newline = text.find("\n", input_error.start)
    line = text[begin : newline if newline >= 0 else len(text)]
    start = input_error.start - begin
    before, fault = visible(line[:start]), line[start : max(input_error.end - begin, start)]
    after = visible(line[start : start + 2000])
    if columns(before) + columns(after) > width:
        room = min(_CONTEXT, width // 3)
        if columns(before) > room:
            before = "…" + before[len(before) - room + 1 :] if room else ""
    mark = min(columns(visible(fault[:_LONGEST_MARK])) or 1, _LONGEST_MARK)
    yield cut(before + after, width)
    yield " " * columns(before) + "^" * max(1, min(mark, width - columns(before)))
