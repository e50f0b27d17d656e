"""A line for the human monitor, read to the command that QEMU would execute and its arguments.

Releases differ in the arguments of some commands. A line is read once for each of a command's
signatures. Those that QEMU would refuse are left out; the others must agree. So what is read holds
for every release, and what isn't read for certain is an error.

Spec: QEMU 1.0 to 11.1: a name ends at a blank or a slash and is matched whole, with its case; there
is one command a line; a line end is a blank.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec

from qmpeer import limits
from qmpeer.effects.human_arguments import (
    ArgumentContext,
    ArgumentError,
    HumanArgument,
    parse_letters,
    read_arguments,
)
from qmpeer.effects.human_formats import GivenFormat, read_format
from qmpeer.effects.human_options import parse_options
from qmpeer.effects.human_table import HumanRow, human_row
from qmpeer.effects.human_words import BLANKS, skip_blanks
from qmpeer.errors import HumanLineError
from qmpeer.values import JsonObject, JsonValue

_NAME: Final = re.compile(r"[^ /\t\n\v\f\r]*")
_NUMBERS: Final = "ilM"
_WIDE: Final = "lM"
_UNSIGNED: Final = (1 << 64) - 1
_INFO: Final = "info"
_FORMAT_LETTER: Final = "/"
_FORMAT_PARTS: Final = frozenset({"count", "format", "size"})
_DIVISION: Final = re.compile(r"[/%]")
_LEADING_FORMAT: Final = re.compile(r"^/[^ \t\n\v\f\r]*")
_Values: TypeAlias = dict[str, Any]
_MOST_VALUES: Final = (1 << 31) - 1

_OPTIONS: Final[Mapping[str, tuple[str, str | None]]] = {
    "chardev-add": ("args", "backend"),
    "chardev-change": ("args", "backend"),
    "device_add": ("device", "driver"),
    "drive_add": ("opts", None),
    "host_net_add": ("opts", None),
    "netdev_add": ("netdev", "type"),
    "object_add": ("object", "qom-type"),
    "pci_add": ("opts", None),
}
"""The argument that holds options, and the name of the option that may be first without a name."""
_DEFAULTS: Final[Mapping[str, JsonObject]] = {"gdbserver": {"device": "tcp::1234"}}
"""The values of arguments whose absence isn't harmless."""


class HumanCommand(msgspec.Struct, frozen=True):
    """A command of the human monitor as a line gives it.

    Attributes:
        name: Its canonical name, such as ``cont`` or ``info block``.
        arguments: Its arguments by name; missing ones are missing. Numbers of 64 bits have no
            sign, as addresses have none. A format is ``count``, and
            ``format`` and ``size`` if the line gives them. Options stand under their own names if
            they are all that the command takes.
        unknown: The arguments whose value only the guest's registers decide; it is None.
    """

    name: str
    arguments: JsonObject
    unknown: frozenset[str] = frozenset()


def parse_human_line(text: str) -> HumanCommand:
    """Read a line as QEMU does.

    Args:
        text: The line, as the member command-line of human-monitor-command has it.

    Raises:
        HumanLineError: If the line isn't read with certainty.

    Example:
        >>> parse_human_line("info  block -v ide0")
        HumanCommand(name='info block', arguments={'verbose': True, 'device': 'ide0'}, ...)
    """
    _check_characters(text)
    row, position = _find(text)
    error = "no release has it"
    read: _Values | None = None
    unknown: frozenset[str] = frozenset()
    for letters in dict.fromkeys(each.letters for each in row.signatures):
        try:
            values, unknown = _read(row, letters, text, position)
        except ArgumentError as refusal:
            error = str(refusal)
            continue
        if read is not None and not _are_alike(values, read):
            raise HumanLineError(f"{row.name}: QEMU's releases read these arguments differently")
        read = values
    if read is None:
        raise HumanLineError(error)
    return HumanCommand(row.name, _as_members(row.name, read), unknown)


def human_argument_names(name: str) -> frozenset[str] | None:
    """Return the names of a command's arguments in all releases, as `parse_human_line` gives them.

    Returns:
        None if the command is unknown, or takes options with any names.

    Example:
        >>> sorted(human_argument_names("xp"))
        ['addr', 'count', 'format', 'size']
    """
    row = human_row(name)
    if row is None:
        return None
    arguments = [each for one in row.signatures for each in _arguments(one.letters)]
    names = {each.name for each in arguments if each.letter != _FORMAT_LETTER}
    if len(names) < len({each.name for each in arguments}):
        names |= _FORMAT_PARTS
    return None if names == {_OPTIONS.get(name, ("", None))[0]} else frozenset(names)


