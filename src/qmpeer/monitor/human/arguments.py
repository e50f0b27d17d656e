"""Arguments of human commands, by QEMU's letters: ``device:B,force:-f,size:o?``.

==========  =====================================================================================
letter      what is read
==========  =====================================================================================
``s``       a word, which may stand in quotes
``F`` ``B``  the same: a file's name, a block device's; completed as such
``S``       the rest of the line
``O``       the same as ``s`` where it may be left out: options, the command's own to read
``i`` ``l``  an expression of 32, of 64 bits
``M``       an expression that isn't negative, in MiB; given in bytes
``o``       a size such as ``1.5G``, in MiB without a suffix; given in bytes
``T``       a number, with ``ms``, ``us`` or ``ns`` behind it if need be; given in seconds
``b``       ``on`` or ``off``
``/``       a format such as ``/4xw``; given as a `Format`, what is left out as it was last
``-f``      ``-f`` or nothing; True if it is there
``-fs``     ``-f`` and a word, or nothing
==========  =====================================================================================

``?`` behind a letter: it may be missing, which only the end of the line shows. ``.`` behind one:
the expression is there if a dot stands before it. What is missing isn't among what is given.

Spec: QEMU 7.2, measured; the texts of errors are QEMU's. [An optional ``b`` and ``T`` are taken
too, words have no limit of 1023 bytes, and the error about a ``-`` at the end has its own line.]
"""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from qmpeer.monitor.human.expressions import ExpressionError, Registers, evaluate, signed
from qmpeer.monitor.human.formats import FormatMemory
from qmpeer.monitor.human.words import BLANKS, read_word, skip_blanks


class ArgumentError(ValueError):
    """Say what is wrong with a command's arguments, in QEMU's words."""


class Argument(NamedTuple):
    """Hold one argument of a command.

    Attributes:
        name: Its name.
        letter: What is read; ``-`` for flags.
        mark: ``?``, ``.`` or nothing.
        flag: The letter of a flag.
        takes_word: A word stands behind the flag.
    """

    name: str
    letter: str
    mark: str = ""
    flag: str = ""
    takes_word: bool = False


class Surroundings(NamedTuple):
    """Hold what arguments are read with, besides the line.

    Attributes:
        command: The command's name as its table has it, for errors.
        registers: Gives the values of registers.
        formats: Remembers the last format.
    """

    command: str
    registers: Registers
    formats: FormatMemory


