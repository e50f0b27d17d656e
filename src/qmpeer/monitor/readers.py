"""Readers: functions that take one JSON value of one type, or refuse it in QEMU's words.

Theory of operation. A reader is a closure that knows nothing of where its value stands. A value
that doesn't fit raises Refusal; each closure that the Refusal passes on its way out adds its own
step to the path (".member" or "[3]"), so that no path is made while all is well. The text is made
at the end.

The order in which things are refused is QEMU's: members in the order of their declaration, missing
and ill-typed ones at once; unexpected ones when all the others of the same struct have been read.

Spec: QEMU's input visitor, whose error texts these are. Three of them give the member's own name
instead of its path, and "null" for a list's element: a value outside an enum, an integer outside
its bits, a value of none of an alternate's types.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from qmpeer.errors import CommandError
from qmpeer.messages import unexpected_member
from qmpeer.monitor.types import Signed, Unsigned
from qmpeer.values import JsonObject, JsonValue

__all__ = [
    "Member",
    "Reader",
    "Refusal",
    "alternate_reader",
    "enum_reader",
    "integer_reader",
    "list_reader",
    "object_reader",
    "read_any",
    "read_boolean",
    "read_float",
    "read_integer",
    "read_null",
    "read_number",
    "read_string",
    "struct_reader",
    "wrong_type",
]

Reader: TypeAlias = Callable[[JsonValue], object]

_MISSING: Final = object()
_MIN_INT64: Final = -(1 << 63)
_MAX_INT64: Final = (1 << 63) - 1
_MAX_UINT64: Final = (1 << 64) - 1


class Refusal(Exception):
    """Tell that a value doesn't fit, and collect where it stands.

    Attributes:
        before: The text before the name of the parameter.
        after: The text after it.
        path: The steps to the value, the innermost first: ".member" or "[3]".
        is_local: Whether the text gives the last step only.
    """

    def __init__(self, before: str, after: str, *path: str, is_local: bool = False) -> None:
        super().__init__(before, after)
        self.before = before
        self.after = after
        self.path: list[str] = list(path)
        self.is_local = is_local

    def error(self) -> CommandError:
        """Make the error that the client gets."""
        if not self.is_local:
            name = "".join(reversed(self.path))[1:]
        elif self.path[0].startswith("."):
            name = self.path[0][1:]
        else:
            name = "null"
        return CommandError("GenericError", f"{self.before} '{name}'{self.after}")


def wrong_type(expected: str) -> Refusal:
    """Return the refusal of a value of another JSON type than was expected."""
    return Refusal("Invalid parameter type for", f", expected: {expected}")


class Member(NamedTuple):
    """Hold one member of a struct, or one argument of a command.

    Attributes:
        wire: Its name on the wire.
        name: Its name in Python.
        read: The reader of its value.
        is_optional: Whether it may be missing.
    """

    wire: str
    name: str
    read: Reader
    is_optional: bool


def read_any(value: JsonValue) -> object:
    """Take any value."""
    return value


def read_string(value: JsonValue) -> object:
    """Take a string."""
    if type(value) is str:
        return value
    raise wrong_type("string")


def read_boolean(value: JsonValue) -> object:
    """Take true or false."""
    if type(value) is bool:
        return value
    raise wrong_type("boolean")


def read_null(value: JsonValue) -> object:
    """Take null."""
    if value is None:
        return value
    raise wrong_type("null")


def read_number(value: JsonValue) -> object:
    """Take a number, integer or not, as it is."""
    if type(value) is float or type(value) is int:
        return value
    raise wrong_type("number")


def read_float(value: JsonValue) -> object:
    """Take a number, as a float."""
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:  # the reader of JSON makes these infinite as well
            return math.inf if value > 0 else -math.inf
    raise wrong_type("number")


def read_integer(value: JsonValue) -> int:
    """Take an integer of 64 bits; 1.0 and 1e3 are none, as in QEMU."""
    if type(value) is int and _MIN_INT64 <= value <= _MAX_INT64:
        return value
    raise wrong_type("integer")


def _read_uint64(value: JsonValue) -> int:
    if type(value) is int and _MIN_INT64 <= value <= _MAX_UINT64:
        return value & _MAX_UINT64  # a negative one is taken for its two's complement
    raise Refusal("Parameter", " expects uint64")


def integer_reader(kind: Signed | Unsigned) -> Reader:
    """Make a reader of integers of so many bits, which names them as C does."""
    read: Callable[[JsonValue], int]
    if isinstance(kind, Signed):
        read, low, high, word = read_integer, -1 << kind.bits - 1, (1 << kind.bits - 1) - 1, "int"
    else:
        read, low, high, word = _read_uint64, 0, (1 << kind.bits) - 1, "uint"
    if kind.bits == 64:
        return read

    def read_bits(value: JsonValue) -> object:
        number = read(value)  # first as one of 64 bits, with the texts of those
        if low <= number <= high:
            return number
        raise Refusal("Parameter", f" expects {word}{kind.bits}_t", is_local=True)

    return read_bits


def enum_reader(members: Mapping[str, object]) -> Reader:
    """Make a reader of strings that stand for something: what, `members` says."""

    def read_enum(value: JsonValue) -> object:
        if type(value) is not str:
            raise wrong_type("string")
        member = members.get(value, _MISSING)
        if member is _MISSING:
            raise Refusal("Parameter", f" does not accept value '{value}'", is_local=True)
        return member

    return read_enum


def list_reader(read: Reader) -> Reader:
    """Make a reader of arrays from the reader of their elements."""

    def read_list(value: JsonValue) -> object:
        if type(value) is not list:
            raise wrong_type("array")
        if read is read_any:
            return value
        items: list[object] = []
        try:
            for item in value:
                items.append(read(item))  # its length says which item it was
        except Refusal as refusal:
            refusal.path.append(f"[{len(items)}]")
            raise
        return items

    return read_list


def object_reader(read: Reader) -> Reader:
    """Make a reader of objects with any members from the reader of their values."""

    def read_object(value: JsonValue) -> object:
        if type(value) is not dict:
            raise wrong_type("object")
        if read is read_any:
            return value
        return {name: _read_member(read, item, name) for name, item in value.items()}

    return read_object


def _read_member(read: Reader, value: JsonValue, wire: str) -> object:
    try:
        return read(value)
    except Refusal as refusal:
        refusal.path.append(f".{wire}")
        raise


def alternate_reader(readers: Mapping[type, Reader], name: str) -> Reader:
    """Make a reader that goes by the JSON type of the value.

    Args:
        readers: The reader for each Python type of a JSON value that is allowed.
        name: The alternate's name, which the text for any other type gives.
    """

    def read_alternate(value: JsonValue) -> object:
        read = readers.get(type(value))
        if read is None:
            raise Refusal("Invalid parameter type for", f", expected: {name}", is_local=True)
        return read(value)

    return read_alternate


def struct_reader(
    members: Sequence[Member], rest: Reader | None = None, reserved: Iterable[str] = ()
) -> Callable[[JsonObject], dict[str, object]]:
    """Make a reader of an object's members that gives them by their Python names.

    Args:
        members: Those it has, in the order in which they are read.
        rest: The reader of all others, which keep their names; without it there are none.
        reserved: Names that the others can't have.

    Raises:
        TypeError: If two members have one name on the wire.
    """
    wires = [member.wire for member in members]
    if len(set(wires)) < len(wires) or len({member.name for member in members}) < len(wires):
        raise TypeError(f"two of the members {', '.join(wires)} have one name")
    taken = frozenset(wires)
    barred = frozenset(reserved) - taken

    def read_struct(value: JsonObject) -> dict[str, object]:
        result: dict[str, object] = {}
        for wire, name, read, is_optional in members:
            item = value.get(wire, _MISSING)
            if item is _MISSING:
                if is_optional:
                    continue
                raise Refusal("Parameter", " is missing", f".{wire}")
            try:
                result[name] = read(item)  # type: ignore[arg-type]
            except Refusal as refusal:
                refusal.path.append(f".{wire}")
                raise
        if len(result) < len(value):
            if rest is None:
                name = unexpected_member(list(value), [wire for wire in wires if wire in value])
                raise Refusal("Parameter", " is unexpected", f".{name}")
            for name, item in value.items():
                if name in barred:
                    raise Refusal("Parameter", " is unexpected", f".{name}")
                if name not in taken:
                    result[name] = _read_member(rest, item, name)
        return result

    return read_struct
