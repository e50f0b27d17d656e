"""What an ``-object`` option says, as ``object-add`` takes it, judged by the schema.

All options are read before anything is made, in QEMU as here; `Objects.add` then makes the object.
"""

from collections.abc import Collection, Mapping
from typing import Final

from qmpeer.chardev.key_values import (
    KeyValue,
    check_id,
    parse_key_values,
    read_boolean,
    read_json,
    read_structured,
)
from qmpeer.errors import ChardevError, ValidationError
from qmpeer.machine.interface import load
from qmpeer.machine.start_error import StartHelp
from qmpeer.schema import Array, Enum, Schema, Struct, Union, Validator
from qmpeer.values import JsonObject

__all__ = ["object_types", "read_object"]

_TYPE: Final = "qom-type"


def read_object(
    argument: str, taken: Collection[str], *, is_option: bool = True
) -> tuple[JsonObject, list[str]]:
    """Read the argument of ``-object``: JSON, or keys with their values.

    Args:
        argument: The argument.
        taken: Ids of objects that other options describe by keys and values.
        is_option: It is an option's; a human command's has another syntax, without flags.

    Returns:
        What ``object-add`` takes, and what QEMU warns of.

    Raises:
        ChardevError: If it can't be read, in QEMU's words.
        StartHelp: If it asks which objects there are, or what one takes.
    """
    if argument.startswith("{"):
        properties = read_json(argument)
        _judge(properties)
        return properties, []
    schema = load()
    if not is_option:
        return _read_plainly(schema, argument), []
    pairs = parse_key_values(argument, implied_key=_TYPE)
    _help(schema, pairs)
    id = next((pair.value for pair in pairs if pair.key == "id"), None)
    if id is not None and check_id(id) in taken:
        raise ChardevError(f"Duplicate ID '{id}' for object")
    warnings = [pair.warning for pair in pairs if pair.warning is not None]
    values = {pair.key: pair.value for pair in pairs}
    try:
        properties = _typed(schema, values)
    except ChardevError as error:
        earlier = tuple(f"warning: {warning}" for warning in warnings)
        raise ChardevError(error.reason, error.hint, earlier) from None
    return properties, warnings


def _read_plainly(schema: Schema, argument: str) -> JsonObject:
    """Read keys with their values as QEMU reads what it declares in QAPI."""
    kind, comma, rest = argument.partition(",")
    text = argument if "=" in kind else f"{_TYPE}={kind}{comma}{rest}"
    if kind in ("help", "?") or rest in ("help", "?"):
        _help(schema, parse_key_values(argument, implied_key=_TYPE))
    values = read_structured(text)
    return _typed(schema, {key: str(value) for key, value in values.items()}, is_option=False)


def _judge(properties: JsonObject) -> None:
    try:
        Validator(load(), frozenset()).arguments("object-add")(properties)
    except ValidationError as error:
        raise ChardevError(error.desc) from error


def _typed(schema: Schema, values: Mapping[str, str], *, is_option: bool = True) -> JsonObject:
    """Read the values by the types that the schema gives their keys."""
    known = _members(schema, values.get(_TYPE, ""))
    properties: JsonObject = {}
    unknown: list[str] = []
    for key, value in values.items():
        of = known.get(key)
        if of == "bool":
            properties[key] = read_boolean(key, value)
        elif of is None or isinstance(schema.types.get(of), Array):
            unknown.append(key)
        else:
            properties[key] = value
    _judge(properties)  # a missing member comes before an unknown one
    if unknown:
        what = "Invalid parameter '{}'" if is_option else "Parameter '{}' is unexpected"
        raise ChardevError(what.format(unknown[0]))
    return properties


def _members(schema: Schema, kind: str) -> dict[str, str]:
    """Return the members of a type of object with their types; of an unknown one, all there are."""
    options = schema.types["ObjectOptions"]
    assert isinstance(options, Union)
    names = [branch.type for branch in options.branches if kind in (branch.name, "")]
    found = {_TYPE: "str", "id": "str"}
    while names:
        struct = schema.types[names.pop()]
        assert isinstance(struct, Struct)
        found.update({member.name: member.type for member in struct.members})
        if struct.base is not None:
            names.append(struct.base)
    return found


def object_types() -> list[str]:
    """Return the types of objects that there are."""
    kinds = load().types["ObjectType"]
    assert isinstance(kinds, Enum)
    return [value.name for value in kinds.values]


def _help(schema: Schema, pairs: list[KeyValue]) -> None:
    kind = next((pair.value for pair in pairs if pair.key == _TYPE), "")
    names = object_types()
    if kind in ("help", "?"):
        lines = "".join(f"  {name}\n" for name in sorted(names))
        raise StartHelp(f"List of user creatable objects:\n{lines}")
    if any(pair.flag in ("help", "?") for pair in pairs) and kind in names:
        members = _members(schema, kind)
        lines = "".join(
            f"  {name}=<{'string' if of == 'str' else of}>\n"
            for name, of in sorted(members.items())
            if name not in (_TYPE, "id", "loaded")  # which is deprecated
        )
        raise StartHelp(f"{kind} options:\n{lines}")
