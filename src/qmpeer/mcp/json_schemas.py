"""JSON Schema made from a QAPI schema: what a command's arguments and a type's values look like.

Object types stand inside one another down to a depth. Below it, and where a type contains itself,
an object is left open and its type named, so that the reader can ask for that type.

Spec: JSON Schema 2020-12; the rules of values are those of QAPI.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias, cast

import msgspec

from qmpeer import limits
from qmpeer.mcp.documentation import CommandTexts, TextPlace
from qmpeer.schema import (
    ANY_INTEGER,
    EMPTY,
    AlternateDefinition,
    Array,
    Branch,
    BuiltIn,
    CommandDefinition,
    EnumDefinition,
    Member,
    Schema,
    StructDefinition,
    UnionDefinition,
    shape_of,
    special_features,
)
from qmpeer.schema.open_arguments import has_open_arguments
from qmpeer.values import JsonObject, JsonValue

ObjectType: TypeAlias = StructDefinition | UnionDefinition
WriteObject: TypeAlias = Callable[[ObjectType, TextPlace, int, Sequence[str]], JsonObject]
_KINDS: Final = {"int": "integer", "number": "number", "string": "string", "boolean": "boolean",
                 "null": "null"}  # fmt: skip
_DEEPEST: Final = 3


class JsonSchemas:
    """The JSON Schemas of a server's commands and types.

    Args:
        schema: The server's schema.
        texts: The texts about its commands.

    Example:
        >>> from qmpeer.machine.interface import load
        >>> schemas = JsonSchemas(load())
        >>> schemas.of_type("StatusInfo")["properties"]["running"]
        {'type': 'boolean'}
    """

    def __init__(self, schema: Schema, texts: CommandTexts | None = None) -> None:
        self._writer = _Writer(schema)
        self._schema = schema
        self._texts = texts or CommandTexts()

    def of_arguments(self, command: CommandDefinition, depth: int = _DEEPEST) -> JsonObject:
        """Return the JSON Schema of a command's arguments: an object.

        Args:
            command: The command.
            depth: How deep object types stand inside one another; less if it would be larger than
                `limits.MCP_SCHEMA` bytes.
        """
        return self._of_command(command, depth, self._writer.object)

    def of_tool(self, command: CommandDefinition, depth: int = _DEEPEST) -> JsonObject:
        """Return the same without alternatives at the top, which some assistants can't take.

        There a union has the members of all branches, all optional. Their texts name the branches.
        """
        return self._of_command(command, depth, self._writer.flat_object)

    def _of_command(self, command: CommandDefinition, depth: int, write: WriteObject) -> JsonObject:
        schema_type = self._schema.types[command.arguments or EMPTY.name]
        assert isinstance(schema_type, StructDefinition | UnionDefinition)
        place = self._texts.arguments(command.name)
        written = _smallest_fitting(lambda depth: write(schema_type, place, depth + 1, ()), depth)
        if has_open_arguments(self._schema, command):
            written.pop("additionalProperties", None)
        return written

    def of_type(self, name: str, depth: int = 1) -> JsonObject:
        """Return the JSON Schema of a type's values.

        Raises:
            KeyError: If the schema has no type of this name.
        """
        self._schema.types[name]
        return _smallest_fitting(
            lambda depth: self._writer.value(name, TextPlace(), depth + 1, ()), depth
        )


def _smallest_fitting(make: Callable[[int], JsonObject], depth: int) -> JsonObject:
    """Return what is made at a depth, or at the first smaller one that isn't too large."""
    while True:
        made = make(depth)
        if depth <= 0 or len(msgspec.json.encode(made)) <= limits.MCP_SCHEMA:
            return made
        depth -= 1


