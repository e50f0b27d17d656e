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
)
from qmpeer.errors import ChardevError, ValidationError
from qmpeer.machine.interface import load
from qmpeer.machine.nested_keys import parse_nested_keys
from qmpeer.machine.nested_members import read_members, struct_members
from qmpeer.machine.start_error import StartHelp, behind_warnings
from qmpeer.messages import qemu_texts
from qmpeer.schema import Array, EnumDefinition, Member, Schema, UnionDefinition, Validator
from qmpeer.values import JsonObject

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
        return _read_nested(schema, argument), []
    pairs = parse_key_values(argument, implied_key=_TYPE)
    _help(schema, pairs)
    id = next((pair.value for pair in pairs if pair.key == "id"), None)
    if id is not None and check_id(id) in taken:
        raise ChardevError(f"Duplicate ID '{id}' for object")
    warnings = [pair.warning for pair in pairs if pair.warning is not None]
    values = {pair.key: pair.value for pair in pairs}
    with behind_warnings(warnings):
        return _typed(schema, values), warnings


def _read_nested(schema: Schema, argument: str) -> JsonObject:
    """Read keys with their values as QEMU reads what it declares in QAPI."""
    values, wants_help = parse_nested_keys(argument, implied_key=_TYPE)
    kind = values.get(_TYPE)
    if wants_help:
        raise StartHelp(_members_help(schema, str(kind)) or _types_help())
    base = {_TYPE: Member(_TYPE, "ObjectType"), "id": Member("id", "str")}
    given = {key: value for key, value in values.items() if key in base}
    properties = read_members(schema, base, given)
    return properties | read_members(
        schema,
        _members(schema, str(kind)),
        {key: value for key, value in values.items() if key not in base},
    )


def _judge(properties: JsonObject) -> None:
    try:
        Validator(load(), frozenset()).arguments("object-add")(properties)
    except ValidationError as error:
        raise ChardevError(error.desc) from error


def _typed(schema: Schema, values: Mapping[str, str]) -> JsonObject:
    """Read the values by the types that the schema gives their keys."""
    known = _members(schema, values.get(_TYPE, ""))
    properties: JsonObject = {}
    unknown: list[str] = []
    for key, value in values.items():
        of = "str" if key in (_TYPE, "id") else known[key].type if key in known else None
        if of == "bool":
            properties[key] = read_boolean(key, value)
        elif of is None or isinstance(schema.types.get(of), Array):
            unknown.append(key)
        else:
            properties[key] = value
    _judge(properties)  # a missing member comes before an unknown one
    if unknown:
        raise ChardevError(qemu_texts.invalid(unknown[0]))
    return properties


def _members(schema: Schema, kind: str) -> dict[str, Member]:
    """Return what a type of object has of its own; with "" for a type, what there is at all."""
    options = schema.types["ObjectOptions"]
    assert isinstance(options, UnionDefinition)
    names = [branch.type for branch in options.branches if kind in (branch.name, "")]
    found: dict[str, Member] = {}
    for name in names:
        found.update(struct_members(schema, name))
    return found


def object_types() -> list[str]:
    """Return the types of objects that there are."""
    kinds = load().types["ObjectType"]
    assert isinstance(kinds, EnumDefinition)
    return [value.name for value in kinds.values]


def _help(schema: Schema, pairs: list[KeyValue]) -> None:
    kind = next((pair.value for pair in pairs if pair.key == _TYPE), "")
    names = object_types()
    if kind in ("help", "?"):
        raise StartHelp(_types_help())
    if any(pair.flag in ("help", "?") for pair in pairs) and kind in names:
        raise StartHelp(_members_help(schema, kind))


def _types_help() -> str:
    lines = "".join(f"  {name}\n" for name in sorted(object_types()))
    return f"List of user creatable objects:\n{lines}"


def _members_help(schema: Schema, kind: str) -> str:
    """Say what a type of object takes; "" if there is no such type."""
    if kind not in object_types():
        return ""
    lines = "".join(
        f"  {name}=<{'string' if member.type == 'str' else member.type.strip('[]')}>\n"
        for name, member in sorted(_members(schema, kind).items())
        if name != "loaded"  # which is deprecated
    )
    return f"{kind} options:\n{lines}"
