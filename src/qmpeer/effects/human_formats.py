"""Formats of the human monitor, such as ``/4xw``: a count, a notation and a size.

Spec: QEMU 7.2, measured. A missing part is taken from the last format, which all of QEMU's monitors
share.
"""

import re
from typing import Any, Final, Protocol

import msgspec

from qmpeer.effects.human_words import BLANKS

_FORMAT: Final = re.compile(r"([0-9]*)([oduxicbhwgL]*)")
_SIZES: Final = {"b": 1, "h": 2, "w": 4, "g": 8, "L": 8}
_COUNT_DIGITS: Final = 18


class Format(msgspec.Struct, frozen=True):
    """One complete format.

    Attributes:
        count: The number of values, by default 1.
        notation: ``o``, ``d``, ``u``, ``x``, ``c``, or ``i`` for instructions.
        size: Bytes of one value: 1, 2, 4 or 8; -1 for instructions without a size.
    """

    count: int = 1
    notation: str = "x"
    size: int = 4


class FormatReader(Protocol):
    """A reader of the formats of a line."""

    def last(self) -> Any:
        """Return the format that applies if a line has none."""

    def read(self, text: str, position: int) -> tuple[Any, int]:
        """Read the format behind a slash; return it and the position of its end.

        Raises:
            ValueError: If another character than a blank follows.
        """


class GivenFormat(msgspec.Struct, frozen=True):
    """The parts of a format that a line gives.

    Attributes:
        count: The number of values, by default 1.
        notation: The letter of the notation, or None.
        size: Bytes of one value, or None.
    """

    count: int = 1
    notation: str | None = None
    size: int | None = None


def read_format(text: str, position: int) -> tuple[GivenFormat, int]:
    """Read the format behind a slash; return it and the position of its end.

    Raises:
        ValueError: If another character than a blank follows.

    Example:
        >>> read_format("/4xw 0", 1)
        (GivenFormat(count=4, notation='x', size=4), 4)
    """
    found = _FORMAT.match(text, position)
    assert found is not None
    if text[found.end() : found.end() + 1].strip(BLANKS):
        raise ValueError(f"invalid char in format: '{text[found.end()]}'")
    digits, letters = found.groups()
    # Cut off: int() of a million digits takes long, and no count is that large.
    count = int(digits[:_COUNT_DIGITS]) if digits else 1
    notation, size = None, None
    for letter in letters:
        if letter in _SIZES:
            size = _SIZES[letter]
        else:
            notation = letter
    return GivenFormat(count, notation, size), found.end()


class FormatMemory:
    """A reader of formats that completes them from the last format."""

    def __init__(self) -> None:
        self._notation = "x"
        self._size = 4

    def last(self) -> Format:
        """Return the format that applies if a line has none."""
        return Format(1, self._notation, -1 if self._notation == "i" else self._size)

    def read(self, text: str, position: int) -> tuple[Format, int]:
        """Read the format behind a slash; return it and the position of its end.

        Raises:
            ValueError: If another character than a blank follows; then it isn't remembered.
        """
        given, end = read_format(text, position)
        notation = given.notation or self._notation
        size = -1 if given.size is None else given.size
        self._notation = notation
        if notation != "i":
            self._size = size = self._size if size < 0 else size
        return Format(given.count, notation, size), end
