"""Formats of the human monitor, such as ``/4xw``: a count, a notation and a size.

Spec: QEMU 7.2, measured. A missing part is taken from the last format, which all of QEMU's monitors
share.
"""

import re
from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from qmpeer import limits
from qmpeer.monitor.human.words import BLANKS

ReadMemory: TypeAlias = Callable[[int, int], bytes | None]
"""Reads a number of bytes at an address; returns None if they can't be read."""

_FORMAT: Final = re.compile(r"([0-9]*)([oduxicbhwgL]*)")
_SIZES: Final = {"b": 1, "h": 2, "w": 4, "g": 8, "L": 8}
_ESCAPES: Final = {"'": "\\'", "\\": "\\\\", "\n": "\\n", "\r": "\\r"}


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
        found = _FORMAT.match(text, position)
        assert found is not None
        if text[found.end() : found.end() + 1].strip(BLANKS):
            raise ValueError(f"invalid char in format: '{text[found.end()]}'")
        digits, letters = found.groups()
        # Cut off: int() of a million digits takes long, and no count is that large.
        count = int(digits[:_COUNT_DIGITS]) if digits else 1
        notation, size = self._notation, -1
        for letter in letters:
            if letter in _SIZES:
                size = _SIZES[letter]
            else:
                notation = letter
        self._notation = notation
        if notation != "i":
            self._size = size = self._size if size < 0 else size
        return Format(count, notation, size), found.end()


_COUNT_DIGITS: Final = 18


def format_character(value: int) -> str:
    r"""Format a value as a character in quotes.

    Example:
        >>> format_character(10), format_character(300)
        ("'\\n'", "'\\x12c'")
    """
    value &= 0xFFFF_FFFF
    if 32 <= value <= 126 or value in (10, 13):
        return f"'{_ESCAPES.get(chr(value), chr(value))}'"
    return f"'\\x{value:02x}'"


def format_value(value: int, notation: str) -> str:
    """Format a value as ``print`` does: ``d`` and ``i`` signed, others as unsigned 64 bits.

    Example:
        >>> format_value(255, "x"), format_value(-1, "d"), format_value(0, "x")
        ('0xff', '-1', '0')
    """
    bits = value & 0xFFFF_FFFF_FFFF_FFFF
    match notation:
        case "o":
            return f"0{bits:o}" if bits else "0"
        case "x":
            return f"0x{bits:x}" if bits else "0"
        case "u":
            return str(bits)
        case "c":
            return format_character(value)
        case _:
            return str(value)


def dump_memory(format: Format, address: int, read: ReadMemory) -> str:
    r"""Dump memory as ``x`` and ``xp`` do, except the notation ``i``, which callers handle.

    The dump stops at memory that can't be read. [QEMU has no limit; ours is ``limits.HUMAN_DUMP``
    bytes.]

    Args:
        format: The notation, the size and the number of values.
        address: The first address.
        read: Reads up to 16 bytes.

    Example:
        >>> dump_memory(Format(2, "x", 2), 0x10, lambda address, size: bytes(range(size)))
        '0000000000000010: 0x0100 0x0302\n'
    """
    size = max(format.size, 1)
    width = 8 if size == 1 else 16
    whole = size * format.count
    if format.notation == "c":
        size = 1
    lines: list[str] = []
    for offset in range(0, min(whole, limits.HUMAN_DUMP), width):
        length = min(width, whole - offset)
        where = f"{(address + offset) & 0xFFFF_FFFF_FFFF_FFFF:016x}:"
        data = read(address + offset, length)
        if data is None:
            lines.append(f"{where} Cannot access memory\n")
            return "".join(lines)
        values = (int.from_bytes(data[at : at + size], "little") for at in range(0, length, size))
        cells = "".join(f" {_cell(value, format.notation, size)}" for value in values)
        lines.append(f"{where}{cells}\n")
    if whole > limits.HUMAN_DUMP:
        lines.append(f"only the first {limits.HUMAN_DUMP} bytes are shown\n")
    return "".join(lines)


def _cell(value: int, notation: str, size: int) -> str:
    bits = 8 * size
    match notation:
        case "o":
            return format_value(value, "o").rjust((bits + 2) // 3)
        case "c":
            return format_character(value)
        case "d" | "u":
            if notation == "d" and size == 8 and value >> 63:
                value -= 1 << 64
            return str(value).rjust((bits * 10 + 32) // 33)
        case _:
            return f"0x{value:0{bits // 4}x}"
