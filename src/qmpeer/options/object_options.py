"""The argument of ``-object``, parsed and validated into the arguments of ``object-add``.

All options are parsed before anything is created, as in QEMU; `Objects.add` creates the object.
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
from qmpeer.messages import qemu_texts
from qmpeer.options.interface import load
from qmpeer.options.nested_keys import parse_nested_keys
from qmpeer.options.nested_members import read_members, struct_members
from qmpeer.options.start_error import StartHelp, prepend_warnings
from qmpeer.schema import Array, EnumDefinition, Member, Schema, UnionDefinition, Validator
from qmpeer.values import JsonObject

_TYPE: Final = "qom-type"


def read_object(
    argument: str, taken: Collection[str], schema: Schema | None = None, *, is_option: bool = True
) -> tuple[JsonObject, list[str]]:
    """Parse the argument of ``-object``: JSON, or keys with values.

    Args:
        argument: The argument.
        taken: The ids of objects in other options with keys and values.
        schema: A schema with the types of objects; by default ours, without monitors.
        is_option: True for -object; the human command object_add has another syntax, without
            flags.

    Returns:
        The arguments of ``object-add``, and QEMU's warnings.

    Raises:
        ChardevError: If the argument is invalid, in QEMU's words.
        StartHelp: If it asks for the types of objects, or for the properties of one.
    """
    schema = schema or load()
    if argument.startswith("{"):
        properties = read_json(argument)
        _validate(schema, properties)
        return properties, []
    if not is_option:
        return _read_nested(schema, argument), []
    pairs = parse_key_values(argument, implied_key=_TYPE)
    _help(schema, pairs)
    id = next((pair.value for pair in pairs if pair.key == "id"), None)
    if id is not None and check_id(id) in taken:
        raise ChardevError(f"Duplicate ID '{id}' for object")
    warnings = [pair.warning for pair in pairs if pair.warning is not None]
    values = {pair.key: pair.value for pair in pairs}
    with prepend_warnings(warnings):
        return _typed(schema, values), warnings


def _read_nested(schema: Schema, argument: str) -> JsonObject:
    """Parse keys with values by QEMU's keyval rules and the schema's types."""
    values, wants_help = parse_nested_keys(argument, implied_key=_TYPE)
    kind = values.get(_TYPE)
    if wants_help:
        raise StartHelp(_members_help(schema, str(kind)) or _types_help(schema))
    base = {_TYPE: Member(_TYPE, "ObjectType"), "id": Member("id", "str")}
    # The common members come first: their errors precede those of the type's own members.
    common = {key: value for key, value in values.items() if key in base}
    properties = read_members(schema, base, common)
    return properties | read_members(
        schema,
        _members(schema, str(kind)),
        {key: value for key, value in values.items() if key not in base},
    )


def _validate(schema: Schema, properties: JsonObject) -> None:
    try:
        Validator(schema, frozenset()).arguments("object-add")(properties)
    except ValidationError as error:
        raise ChardevError(error.desc) from error


def _typed(schema: Schema, values: Mapping[str, str]) -> JsonObject:
    """Convert the values of a -object option to the types of the schema, and validate them."""
    known = _members(schema, values.get(_TYPE, ""))
    properties: JsonObject = {}
    unknown: list[str] = []
    for key, value in values.items():
        kind = "str" if key in (_TYPE, "id") else known[key].type if key in known else None
        if kind == "bool":
            properties[key] = read_boolean(key, value)
        elif kind is None or isinstance(schema.types.get(kind), Array):
            unknown.append(key)
        else:
            properties[key] = value
    _validate(schema, properties)  # QEMU reports a missing member before an unknown one
    if unknown:
        raise ChardevError(qemu_texts.invalid(unknown[0]))
    return properties


def _members(schema: Schema, kind: str) -> dict[str, Member]:
    """Return the members specific to a type of object; for the type "", those of all types."""
    options = schema.types["ObjectOptions"]
    assert isinstance(options, UnionDefinition)
    names = [branch.type for branch in options.branches if kind in (branch.name, "")]
    found: dict[str, Member] = {}
    for name in names:
        found.update(struct_members(schema, name))
    return found


def object_types(schema: Schema) -> list[str]:
    """Return the names of all types of objects that object-add makes."""
    kinds = schema.types["ObjectType"]
    assert isinstance(kinds, EnumDefinition)
    return [value.name for value in kinds.values]


def _help(schema: Schema, pairs: list[KeyValue]) -> None:
    kind = next((pair.value for pair in pairs if pair.key == _TYPE), "")
    names = object_types(schema)
    if kind in ("help", "?"):
        raise StartHelp(_types_help(schema))
    if any(pair.flag in ("help", "?") for pair in pairs) and kind in names:
        raise StartHelp(_members_help(schema, kind))


def _types_help(schema: Schema) -> str:
    lines = "".join(f"  {name}\n" for name in sorted(object_types(schema)))
    return f"List of user creatable objects:\n{lines}"


def _members_help(schema: Schema, kind: str) -> str:
    """Return QEMU's help text for a type of object; "" if there is no such type."""
    if kind not in object_types(schema):
        return ""
    lines = "".join(
        f"  {name}=<{'string' if member.type == 'str' else member.type.strip('[]')}>\n"
        for name, member in sorted(_members(schema, kind).items())
        if name != "loaded"  # deprecated; QEMU doesn't list it either
    )
    return f"{kind} options:\n{lines}"
