"""A schema as readable text, with a few lines for each command, event and type.

Optional members have a question mark, arrays are in brackets, features have an at sign, and
conditions are in braces::

    command query-block -> [BlockInfo]
    command blockdev-del(node-name: str)
    struct NameInfo
        name?: str
"""

from collections.abc import Iterator, Sequence

from qmpeer.schema.conditions import condition_text
from qmpeer.schema.flattened import shape_of
from qmpeer.schema.model import (
    EMPTY,
    AlternateDefinition,
    Array,
    BuiltIn,
    CommandDefinition,
    Condition,
    Definition,
    Entity,
    EnumDefinition,
    Feature,
    Member,
    Schema,
    StructDefinition,
    Type,
    UnionDefinition,
)

_WIDTH = 100


def listing(schema: Schema) -> Iterator[str]:
    """Yield the lines of commands and events, then of the types that they use.

    Example:
        >>> from qmpeer.schema.model import BUILT_INS
        >>> for line in listing(Schema(BUILT_INS, (CommandDefinition(name="stop"),))):
        ...     print(line)
        command stop
    """
    lister = _Lister(schema)
    for entity in schema.entities:
        yield from lister.entity(entity)
    for name in lister.used_types():
        yield ""
        yield from lister.type(schema.types[name])


class _Lister:
    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._used: dict[str, None] = {}

    def used_types(self) -> Iterator[str]:
        """Yield the types that were mentioned so far, and those that their own listing mentions."""
        given: set[str] = set()
        # The caller lists each type that it gets, which adds to self._used.
        while rest := [name for name in self._used if name not in given]:
            given.update(rest)
            yield from rest

    def entity(self, entity: Entity) -> Iterator[str]:
        is_command = isinstance(entity, CommandDefinition)
        head = f"{'command' if is_command else 'event'} {entity.name}"
        after = _marks(entity.features, entity.condition)
        if isinstance(entity, CommandDefinition):
            if entity.returns is not None:
                after = f" -> {self._name(entity.returns)}" + after
            if entity.allow_oob:
                after += " (out of band, too)"
        arguments = self._schema.types[entity.arguments or EMPTY.name]
        if isinstance(arguments, StructDefinition) and arguments.is_implicit:
            members = [self._member(m) for m in shape_of(self._schema, arguments).members]
            yield from _parenthesized(head, members, after)
        else:
            yield f"{head}({self._name(arguments.name)}){after}"

    def type(self, schema_type: Type) -> Iterator[str]:
        match schema_type:
            case EnumDefinition():
                yield f"enum {schema_type.name}{_type_marks(schema_type)}"
                for value in schema_type.values:
                    yield f"    {value.name}{_marks(value.features, value.condition)}"
            case StructDefinition():
                yield f"struct {schema_type.name}{_type_marks(schema_type)}"
                for member in shape_of(self._schema, schema_type).members:
                    yield f"    {self._member(member)}"
            case UnionDefinition():
                yield from self._union(schema_type)
            case AlternateDefinition():
                types = " | ".join(self._name(branch.type) for branch in schema_type.branches)
                yield f"alternate {schema_type.name} = {types}{_type_marks(schema_type)}"
            case BuiltIn() | Array():
                pass

    def _union(self, union: UnionDefinition) -> Iterator[str]:
        shape = shape_of(self._schema, union)
        yield f"union {union.name} by {union.discriminator}{_type_marks(union)}"
        for member in shape.members:
            yield f"    {self._member(member)}"
        for branch in shape.branches:
            if branch.type != EMPTY.name:
                yield f"    {branch.name}:{_marks((), branch.condition)}"
                yield from self._branch(branch.type)

    def _branch(self, name: str) -> Iterator[str]:
        schema_type = self._schema.types[name]
        if isinstance(schema_type, StructDefinition):
            for member in shape_of(self._schema, schema_type).members:
                yield f"        {self._member(member)}"
        else:
            yield f"        all of {self._name(name)}"

    def _member(self, member: Member) -> str:
        mark = "?" if member.is_optional else ""
        marks = _marks(member.features, member.condition)
        return f"{member.name}{mark}: {self._name(member.type)}{marks}"

    def _name(self, name: str) -> str:
        schema_type = self._schema.types[name]
        if isinstance(schema_type, Array):
            return f"[{self._name(schema_type.element)}]"
        if not isinstance(schema_type, BuiltIn) and name != EMPTY.name:
            self._used[name] = None
        return "{}" if name == EMPTY.name else name


def _type_marks(definition: Definition) -> str:
    return _marks(definition.features, definition.condition)


def _marks(features: Sequence[Feature], condition: Condition | None) -> str:
    marks = "".join(f" @{feature.name}" for feature in features)
    return marks if condition is None else f"{marks} {{{condition_text(condition)}}}"


def _parenthesized(head: str, members: Sequence[str], after: str) -> Iterator[str]:
    inside = f"({', '.join(members)})" if members else ""
    if len(head) + len(inside) + len(after) <= _WIDTH:
        yield f"{head}{inside}{after}"
        return
    yield f"{head}("
    yield from (f"    {member}," for member in members)
    yield f"){after}"
