"""Conversion of keyval strings to the types of the schema, inside objects and arrays.

Spec: QEMU's input visitor for the keyval syntax: members in the schema's order, each object's
unknown ones after its known ones.
"""

from collections.abc import Mapping

from qmpeer.chardev.key_values import read_boolean
from qmpeer.errors import ChardevError
from qmpeer.messages import qemu_texts
from qmpeer.schema import Array, EnumDefinition, Member, Schema, StructDefinition, shape_of
from qmpeer.values import JsonObject, JsonValue


def struct_members(schema: Schema, name: str) -> dict[str, Member]:
    """Return the members of a struct by their names, its base's first."""
    struct = schema.types[name]
    assert isinstance(struct, StructDefinition)
    return {member.name: member for member in shape_of(schema, struct).members}


def read_members(
    schema: Schema, members: Mapping[str, Member], values: Mapping[str, JsonValue], path: str = ""
) -> JsonObject:
    """Convert the members of an object.

    Args:
        schema: The types of the members: strings, booleans, enums, structs and arrays of these.
        members: The members that the object's type has.
        values: The values in the text.
        path: The object's key and a dot; "" for the outermost object.

    Raises:
        ChardevError: If the values don't fit the types, in QEMU's words.
    """
    found: JsonObject = {}
    for name, member in members.items():
        if name in values:
            found[name] = _read(schema, member.type, values[name], name, f"{path}{name}")
        elif not member.is_optional:
            raise ChardevError(qemu_texts.missing(f"{path}{name}"))
    for name in values:
        if name not in members:
            raise ChardevError(qemu_texts.unexpected(f"{path}{name}"))
    return found


def _read(schema: Schema, type: str, value: JsonValue, name: str, key: str) -> JsonValue:
    definition = schema.types[type]
    if isinstance(definition, Array):
        if not isinstance(value, list):
            raise _mistyped(key, "array")
        element = definition.element
        # QEMU has no name for an element: its error texts then contain "null".
        return [
            _read(schema, element, item, "null", f"{key}.{index}")
            for index, item in enumerate(value)
        ]
    if isinstance(definition, StructDefinition):
        if not isinstance(value, dict):
            raise _mistyped(key, "object")
        return read_members(schema, struct_members(schema, type), value, f"{key}.")
    if not isinstance(value, str):
        raise ChardevError(f"Parameters '{key}.*' are unexpected")
    if type == "bool":
        return read_boolean(key, value)
    if isinstance(definition, EnumDefinition) and value not in {
        allowed.name for allowed in definition.values
    }:
        raise ChardevError(qemu_texts.not_accepted(name, value))
    return value


def _mistyped(key: str, expected: str) -> ChardevError:
    return ChardevError(qemu_texts.wrong_type(key, expected))
