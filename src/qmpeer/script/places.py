"""The place in a script at which a rule stands."""

import os
import sys
from typing import Final

import msgspec

_OURS: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Place(msgspec.Struct, frozen=True):
    """A place in a file.

    Attributes:
        file: The file's name, relative to the current directory if it is below it.
        line: The line, from 1; 0 if unknown.
        column: The column, from 1; 0 if unknown.
    """

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        numbers = [str(number) for number in (self.line, self.column) if number]
        return ":".join([self.file, *numbers])


def calling_place() -> Place:
    """Return the line of the program that called this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return Place(_short(frame.f_code.co_filename), frame.f_lineno)


def _short(file: str) -> str:
    below = os.path.join(os.getcwd(), "")
    return file.removeprefix(below)