def _check_characters(text: str) -> None:
    size = len(text.encode("utf-8", "replace"))
    if size > limits.HUMAN_LINE:
        raise HumanLineError(f"found {size} bytes, expected at most {limits.HUMAN_LINE}")
    for character in text:
        if not character.isprintable() and character not in BLANKS:
            raise HumanLineError(f"found character {character!r}, expected a printable one")


def _find(text: str) -> tuple[HumanRow, int]:
    """Find the command of a line; return it and the position of its arguments."""
    start = skip_blanks(text, 0)
    found = _NAME.match(text, start)
    assert found is not None
    if start == len(text):
        raise HumanLineError("found an empty line, expected a command")
    row = human_row(found[0])
    position = skip_blanks(text, found.end())
    if row is not None and row.name == _INFO and position < len(text):
        found = _NAME.match(text, position)
        assert found is not None
        row = human_row(f"{_INFO} {found[0]}")
        position = skip_blanks(text, found.end())
    if row is None:
        shown = text[start : found.end() + (not found[0])]
        raise HumanLineError(f"found unknown command {shown!r}")
    return row, position


class _Formats:
    """Reads the parts of a format that a line gives; the others are those of an earlier line."""

    @staticmethod
    def last() -> GivenFormat:
        """Return the format of a line that gives none."""
        return GivenFormat()

    @staticmethod
    def read(text: str, position: int) -> tuple[GivenFormat, int]:
        """Read a format; more values than an integer of C can count are a ValueError."""
        given, end = read_format(text, position)
        if given.count > _MOST_VALUES:
            raise ValueError(f"found a count of {given.count}, expected at most {_MOST_VALUES}")
        return given, end


def _read(row: HumanRow, letters: str, text: str, position: int) -> tuple[_Values, frozenset[str]]:
    """Read arguments by one signature; return them, and the names of those with registers.

    Raises:
        ArgumentError: If QEMU refuses them.
        HumanLineError: If a register decides about a division.
    """
    arguments = _arguments(letters)
    registers: list[str] = []

    def register(name: str) -> int:
        registers.append(name)
        return 1

    context = ArgumentContext(row.name, register, _Formats, is_strict=True)
    values = read_arguments(arguments, text, position, context)
    for each in arguments:
        if each.letter == "B" and values.get(each.name, "").startswith("-"):
            # No device has such a name: it is a flag that this release doesn't have.
            raise ArgumentError(f"{row.name}: found {values[each.name]!r}, expected a device")
        if each.letter in _WIDE and each.name in values:
            # Addresses: as unsigned numbers none of them is below another one by a sign.
            values[each.name] &= _UNSIGNED
    if not registers:
        return values, frozenset()
    if _DIVISION.search(_LEADING_FORMAT.sub("", text[position:])):
        # The lowest integer divided by -1 ends QEMU.
        raise HumanLineError(f"{row.name}: found a register beside a division")
    unknown = values.keys() & {each.name for each in arguments if each.letter in _NUMBERS}
    return {**values, **dict.fromkeys(unknown)}, frozenset(unknown)


@lru_cache(512)  # more than there are signatures
def _arguments(letters: str) -> tuple[HumanArgument, ...]:
    return parse_letters(letters)


def _are_alike(one: _Values, other: _Values) -> bool:
    """Return True if two readings give the same; a number and its digits are the same."""
    return one.keys() == other.keys() and all(str(one[name]) == str(other[name]) for name in one)


def _as_members(name: str, values: _Values) -> JsonObject:
    """Return arguments as members that a policy's tests can name."""
    members: dict[str, JsonValue] = dict(_DEFAULTS.get(name, {}))
    argument, first = _OPTIONS.get(name, ("", None))
    for each, value in values.items():
        if isinstance(value, GivenFormat):
            given = {"count": value.count, "format": value.notation, "size": value.size}
            members |= {part: given[part] for part in given if given[part] is not None}
        elif each != argument:
            members[each] = value
        elif len(values) == 1:
            members |= parse_options(value, first)
        else:
            members[each] = parse_options(value, first)
    return members