_ARGUMENT: Final = re.compile(
    r"([\w-]+):(?:-(?P<flag>.)(?P<word>s?)|(?P<letter>[sFBSOilMoTb/])([?.]?))"
)
_INTEGERS: Final = "ilM"
_SIZE: Final = re.compile(
    r"(?:0[xX](?P<hex>[0-9a-fA-F]+)(?P<dot>\.)?|\+?(?P<whole>[0-9]+)(?P<fraction>\.[0-9]*)?)"
)
_EXPONENT: Final = re.compile(r"[eE][+-]?[0-9]")
_UNITS: Final = {unit: 1 << shift for unit, shift in zip("BKMGTPE", range(0, 70, 10), strict=True)}
_MIB: Final = 1 << 20
_NUMBER: Final = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf(?:inity)?|nan)", re.IGNORECASE
)
_SECONDS: Final = {"ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_MISSING: Final = object()
_Reader: TypeAlias = Callable[[Argument, str, int, Surroundings], tuple[Any, int]]


def parse_letters(text: str) -> tuple[Argument, ...]:
    """Read QEMU's description of a command's arguments.

    Raises:
        ValueError: If it is none.

    Example:
        >>> parse_letters("force:-f,device:B")[1]
        Argument(name='device', letter='B', mark='', flag='', takes_word=False)
    """
    arguments = []
    for part in text.split(",") if text else ():
        found = _ARGUMENT.fullmatch(part)
        if found is None:
            raise ValueError(f"found {part!r} among arguments, expected NAME:LETTER")
        if found["flag"]:
            arguments.append(Argument(found[1], "-", "", found["flag"], bool(found["word"])))
            continue
        argument = Argument(found[1], found["letter"], found[5])
        if argument.mark == "." and argument.letter not in _INTEGERS:
            raise ValueError(f"found {part!r} among arguments, but only expressions take a dot")
        arguments.append(argument)
    return tuple(arguments)


def read_arguments(
    arguments: Sequence[Argument], line: str, position: int, surroundings: Surroundings
) -> dict[str, Any]:
    """Read a command's arguments to the end of the line.

    Raises:
        ArgumentError: If one is missing or wrong, or there are too many.
    """
    values: dict[str, Any] = {}
    for index, argument in enumerate(arguments):
        if argument.letter == "-":
            value, position = _read_flag(arguments[index:], line, position, surroundings)
        else:
            position = skip_blanks(line, position)
            if argument.mark == "?" and position == len(line):
                continue
            value, position = _READERS[argument.letter](argument, line, position, surroundings)
        if value is not _MISSING:
            values[argument.name] = value
    if skip_blanks(line, position) < len(line):
        raise ArgumentError(f"{surroundings.command}: extraneous characters at the end of line")
    return values


def _read_flag(
    arguments: Sequence[Argument], line: str, position: int, surroundings: Surroundings
) -> tuple[Any, int]:
    """Read the first of these flags, if it comes next; it may be a later one's turn."""
    argument = arguments[0]
    start = skip_blanks(line, position)
    if not line.startswith("-", start):
        return _MISSING, start
    letter = line[start + 1 : start + 2]
    if letter != argument.flag:
        # QEMU looks for "-X" in all that describes what comes, the names too.
        if letter and any(letter == of.flag or f"-{letter}" in of.name for of in arguments[1:]):
            return _MISSING, start
        raise ArgumentError(f"{surroundings.command}: unsupported option -{letter}")
    if not argument.takes_word:
        return True, start + 2
    found = read_word(line, start + 2)
    if found is None:
        raise ArgumentError(f"{surroundings.command}: value expected for -{letter}")
    return found


def _read_word(
    argument: Argument, line: str, position: int, surroundings: Surroundings
) -> tuple[Any, int]:
    found = read_word(line, position)
    if found is not None:
        return found
    what = {"F": "filename", "B": "block device name"}.get(argument.letter, "string")
    raise ArgumentError(f"{surroundings.command}: {what} expected")


def _read_options(
    argument: Argument, line: str, position: int, surroundings: Surroundings
) -> tuple[Any, int]:
    if position == len(line):
        return _MISSING, position
    return _read_word(argument, line, position, surroundings)


def _read_rest(
    argument: Argument, line: str, position: int, surroundings: Surroundings
) -> tuple[Any, int]:
    if position == len(line):
        raise ArgumentError(f"{surroundings.command}: string expected")
    return line[position:], len(line)


def _read_integer(
    argument: Argument, line: str, position: int, surroundings: Surroundings
) -> tuple[Any, int]:
    if argument.mark == ".":
        if not line.startswith(".", position):
            return _MISSING, position
        position += 1
    try:
        value, position = evaluate(line, position, surroundings.registers)
    except ExpressionError as error:
        raise ArgumentError(str(error)) from None
    if argument.letter == "i" and not 0 <= value < 1 << 32:
        name = surroundings.command
        raise ArgumentError(f"'{name}' has failed: integer is for 32-bit values")
    if argument.letter == "M":
        if value < 0:
            raise ArgumentError("enter a positive value")
        value = signed(value * _MIB)
    return value, position


def _read_size(
    argument: Argument, line: str, position: int, surroundings: Surroundings
) -> tuple[Any, int]:
    found = _SIZE.match(line, position)
    if found is None or found["dot"]:
        raise ArgumentError("invalid size")
    position = found.end()
    unit = _UNITS.get(line[position : position + 1].upper(), 0)
    scale = unit or _MIB
    if found["hex"]:
        value = int(found["hex"], 16) * scale
    else:
        whole, fraction_digits = found["whole"], (found["fraction"] or ".")[1:]
        fraction = float(f"0.{fraction_digits}")
        has_exponent = fraction_digits and _EXPONENT.match(line, position)
        if has_exponent or (fraction and scale == 1) or len(whole.lstrip("0")) > 20:
            raise ArgumentError("invalid size")
        value = int(whole) * scale + int(fraction * scale + 0.5)
    if value >= 1 << 63:
        raise ArgumentError("invalid size")
    return value, position + bool(unit)


def _read_time(
    argument: Argument, line: str, position: int, surroundings: Surroundings
) -> tuple[Any, int]:
    found = _NUMBER.match(line, position)
    if found is None:
        raise ArgumentError("Number expected")
    value, position = float(found[0]), found.end()
    if not math.isfinite(value):
        raise ArgumentError("Bad number")
    unit = line[position : position + 2]
    if unit in _SECONDS:
        value *= _SECONDS[unit]
        position += 2
    if position < len(line) and line[position] not in BLANKS:
        raise ArgumentError("Unknown unit suffix")
    return value, position


def _read_switch(
    argument: Argument, line: str, position: int, surroundings: Surroundings
) -> tuple[Any, int]:
    end = position
    while end < len(line) and "!" <= line[end] <= "~":
        end += 1
    word = line[position:end]
    if word not in ("on", "off"):
        raise ArgumentError("Expected 'on' or 'off'")
    return word == "on", end


def _read_format(
    argument: Argument, line: str, position: int, surroundings: Surroundings
) -> tuple[Any, int]:
    if not line.startswith("/", position):
        return surroundings.formats.last(), position
    try:
        return surroundings.formats.read(line, position + 1)
    except ValueError as error:
        raise ArgumentError(str(error)) from None


_READERS: Final[dict[str, _Reader]] = {
    **dict.fromkeys("sFB", _read_word),
    **dict.fromkeys(_INTEGERS, _read_integer),
    "S": _read_rest,
    "O": _read_options,
    "o": _read_size,
    "T": _read_time,
    "b": _read_switch,
    "/": _read_format,
}
