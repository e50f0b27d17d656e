"""Paths with dots, such as ``blockdev-add.file.filename``, followed in two schemas at once.

The server's schema defines which members exist. The documentation's schema, which may be another
release's, is followed along the same members as far as it has them.
"""

from collections.abc import Iterator, Sequence

import msgspec

from qmpeer import limits
from qmpeer.schema import Schema, shape_of
from qmpeer.schema.json_kinds import alternatives
from qmpeer.schema.model import (
    EMPTY,
    Array,
    CommandDefinition,
    Entity,
    EnumDefinition,
    EnumValue,
    Member,
    StructDefinition,
    Type,
    UnionDefinition,
)
from qmpeer.shell.documentation import Manual


class Place(msgspec.Struct, frozen=True):
    """A type, by its name in the server's schema and its name in the documentation."""

    type: str
    documented: str | None = None


class Found(msgspec.Struct, frozen=True):
    """The end of a path: a member, or a value of an enum.

    Attributes:
        path: The path.
        member: The member, or the value of an enum.
        place: The member's type; None for a value.
        text: Its text in the documentation.
        discriminator: The discriminator of the union, if only some branches have the member; else
            "".
        branches: The values of the discriminator that select these branches.
    """

    path: str
    member: Member | EnumValue
    place: Place | None
    text: str = ""
    discriminator: str = ""
    branches: tuple[str, ...] = ()


class Paths:
    """A resolver of paths in the server's schema and in the documentation.

    Args:
        schema: The server's schema.
        manual: The documentation, or None.
    """

    def __init__(self, schema: Schema, manual: Manual | None) -> None:
        self._schema = schema
        self._manual = manual

    def arguments_of(self, entity: Entity) -> Place:
        """Return the type of a command's arguments, or of an event's data."""
        theirs = self._manual.entities.get(entity.name) if self._manual else None
        documented = None if theirs is None else theirs.arguments or EMPTY.name
        return Place(entity.arguments or EMPTY.name, documented)

    def result_of(self, command: CommandDefinition) -> Place | None:
        """Return the type of a command's return value; None if it returns nothing."""
        if command.returns is None:
            return None
        theirs = self._manual.entities.get(command.name) if self._manual else None
        return Place(
            command.returns, theirs.returns if isinstance(theirs, CommandDefinition) else None
        )

    def type_of(self, name: str) -> Place:
        """Return a type by a name that both schemas may have."""
        known = self._manual is not None and name in self._manual.schema.types
        return Place(name, name if known else None)

    def text_of(self, place: Place, name: str) -> str:
        """Return the documentation's text about a member, a value or a branch of a type."""
        return self._manual.texts(place.documented).get(name, "") if self._manual else ""

    def member_place(self, place: Place, member: Member) -> Place:
        """Return the type of a type's member."""
        theirs = self._theirs(place)
        found = _members(self._manual.schema, theirs) if self._manual else {}
        documented = found.get(member.name)
        return Place(member.type, None if documented is None else documented.type)

    def branch_place(self, place: Place, branch: str, type_name: str) -> Place:
        """Return the type of a union's branch."""
        theirs = self._theirs(place)
        found = _branches(self._manual.schema, theirs) if self._manual else {}
        return Place(type_name, found.get(branch))

    def inner_place(self, place: Place) -> Place:
        """Return the type of the elements of an array."""
        of, theirs = self._schema.types[place.type], self._theirs(place)
        assert isinstance(of, Array)
        return Place(of.element, theirs.element if isinstance(theirs, Array) else None)

    def element_place(self, place: Place) -> Place:
        """Return the type of an array's elements, through nested arrays; other types unchanged."""
        while isinstance(self._schema.types[place.type], Array):
            place = self.inner_place(place)
        return place

    def alternatives_of(self, place: Place) -> dict[str, Place]:
        """Return the types that a value may have, by kind in JSON, without built-in types."""
        mine = alternatives(self._schema, place.type)
        theirs: dict[str, Type | None] = {}
        if self._manual is not None and place.documented is not None:
            theirs = alternatives(self._manual.schema, place.documented)
        return {
            kind: Place(of.name, None if (found := theirs.get(kind)) is None else found.name)
            for kind, of in mine.items()
            if of is not None
        }

    def follow(self, start: Place, names: Sequence[str], path: str) -> Found | None:
        """Return the end of a path; None if the path doesn't exist, or is too long.

        Args:
            start: The type where the path begins.
            names: The names of its members, at least one.
            path: The path up to the type.
        """
        if len(names) > limits.SHELL_LEVELS:
            return None
        for found in self._steps(start, names[0], path):
            if len(names) == 1:
                return found
            if found.place is not None:
                further = self.follow(found.place, names[1:], found.path)
                if further is not None:
                    return further
        return None

    def names_in(self, start: Place) -> list[str]:
        """Return the names that can follow in a path."""
        names: dict[str, None] = {}
        for place in self._inside(start):
            of = self._schema.types[place.type]
            if isinstance(of, EnumDefinition):
                names.update((value.name, None) for value in of.values)
            elif isinstance(of, StructDefinition | UnionDefinition):
                names.update(dict.fromkeys(_members(self._schema, of)))
                for branch in _branches(self._schema, of).values():
                    names.update(dict.fromkeys(_members(self._schema, self._schema.types[branch])))
        return list(names)

    def _steps(self, start: Place, name: str, path: str) -> Iterator[Found]:
        for place in self._inside(start):
            of = self._schema.types[place.type]
            if isinstance(of, EnumDefinition):
                for value in of.values:
                    if value.name == name:
                        yield Found(f"{path}.{name}", value, None, self.text_of(place, name))
            elif isinstance(of, StructDefinition | UnionDefinition):
                yield from self._members(place, of, name, path)

    def _members(
        self, place: Place, of: StructDefinition | UnionDefinition, name: str, path: str
    ) -> Iterator[Found]:
        member = _members(self._schema, of).get(name)
        if member is not None:
            text, inner = self.text_of(place, name), self.member_place(place, member)
            yield Found(f"{path}.{name}", member, inner, text)
            return
        found: Found | None = None
        values: list[str] = []
        for branch, type_name in _branches(self._schema, of).items():
            inner_type = self._schema.types[type_name]
            if name in _members(self._schema, inner_type):
                values.append(branch)
                if found is None and isinstance(inner_type, StructDefinition | UnionDefinition):
                    inner = self.branch_place(place, branch, type_name)
                    found = next(self._members(inner, inner_type, name, path), None)
        if found is not None:
            tag = of.discriminator if isinstance(of, UnionDefinition) else ""
            yield msgspec.structs.replace(found, discriminator=tag, branches=tuple(values))

    def _inside(self, start: Place) -> Iterator[Place]:
        """Yield the types in which a path can continue: through arrays and alternates."""
        for place in self.alternatives_of(start).values():
            element = self.element_place(place)
            if element == place:
                yield place
            else:
                yield from self._inside(element)

    def _theirs(self, place: Place) -> Type | None:
        if self._manual is None or place.documented is None:
            return None
        return self._manual.schema.types.get(place.documented)


def _members(schema: Schema, of: Type | None) -> dict[str, Member]:
    if not isinstance(of, StructDefinition | UnionDefinition):
        return {}
    return {member.name: member for member in shape_of(schema, of).members}


def _branches(schema: Schema, of: Type | None) -> dict[str, str]:
    if not isinstance(of, UnionDefinition):
        return {}
    return {branch.name: branch.type for branch in shape_of(schema, of).branches}
