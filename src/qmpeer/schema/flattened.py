"""Object types as they look on the wire: the members of their bases included."""

import msgspec

from qmpeer.schema.model import (
    EMPTY,
    Branch,
    EnumDefinition,
    Member,
    Schema,
    StructDefinition,
    UnionDefinition,
)


class Shape(msgspec.Struct, frozen=True):
    """An object type as it is on the wire.

    Attributes:
        members: Those of its bases first, the outermost base's at the front.
        discriminator: The member that decides which branch there is; None without branches.
        branches: One for each value of the discriminator: first those that the schema gives, in
            their order, then the empty ones.
    """

    members: tuple[Member, ...]
    discriminator: str | None = None
    branches: tuple[Branch, ...] = ()


def shape_of(schema: Schema, object_type: StructDefinition | UnionDefinition) -> Shape:
    """Return the shape of an object type.

    Args:
        schema: The schema that holds the type and its bases.
        of: The type.
    """
    if isinstance(object_type, UnionDefinition):
        members = _members(schema, object_type.base)
        return Shape(
            members, object_type.discriminator, _all_branches(schema, object_type, members)
        )
    return Shape(
        object_type.members
        if object_type.base is None
        else _members(schema, object_type.base) + object_type.members
    )


def _members(schema: Schema, name: str) -> tuple[Member, ...]:
    """Return a base's members; the sources see to it that a base is a struct, and in no circle."""
    members: tuple[Member, ...] = ()
    base: str | None = name
    while base is not None:
        schema_type = schema.types[base]
        assert isinstance(schema_type, StructDefinition)
        members = schema_type.members + members
        base = schema_type.base
    return members


def _all_branches(
    schema: Schema, union: UnionDefinition, members: tuple[Member, ...]
) -> tuple[Branch, ...]:
    """Give each value of the discriminator a branch.

    Spec: introspection lists the values that have no further members with the empty type.
    """
    tag = next(member for member in members if member.name == union.discriminator)
    values = schema.types[tag.type]
    if not isinstance(values, EnumDefinition):
        return union.branches  # a plain string, up to 2.0: there are no other values
    given = {branch.name for branch in union.branches}
    return union.branches + tuple(
        Branch(value.name, EMPTY.name, value.condition)
        for value in values.values
        if value.name not in given
    )
