"""Errors in typed text, with their offsets, and lines that mark them."""

from collections.abc import Iterator
from typing import Final

from qmpeer.display.safe_text import columns, cut, visible

_CONTEXT: Final = 12
"""Columns before the mark in a line that is cut."""
_LONGEST_MARK: Final = 60


class InputError(Exception):
    """An error in a typed text, with its position and a hint.

    Attributes:
        reason: The error, in QEMU's words if QEMU reports it too.
        start: Offset of the first wrong character.
        end: Offset behind the last one; equal to `start` if something is missing.
        hint: A correction; "" if the reason is enough.
        is_syntax: True if no server could accept the text, False if this server doesn't.
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
    """A failed statement of a sourced file.

    Attributes:
        place: The file and the line.
        text: The statement's lines.
        error: The error.
        start: Offset of the lines in the file; the offsets of an InputError refer to the file.
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
    """Yield the line with an error, cut to a width, then a line with the mark.

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
