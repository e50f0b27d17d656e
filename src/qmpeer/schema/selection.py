"""Reduced schemas: those of one build, of a policy, or of some commands only."""

import re
from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar

import msgspec

from qmpeer.schema.conditions import is_met
from qmpeer.schema.flattened import shape_of
from qmpeer.schema.introspection_names import label_types
from qmpeer.schema.model import (
    AlternateDefinition,
    Array,
    Branch,
    BuiltIn,
    CommandDefinition,
    Entity,
    EnumDefinition,
    EnumValue,
    EventDefinition,
    Feature,
    Member,
    Schema,
    StructDefinition,
    Type,
    UnionDefinition,
)

_Part: TypeAlias = (
    Feature
    | Member
    | EnumValue
    | Branch
    | Entity
    | EnumDefinition
    | StructDefinition
    | UnionDefinition
    | AlternateDefinition
)
_P = TypeVar("_P", bound=_Part)


def select(schema: Schema, is_defined: Callable[[str], bool]) -> Schema:
    """Return the schema of one build: without the parts whose conditions aren't met.

    The result has no conditions. A type stays if a remaining part refers to it, whatever its own
    condition. A union's branch is removed with its discriminator value.

    Spec: in introspection, types keep the numbers that they have with all conditions met. This is
    why the labels are made here.

    Args:
        schema: The schema.
        is_defined: Returns True for a configured name, such as CONFIG_VNC or TARGET_I386.
    """
    return _Selector(is_defined).schema(schema)


def hide_deprecated(schema: Schema) -> Schema:
    """Return the schema that introspection shows with ``-compat deprecated-output=hide``.

    Spec: QEMU 7.2 removes deprecated commands, events and members, and the deprecated list `values`
    of enums. It keeps deprecated enum values, types, the numbers of types, and unstable parts.
    """

    def is_shown(part: Entity | Member) -> bool:
        return all(feature.name != "deprecated" for feature in part.features)

    types: dict[str, Type] = {
        name: msgspec.structs.replace(
            schema_type, members=tuple(filter(is_shown, schema_type.members))
        )
        if isinstance(schema_type, StructDefinition)
        else schema_type
        for name, schema_type in schema.types.items()
    }
    return msgspec.structs.replace(
        schema,
        types=types,
        entities=tuple(filter(is_shown, schema.entities)),
        form=msgspec.structs.replace(schema.form, enum_members=True, enum_values=False),
        labels=schema.labels or label_types(schema),
    )


def only(schema: Schema, expressions: Iterable[str]) -> Schema:
    """Return the schema with only the commands and events whose names match an expression.

    Raises:
        ValueError: If an expression is not a regular expression, or fully matches no name.
    """
    kept: set[str] = set()
    for text in expressions:
        try:
            expression = re.compile(text)
        except re.error as error:
            raise ValueError(f"{text!r} is not a regular expression: {error}") from None
        found = {entity.name for entity in schema.entities if expression.fullmatch(entity.name)}
        if not found:
            raise ValueError(f"{text!r} matches no command or event")
        kept |= found
    entities = tuple(entity for entity in schema.entities if entity.name in kept)
    return msgspec.structs.replace(schema, entities=entities, labels={})


class _Selector:
    """A selection of the parts whose conditions are met."""

    def __init__(self, is_defined: Callable[[str], bool]) -> None:
        self._is_defined = is_defined

    def schema(self, schema: Schema) -> Schema:
        entities = self._parts(schema.entities)
        kept = self._types(schema, entities)
        types = {name: kept[name] for name in schema.types if name in kept}
        for name, schema_type in types.items():
            if isinstance(schema_type, UnionDefinition):
                types[name] = _with_values(schema_type, schema, types)
        labels = schema.labels or label_types(schema)
        return msgspec.structs.replace(schema, types=types, entities=entities, labels=labels)

    def _types(self, schema: Schema, entities: Iterable[Entity]) -> dict[str, Type]:
        """Return the selected types, and those that they and the entities refer to."""
        found = [name for name, schema_type in schema.types.items() if self._has(schema_type)]
        found += (name for entity in entities for name in _referred(entity))
        kept = dict[str, Type]()
        for name in found:  # the loop itself appends to it
            if name not in kept:
                kept[name] = self._type(schema.types[name])
                found += _referred(kept[name])
        for schema_type in schema.types.values():
            if isinstance(schema_type, Array) and schema_type.element in kept:
                kept[schema_type.name] = schema_type
        return kept

    def _has(self, schema_type: Type) -> bool:
        if isinstance(schema_type, Array):
            return False  # arrays are kept only for references or for kept elements
        return isinstance(schema_type, BuiltIn) or is_met(schema_type.condition, self._is_defined)

    def _selected(self, parts: Iterable[_P]) -> Iterable[_P]:
        return (part for part in parts if is_met(part.condition, self._is_defined))

    def _bare(self, part: _P) -> _P:
        """Return a definition or a part without its condition, with only the selected features."""
        features = getattr(part, "features", None)
        if features is None:
            return msgspec.structs.replace(part, condition=None)
        kept = tuple(Feature(feature.name) for feature in self._selected(features))
        return msgspec.structs.replace(part, features=kept, condition=None)

    def _type(self, schema_type: Type) -> Type:
        match schema_type:
            case BuiltIn() | Array():
                return schema_type
            case StructDefinition(members=members):
                return msgspec.structs.replace(
                    self._bare(schema_type), members=self._parts(members)
                )
            case EnumDefinition(values=values):
                return msgspec.structs.replace(self._bare(schema_type), values=self._parts(values))
            case UnionDefinition(branches=branches) | AlternateDefinition(branches=branches):
                return msgspec.structs.replace(
                    self._bare(schema_type), branches=self._parts(branches)
                )

    def _parts(self, parts: Iterable[_P]) -> tuple[_P, ...]:
        return tuple(map(self._bare, self._selected(parts)))


def _referred(schema_type: Type | Entity) -> list[str]:
    match schema_type:
        case CommandDefinition():
            names = [schema_type.arguments, schema_type.returns]
        case EventDefinition():
            names = [schema_type.arguments]
        case Array():
            names = [schema_type.element]
        case StructDefinition():
            names = [schema_type.base, *(member.type for member in schema_type.members)]
        case UnionDefinition():
            names = [schema_type.base, *(branch.type for branch in schema_type.branches)]
        case AlternateDefinition():
            names = [branch.type for branch in schema_type.branches]
        case _:
            names = []
    return [name for name in names if name is not None]


def _with_values(union: UnionDefinition, schema: Schema, types: dict[str, Type]) -> UnionDefinition:
    """Return the union without the branches whose discriminator values were removed."""
    members = shape_of(schema, union).members
    tag = next(member for member in members if member.name == union.discriminator)
    enum = types[tag.type]
    if not isinstance(enum, EnumDefinition):
        return union  # up to 2.0 it could be a plain string
    values = {value.name for value in enum.values}
    branches = tuple(branch for branch in union.branches if branch.name in values)
    return msgspec.structs.replace(union, branches=branches)
