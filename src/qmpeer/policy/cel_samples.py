"""Small values of a command's arguments, on which a predicate is tried.

A value is made of the members that an expression reads: each of the JSON types that the schema
gives a member, each branch of a union that has it, lists without and with an element. Without a
schema a member may be anything.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, product
from typing import Final, TypeAlias

from qmpeer import limits
from qmpeer.policy.cel_members import Reads
from qmpeer.schema import (
    Array,
    CommandDefinition,
    EnumDefinition,
    Schema,
    StructDefinition,
    Type,
    UnionDefinition,
    shape_of,
)
from qmpeer.schema.json_kinds import ALL_KINDS, alternatives
from qmpeer.schema.open_arguments import has_open_arguments
from qmpeer.values import JsonObject, JsonValue

Kinds: TypeAlias = dict[str, list[Type | None]]
"""The JSON types that a value may have, each with its types in the schema; None for any value."""

_SAMPLES: Final[dict[str, tuple[JsonValue, ...]]] = {
    "string": ("a text",),
    "int": (1,),
    "number": (1.5, 1),
    "boolean": (True, False),
    "null": (None,),
    "array": ([],),
    "object": ({},),
}


def anything() -> Kinds:
    """Return the kinds of a value about which nothing is known."""
    return {kind: [None] for kind in ALL_KINDS}


class SampleMaker:
    """A maker of samples.

    Args:
        schema: The schema of the commands; None if there is none.
        commands: The commands whose arguments are made. If the schema lacks one, nothing is known
            about any of them.

    Attributes:
        arguments: What the arguments of these commands are.
    """

    def __init__(self, schema: Schema | None, commands: Iterable[str]) -> None:
        self._schema = schema
        self.arguments: Kinds = {"object": [None]}
        names = frozenset(commands)
        known = [] if schema is None else [each for each in schema.commands() if each.name in names]
        if schema is not None and len(known) == len(names):
            self.arguments = {"object": _unique(self._types_of(schema, known))}

    @staticmethod
    def _types_of(schema: Schema, commands: Iterable[CommandDefinition]) -> Iterator[Type | None]:
        for command in commands:
            if command.arguments is not None:
                yield schema.types[command.arguments]
            if has_open_arguments(schema, command):
                yield None

    # Types

    def member(self, kinds: Kinds, name: str) -> Kinds:
        """Return the kinds of a member; none if no object has it."""
        found: Kinds = {}
        types = kinds.get("object", ())
        for each in types:
            for inner, type_name in self._members(each) if each is not None else ():
                if inner == name:
                    _add(found, self._kinds(type_name))
        return anything() if not found and None in types else found

    def member_names(self, kinds: Kinds) -> list[str]:
        """Return the names of the members that objects may have."""
        types = [each for each in kinds.get("object", ()) if each is not None]
        return [*dict.fromkeys(name for each in types for name, _ in self._members(each))]

    def element(self, kinds: Kinds) -> Kinds:
        """Return the kinds of a list's elements; none if it is no list."""
        found: Kinds = {}
        for each in kinds.get("array", ()):
            _add(found, self._kinds(each.element) if isinstance(each, Array) else anything())
        return found

    def enum_values(self, kinds: Kinds) -> list[str] | None:
        """Return the texts that a value may be; None if any text will do."""
        found: list[str] = []
        for each in kinds.get("string", ()):
            if not isinstance(each, EnumDefinition):
                return None
            found += (value.name for value in each.values)
        return found if kinds.keys() == {"string"} else None

    def _kinds(self, type_name: str) -> Kinds:
        assert self._schema is not None, "types have names only in a schema"
        found = alternatives(self._schema, type_name)
        return {kind: [each] for kind, each in found.items()}

    def _members(self, of: Type) -> Iterator[tuple[str, str]]:
        """Give the members of an object type, those of all branches included."""
        assert self._schema is not None, "types come from a schema"
        if not isinstance(of, StructDefinition | UnionDefinition):
            return
        shape = shape_of(self._schema, of)
        yield from ((member.name, member.type) for member in shape.members)
        for branch in shape.branches:
            yield from self._members(self._schema.types[branch.type])

    # Values

    def samples(self, reads: Reads, kinds: Kinds) -> list[JsonValue]:
        """Return values of these kinds, with the members that are read."""
        found: list[JsonValue] = []
        if reads.is_whole or not (reads.members or reads.elements):
            found += self._whole(kinds)
        if reads.members:
            found += self._objects(reads, kinds)
        if reads.elements is not None:
            inner = self.samples(reads.elements, self.element(kinds) or anything())
            found += ([each] for each in inner)
        return found[: limits.PREDICATE_SAMPLES]

    def _whole(self, kinds: Kinds) -> Iterator[JsonValue]:
        for kind, types in kinds.items():
            first = types[0] if types else None
            if kind == "string" and isinstance(first, EnumDefinition) and first.values:
                yield first.values[0].name
            else:
                yield from _SAMPLES[kind]
            if kind == "array":
                yield from ([each] for each in self._scalars(self.element(kinds)))

    @staticmethod
    def _scalars(kinds: Kinds) -> Iterator[JsonValue]:
        yield from (_SAMPLES[kind][0] for kind in kinds)

    def _objects(self, reads: Reads, kinds: Kinds) -> Iterator[JsonObject]:
        names = [*reads.members]
        values: list[Sequence[JsonValue]] = []
        for name in names:
            inner = self.member(kinds, name) or anything()
            values.append(self.samples(reads.members[name], inner))
        for chosen in islice(product(*values), limits.PREDICATE_SAMPLES):
            yield dict(zip(names, chosen, strict=True))


def _add(kinds: Kinds, more: Kinds) -> None:
    for kind, types in more.items():
        there = kinds.setdefault(kind, [])
        there += (each for each in types if each not in there)


def _unique(types: Iterable[Type | None]) -> list[Type | None]:
    found: list[Type | None] = []
    for each in types:
        if each not in found:
            found.append(each)
    return found
