"""Values and memory as the human monitor prints them, in a format such as ``/4xw``.

Spec: QEMU 7.2, measured.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from qmpeer import limits
from qmpeer.effects.human_formats import Format

ReadMemory: TypeAlias = Callable[[int, int], bytes | None]
"""Reads a number of bytes at an address; returns None if they can't be read."""

_ESCAPES: Final = {"'": "\\'", "\\": "\\\\", "\n": "\\n", "\r": "\\r"}


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
