"""Selection: a schema as one build has it, or as policy shows it."""

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
    """Return the schema without what its conditions leave out, and without conditions.

    Types that something left in refers to stay in, whatever their own conditions say; branches
    of unions go with the values of their discriminator.

    Spec: in introspection, types keep the numbers that they had with all conditions met, which is
    why the labels are made here.

    Args:
        schema: The schema.
        is_defined: Says whether a name such as CONFIG_VNC or TARGET_I386 is configured.
    """
    return _Selection(is_defined).schema(schema)


def hide_deprecated(schema: Schema) -> Schema:
    """Return the schema as introspection gives it with ``-compat deprecated-output=hide``.

    Spec: QEMU 7.2 leaves out commands, events and members that are deprecated, and the deprecated
    `values` of enums. Values and types stay, and so do the numbers; what is unstable stays as well.
    """

    def is_shown(part: Entity | Member) -> bool:
        return all(feature.name != "deprecated" for feature in part.features)

    types: dict[str, Type] = {
        name: msgspec.structs.replace(of, members=tuple(filter(is_shown, of.members)))
        if isinstance(of, StructDefinition)
        else of
        for name, of in schema.types.items()
    }
    return msgspec.structs.replace(
        schema,
        types=types,
        entities=tuple(filter(is_shown, schema.entities)),
        form=msgspec.structs.replace(schema.form, enum_members=True, enum_values=False),
        labels=schema.labels or label_types(schema),
    )


def only(schema: Schema, expressions: Iterable[str]) -> Schema:
    """Return the schema with those commands and events alone whose name one expression matches.

    Raises:
        ValueError: If one of them is no regular expression, or matches none whole.
    """
    kept: set[str] = set()
    for text in expressions:
        try:
            expression = re.compile(text)
        except re.error as error:
            raise ValueError(f"{text!r} is no regular expression: {error}") from None
        found = {entity.name for entity in schema.entities if expression.fullmatch(entity.name)}
        if not found:
            raise ValueError(f"{text!r} matches no command and no event")
        kept |= found
    entities = tuple(entity for entity in schema.entities if entity.name in kept)
    return msgspec.structs.replace(schema, entities=entities, labels={})


class _Selection:
    def __init__(self, is_defined: Callable[[str], bool]) -> None:
        self._is_defined = is_defined

    def schema(self, schema: Schema) -> Schema:
        entities = self._parts(schema.entities)
        kept = self._types(schema, entities)
        types = {name: kept[name] for name in schema.types if name in kept}
        for name, of in types.items():
            if isinstance(of, UnionDefinition):
                types[name] = _with_values(of, schema, types)
        labels = schema.labels or label_types(schema)
        return msgspec.structs.replace(schema, types=types, entities=entities, labels=labels)

    def _types(self, schema: Schema, entities: Iterable[Entity]) -> dict[str, Type]:
        """Return the types that are there, and those that these and the entities refer to."""
        found = [name for name, of in schema.types.items() if self._has(of)]
        found += (name for entity in entities for name in _referred(entity))
        kept = dict[str, Type]()
        for name in found:  # it grows meanwhile
            if name not in kept:
                kept[name] = self._type(schema.types[name])
                found += _referred(kept[name])
        for of in schema.types.values():
            if isinstance(of, Array) and of.element in kept:
                kept[of.name] = of
        return kept

    def _has(self, of: Type) -> bool:
        if isinstance(of, Array):
            return False  # as long as nothing refers to it
        return isinstance(of, BuiltIn) or is_met(of.condition, self._is_defined)

    def _those(self, parts: Iterable[_P]) -> Iterable[_P]:
        return (part for part in parts if is_met(part.condition, self._is_defined))

    def _bare(self, of: _P) -> _P:
        """Return a definition or a part of one without its condition and the features left out."""
        features = getattr(of, "features", None)
        if features is None:
            return msgspec.structs.replace(of, condition=None)
        kept = tuple(Feature(feature.name) for feature in self._those(features))
        return msgspec.structs.replace(of, features=kept, condition=None)

    def _type(self, of: Type) -> Type:
        match of:
            case BuiltIn() | Array():
                return of
            case StructDefinition(members=members):
                return msgspec.structs.replace(self._bare(of), members=self._parts(members))
            case EnumDefinition(values=values):
                return msgspec.structs.replace(self._bare(of), values=self._parts(values))
            case UnionDefinition(branches=branches) | AlternateDefinition(branches=branches):
                return msgspec.structs.replace(self._bare(of), branches=self._parts(branches))

    def _parts(self, parts: Iterable[_P]) -> tuple[_P, ...]:
        return tuple(map(self._bare, self._those(parts)))


def _referred(of: Type | Entity) -> list[str]:
    match of:
        case CommandDefinition():
            names = [of.arguments, of.returns]
        case EventDefinition():
            names = [of.arguments]
        case Array():
            names = [of.element]
        case StructDefinition():
            names = [of.base, *(member.type for member in of.members)]
        case UnionDefinition():
            names = [of.base, *(branch.type for branch in of.branches)]
        case AlternateDefinition():
            names = [branch.type for branch in of.branches]
        case _:
            names = []
    return [name for name in names if name is not None]


def _with_values(of: UnionDefinition, schema: Schema, types: dict[str, Type]) -> UnionDefinition:
    """Return the union without the branches of values that are not there."""
    members = shape_of(schema, of).members
    tag = next(member for member in members if member.name == of.discriminator)
    enum = types[tag.type]
    if not isinstance(enum, EnumDefinition):
        return of  # a plain string, up to 2.0
    values = {value.name for value in enum.values}
    branches = tuple(branch for branch in of.branches if branch.name in values)
    return msgspec.structs.replace(of, branches=branches)
