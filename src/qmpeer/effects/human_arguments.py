"""Arguments of human commands, by QEMU's letters: ``device:B,force:-f,size:o?``.

==========  =====================================================================================
letter      argument
==========  =====================================================================================
``s``       a word, in quotes or not
``F`` ``B``  a word: the name of a file or of a block device, which completion offers
``S``       the rest of the line
``O``       an optional word: options, which the command parses itself
``i`` ``l``  an expression of 32 or of 64 bits
``M``       an expression in MiB that isn't negative; passed in bytes
``o``       a size such as ``1.5G``, in MiB without a suffix; passed in bytes
``T``       a number, optionally followed by ``ms``, ``us`` or ``ns``; passed in seconds
``b``       ``on`` or ``off``
``/``       a format such as ``/4xw``; passed as a `Format`; missing parts are the last one's
``-f``      an optional ``-f``; True if it is present
``-fs``     an optional ``-f`` and a word
==========  =====================================================================================

``?`` behind a letter makes the argument optional; it is missing only at the end of the line. ``.``
behind a letter makes an expression optional; it is present if a dot precedes it. A missing argument
has no value.

Spec: QEMU 7.2, measured; the texts of errors are QEMU's. [``b`` and ``T`` may be optional, too;
words aren't limited to 1023 bytes; and the error about a ``-`` at the end has its own line.]
"""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from qmpeer import limits
from qmpeer.effects.human_expressions import ExpressionError, Registers, evaluate, signed
from qmpeer.effects.human_formats import FormatReader
from qmpeer.effects.human_words import BLANKS, read_word, skip_blanks


class ArgumentError(ValueError):
    """A mistake in a command's arguments; the text is QEMU's."""


class HumanArgument(NamedTuple):
    """The description of one argument of a human command.

    Attributes:
        name: Its name.
        letter: Its type; ``-`` for flags.
        mark: ``?``, ``.`` or nothing.
        flag: The letter of a flag.
        takes_word: True if a word follows the flag.
    """

    name: str
    letter: str
    mark: str = ""
    flag: str = ""
    takes_word: bool = False


class ArgumentContext(NamedTuple):
    """The context in which a line's arguments are read.

    Attributes:
        command: The command's name in its table, for errors.
        registers: Looks up the values of registers.
        formats: Reads formats.
        is_strict: True to refuse what releases or builds of QEMU don't read alike.
    """

    command: str
    registers: Registers
    formats: FormatReader
    is_strict: bool = False


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
_Reader: TypeAlias = Callable[[HumanArgument, str, int, ArgumentContext], tuple[Any, int]]


def parse_letters(text: str) -> tuple[HumanArgument, ...]:
    """Parse QEMU's description of a command's arguments.

    Raises:
        ValueError: If it isn't such a description.

    Example:
        >>> parse_letters("force:-f,device:B")[1]
        HumanArgument(name='device', letter='B', mark='', flag='', takes_word=False)
    """
    arguments = []
    for part in text.split(",") if text else ():
        found = _ARGUMENT.fullmatch(part)
        if found is None:
            raise ValueError(f"found {part!r} among arguments, expected NAME:LETTER")
        if found["flag"]:
            arguments.append(HumanArgument(found[1], "-", "", found["flag"], bool(found["word"])))
            continue
        argument = HumanArgument(found[1], found["letter"], found[5])
        if argument.mark == "." and argument.letter not in _INTEGERS:
            raise ValueError(f"found {part!r} among arguments, but only expressions take a dot")
        arguments.append(argument)
    return tuple(arguments)


def read_arguments(
    arguments: Sequence[HumanArgument], line: str, position: int, context: ArgumentContext
) -> dict[str, Any]:
    """Read a command's arguments up to the end of the line.

    Raises:
        ArgumentError: If an argument is missing or wrong, or there are too many.
    """
    values: dict[str, Any] = {}
    for index, argument in enumerate(arguments):
        if argument.letter == "-":
            value, position = _read_flag(arguments[index:], line, position, context)
        else:
            position = skip_blanks(line, position)
            if argument.mark == "?" and position == len(line):
                continue
            value, position = _READERS[argument.letter](argument, line, position, context)
        if value is not _MISSING:
            values[argument.name] = value
            if context.is_strict:
                _check_strictly(value, line, position, context)
    if skip_blanks(line, position) < len(line):
        raise ArgumentError(f"{context.command}: extraneous characters at the end of line")
    return values