class _Writer:
    """A writer of JSON Schemas.

    Its methods take a type, the place of its texts, the levels of objects that may follow, and the
    names of the object types that are being written.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def value(self, name: str, place: TextPlace, depth: int, inside: Sequence[str]) -> JsonObject:
        """Return the JSON Schema of a value of any type."""
        schema_type = self._schema.types[name]
        match schema_type:
            case BuiltIn():
                return _built_in(schema_type)
            case EnumDefinition():
                return {"type": "string", "enum": [value.name for value in schema_type.values]}
            case Array(element=element):
                return {
                    "type": "array",
                    "items": self.value(element, place.element(), depth, inside),
                }
            case AlternateDefinition():
                return {
                    "anyOf": [
                        self.value(branch.type, TextPlace(), depth, inside)
                        for branch in schema_type.branches
                    ]
                }
            case StructDefinition() | UnionDefinition():
                if depth <= 0 or name in inside:
                    return {"type": "object", "description": f"A {name}."}
                return self.object(schema_type, place, depth, inside)

    def object(
        self, schema_type: ObjectType, place: TextPlace, depth: int, inside: Sequence[str]
    ) -> JsonObject:
        """Return the JSON Schema of an object, closed to other members."""
        shape = shape_of(self._schema, schema_type)
        inside = (*inside, schema_type.name)
        written = self._members(shape.members, place, depth - 1, inside)
        tag = shape.discriminator
        if tag is None:
            return {**written, "additionalProperties": False}
        branches: list[JsonValue] = [
            self._tagged_branch(branch, tag, place, depth, inside) for branch in shape.branches
        ]
        return {**written, "oneOf": branches, "unevaluatedProperties": False}

    def _tagged_branch(
        self, branch: Branch, tag: str, place: TextPlace, depth: int, inside: Sequence[str]
    ) -> JsonObject:
        written = self._branch(branch, place, depth, inside)
        for closing in ("type", "additionalProperties", "unevaluatedProperties"):
            written.pop(closing, None)
        return {**written, "properties": {tag: {"const": branch.name}, **_properties(written)}}

    def _branch(
        self, branch: Branch, place: TextPlace, depth: int, inside: Sequence[str]
    ) -> JsonObject:
        schema_type = self._schema.types[branch.type]
        assert isinstance(schema_type, StructDefinition | UnionDefinition)
        return self.object(schema_type, place.branch(branch.name), depth, inside)

    def flat_object(
        self, schema_type: ObjectType, place: TextPlace, depth: int, inside: Sequence[str]
    ) -> JsonObject:
        """Return the same, with the members of all branches beside one another."""
        shape = shape_of(self._schema, schema_type)
        if shape.discriminator is None:
            return self.object(schema_type, place, depth, inside)
        inside = (*inside, schema_type.name)
        written = self._members(shape.members, place, depth - 1, inside)
        properties: dict[str, JsonObject] = dict(_properties(written))
        owners: dict[str, list[str]] = {}
        for branch in shape.branches:
            members = _properties(self._branch(branch, place, depth, inside))
            for name, member in members.items():
                owners.setdefault(name, []).append(branch.name)
                if properties.setdefault(name, member) != member:
                    properties[name] = {}  # branches differ in it
        for name, branches in owners.items():
            text = f"Only with {shape.discriminator} {', '.join(branches)}."
            properties[name] = _described(properties[name], text)
        return {**written, "properties": dict(properties), "additionalProperties": False}

    def _members(
        self, members: Sequence[Member], place: TextPlace, depth: int, inside: Sequence[str]
    ) -> JsonObject:
        properties: JsonObject = {}
        for member in members:
            value = self.value(member.type, place.of_member(member.name), depth, inside)
            special = special_features(member.features)
            text = place.text(member.name)
            if "unstable" in special:
                text = f"{text} Unstable: it may change in any release.".lstrip()
            if "deprecated" in special:
                value = {**value, "deprecated": True}
            properties[member.name] = _described(value, text)
        required: list[JsonValue] = [each.name for each in members if not each.is_optional]
        written: JsonObject = {"type": "object", "properties": properties}
        return {**written, "required": required} if required else written


def _properties(written: JsonObject) -> Mapping[str, JsonObject]:
    return cast("Mapping[str, JsonObject]", written["properties"])


def _described(written: JsonObject, text: str) -> JsonObject:
    """Return the JSON Schema of a member's value with a text about the member before its own."""
    own = written.get("description")
    if not text:
        return written
    return {**written, "description": text if own is None else f"{text.rstrip('.')}. {own}"}


def _built_in(built_in: BuiltIn) -> JsonObject:
    kind = _KINDS.get(built_in.json_type)
    if kind is None:
        return {}  # any value
    if kind == "integer" and (built_in.low, built_in.high) != (ANY_INTEGER.low, ANY_INTEGER.high):
        return {"type": kind, "minimum": built_in.low, "maximum": built_in.high}
    return {"type": kind}
