"""Conversions of valid JSON values to the Python objects that annotations require.

None is the conversion that does nothing, so that plain values cost nothing. Values have passed
`qmpeer.schema.value_checks` before they are converted.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from qmpeer.errors import CommandError
from qmpeer.values import JsonObject

Convert: TypeAlias = Callable[[Any], Any] | None
"""Converts a JSON value to the annotation's type; None leaves it as it is."""

_MASK: Final = (1 << 64) - 1


class MemberConversion(NamedTuple):
    """The conversion of one member of an object, or of one argument of a command.

    Attributes:
        wire: The member's name on the wire.
        name: The member's name in Python.
        convert: The conversion of its value.
    """

    wire: str
    name: str
    convert: Convert


def to_float(value: Any) -> float:
    """Return a number as a float; a number that is too large becomes infinite.

    The JSON reader does the same.
    """
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def to_uint64(value: Any) -> int:
    """Return an integer as unsigned: a negative one becomes its two's complement."""
    number: int = value & _MASK
    return number


def enum_conversion(members: Mapping[str, object]) -> Convert:
    """Return the conversion of a value to the member of an Enum."""
    return members.__getitem__


def list_conversion(convert: Convert) -> Convert:
    """Return the conversion of arrays, given that of their elements."""
    if convert is None:
        return None
    return lambda value: [convert(item) for item in value]


def map_conversion(convert: Convert) -> Convert:
    """Return the conversion of objects with any members, given that of their values."""
    if convert is None:
        return None
    return lambda value: {name: convert(item) for name, item in value.items()}


def alternate_conversion(conversions: Mapping[type, Convert]) -> Convert:
    """Return the conversion that is chosen by the JSON type of the value."""
    if not any(conversions.values()):
        return None

    def convert_alternate(value: Any) -> Any:
        convert = conversions[type(value)]
        return value if convert is None else convert(value)

    return convert_alternate


def members_conversion(
    members: Sequence[MemberConversion], rest: Convert = None
) -> Callable[[JsonObject], dict[str, Any]]:
    """Return the conversion of an object to a dict of its members by their Python names.

    Args:
        members: The known members; any other member keeps its name.
        rest: The conversion of those others.
    """
    known = {wire: (name, convert) for wire, name, convert in members}

    def convert_members(value: JsonObject) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for wire, item in value.items():
            name, convert = known.get(wire) or (wire, rest)
            result[name] = item if convert is None else convert(item)
        return result

    return convert_members


def struct_conversion(members: Sequence[MemberConversion], build: Callable[..., object]) -> Convert:
    """Return the conversion of an object to an instance of a class.

    Args:
        members: The members of the object.
        build: Called with the members by their Python names. A ValueError, such as the class's own
            checks raise, becomes a CommandError.
    """
    convert_members = members_conversion(members)

    def convert_struct(value: Any) -> Any:
        keywords = convert_members(value)
        try:
            return build(**keywords)
        except ValueError as error:
            raise CommandError("GenericError", str(error)) from error

    return convert_struct