def _check_strictly(value: Any, line: str, position: int, context: ArgumentContext) -> None:
    """Raise ArgumentError for an argument that isn't read alike everywhere.

    A longer word is cut by QEMU. An argument that doesn't end at a blank is two arguments, or one:
    0b11, 0x1p3 and 1e3 are numbers in some releases, and with some C libraries.
    """
    if isinstance(value, str) and len(value.encode("utf-8", "replace")) > limits.HUMAN_WORD:
        found = f"a word of more than {limits.HUMAN_WORD} bytes, which QEMU cuts"
        raise ArgumentError(f"{context.command}: found {found}")
    if position < len(line) and line[position - 1] not in BLANKS and line[position] not in BLANKS:
        raise ArgumentError(
            f"{context.command}: found {line[position]!r} behind an argument, expected a blank"
        )


def _read_flag(
    arguments: Sequence[HumanArgument], line: str, position: int, context: ArgumentContext
) -> tuple[Any, int]:
    """Read the first of these flags if it comes next; a later flag may come instead."""
    argument = arguments[0]
    start = skip_blanks(line, position)
    if not line.startswith("-", start):
        return _MISSING, start
    letter = line[start + 1 : start + 2]
    if letter != argument.flag:
        # QEMU searches "-X" in the whole text that describes the later arguments, names included.
        if letter and any(letter == of.flag or f"-{letter}" in of.name for of in arguments[1:]):
            return _MISSING, start
        raise ArgumentError(f"{context.command}: unsupported option -{letter}")
    if not argument.takes_word:
        return True, start + 2
    found = read_word(line, start + 2)
    if found is None:
        raise ArgumentError(f"{context.command}: value expected for -{letter}")
    return found


def _read_word(
    argument: HumanArgument, line: str, position: int, context: ArgumentContext
) -> tuple[Any, int]:
    found = read_word(line, position)
    if found is not None:
        return found
    kind = {"F": "filename", "B": "block device name"}.get(argument.letter, "string")
    raise ArgumentError(f"{context.command}: {kind} expected")


def _read_options(
    argument: HumanArgument, line: str, position: int, context: ArgumentContext
) -> tuple[Any, int]:
    if position == len(line):
        return _MISSING, position
    return _read_word(argument, line, position, context)


def _read_rest(
    argument: HumanArgument, line: str, position: int, context: ArgumentContext
) -> tuple[Any, int]:
    if position == len(line):
        raise ArgumentError(f"{context.command}: string expected")
    return line[position:], len(line)


def _read_integer(
    argument: HumanArgument, line: str, position: int, context: ArgumentContext
) -> tuple[Any, int]:
    if argument.mark == ".":
        if not line.startswith(".", position):
            return _MISSING, position
        position += 1
    try:
        value, position = evaluate(line, position, context.registers)
    except ExpressionError as error:
        raise ArgumentError(str(error)) from None
    if argument.letter == "i" and not 0 <= value < 1 << 32:
        name = context.command
        raise ArgumentError(f"'{name}' has failed: integer is for 32-bit values")
    if argument.letter == "M":
        if value < 0:
            raise ArgumentError("enter a positive value")
        value = signed(value * _MIB)
    return value, position


def _read_size(
    argument: HumanArgument, line: str, position: int, context: ArgumentContext
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
        # As QEMU: no exponent, no fraction of a byte, and at most 64 bits.
        if has_exponent or (fraction and scale == 1) or len(whole.lstrip("0")) > 20:
            raise ArgumentError("invalid size")
        value = int(whole) * scale + int(fraction * scale + 0.5)
    if value >= 1 << 63:
        raise ArgumentError("invalid size")
    return value, position + bool(unit)


def _read_time(
    argument: HumanArgument, line: str, position: int, context: ArgumentContext
) -> tuple[Any, int]:
    found = _NUMBER.match(line, position)
    if found is None:
        raise ArgumentError("Number expected")
    value, position = float(found[0]), found.end()
    # C's strtod() accepts inf and nan; QEMU refuses them afterwards.
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
    argument: HumanArgument, line: str, position: int, context: ArgumentContext
) -> tuple[Any, int]:
    end = position
    while end < len(line) and "!" <= line[end] <= "~":
        end += 1
    word = line[position:end]
    if word not in ("on", "off"):
        raise ArgumentError("Expected 'on' or 'off'")
    return word == "on", end


def _read_format(
    argument: HumanArgument, line: str, position: int, context: ArgumentContext
) -> tuple[Any, int]:
    if not line.startswith("/", position):
        return context.formats.last(), position
    try:
        return context.formats.read(line, position + 1)
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
