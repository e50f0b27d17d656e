"""Conversion: JSON values that were judged to fit, as the Python objects that annotations ask for.

None stands for the conversion that does nothing, so that plain values cost nothing. What doesn't
fit never comes here; `qmpeer.schema.value_checks` has refused it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from qmpeer.errors import CommandError
from qmpeer.values import JsonObject

Convert: TypeAlias = Callable[[Any], Any] | None
"""Turns a JSON value into what the annotation asks for; None leaves it as it is."""

_MASK: Final = (1 << 64) - 1


class Part(NamedTuple):
    """Hold one member of an object, or one argument of a command.

    Attributes:
        wire: Its name on the wire.
        name: Its name in Python.
        convert: What is done with its value.
    """

    wire: str
    name: str
    convert: Convert


def to_float(value: Any) -> float:
    """Return a number as a float; those that are too large are infinite, as to the JSON reader."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def to_uint64(value: Any) -> int:
    """Return an integer as one without a sign: a negative one is its two's complement."""
    number: int = value & _MASK
    return number


def enum_conversion(members: Mapping[str, object]) -> Convert:
    """Return what gives the member of an Enum for its value."""
    return members.__getitem__


def list_conversion(convert: Convert) -> Convert:
    """Return the conversion of arrays from that of their elements."""
    if convert is None:
        return None
    return lambda value: [convert(item) for item in value]


def map_conversion(convert: Convert) -> Convert:
    """Return the conversion of objects with any members from that of their values."""
    if convert is None:
        return None
    return lambda value: {name: convert(item) for name, item in value.items()}


def alternate_conversion(conversions: Mapping[type, Convert]) -> Convert:
    """Return the conversion that goes by the JSON type of the value."""
    if not any(conversions.values()):
        return None

    def convert_alternate(value: Any) -> Any:
        convert = conversions[type(value)]
        return value if convert is None else convert(value)

    return convert_alternate


def members_conversion(
    parts: Sequence[Part], rest: Convert = None
) -> Callable[[JsonObject], dict[str, Any]]:
    """Return what gives an object's members by their Python names.

    Args:
        parts: Those that it has; a member that is none of them keeps its name.
        rest: What is done with such a member.
    """
    known = {wire: (name, convert) for wire, name, convert in parts}

    def convert_members(value: JsonObject) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for wire, item in value.items():
            name, convert = known.get(wire) or (wire, rest)
            result[name] = item if convert is None else convert(item)
        return result

    return convert_members


def struct_conversion(parts: Sequence[Part], build: Callable[..., object]) -> Convert:
    """Return what makes an object of a class.

    Args:
        parts: Its members.
        build: Called with these by their Python names. A ValueError that it raises, as what its own
            checks have found, becomes a CommandError.
    """
    convert_members = members_conversion(parts)

    def convert_struct(value: Any) -> Any:
        members = convert_members(value)
        try:
            return build(**members)
        except ValueError as error:
            raise CommandError("GenericError", str(error)) from error

    return convert_struct
