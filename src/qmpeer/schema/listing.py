"""A schema as text that people read: a few lines a command, an event, a type.

Optional members have a question mark, arrays stand in brackets, features behind an at sign, and
conditions in braces::

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
    """Give the lines of commands and events, then of the types that they use.

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
        """Give the types that were named so far, and those that these name in their turn."""
        given: set[str] = set()
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

    def type(self, of: Type) -> Iterator[str]:
        match of:
            case EnumDefinition():
                yield f"enum {of.name}{_marks(of.features, of.condition)}"
                for value in of.values:
                    yield f"    {value.name}{_marks(value.features, value.condition)}"
            case StructDefinition():
                yield f"struct {of.name}{_marks(of.features, of.condition)}"
                for member in shape_of(self._schema, of).members:
                    yield f"    {self._member(member)}"
            case UnionDefinition():
                yield from self._union(of)
            case AlternateDefinition():
                types = " | ".join(self._name(branch.type) for branch in of.branches)
                yield f"alternate {of.name} = {types}{_marks(of.features, of.condition)}"
            case BuiltIn() | Array():
                pass

    def _union(self, of: UnionDefinition) -> Iterator[str]:
        shape = shape_of(self._schema, of)
        yield f"union {of.name} by {of.discriminator}{_marks(of.features, of.condition)}"
        for member in shape.members:
            yield f"    {self._member(member)}"
        for branch in shape.branches:
            if branch.type != EMPTY.name:
                yield f"    {branch.name}:{_marks((), branch.condition)}"
                yield from self._branch(branch.type)

    def _branch(self, name: str) -> Iterator[str]:
        of = self._schema.types[name]
        if isinstance(of, StructDefinition):
            for member in shape_of(self._schema, of).members:
                yield f"        {self._member(member)}"
        else:
            yield f"        all of {self._name(name)}"

    def _member(self, member: Member) -> str:
        mark = "?" if member.is_optional else ""
        marks = _marks(member.features, member.condition)
        return f"{member.name}{mark}: {self._name(member.type)}{marks}"

    def _name(self, name: str) -> str:
        of = self._schema.types[name]
        if isinstance(of, Array):
            return f"[{self._name(of.element)}]"
        if not isinstance(of, BuiltIn) and name != EMPTY.name:
            self._used[name] = None
        return "{}" if name == EMPTY.name else name


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
