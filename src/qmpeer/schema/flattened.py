"""Object types in their form on the wire, with the members of their bases."""

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
    """An object type in its form on the wire.

    Attributes:
        members: The members; those of the bases come first, starting with the outermost base.
        discriminator: The member that selects the branch; None for a type without branches.
        branches: One branch for each value of the discriminator: first those in the schema, in
            their order, then the empty ones.
    """

    members: tuple[Member, ...]
    discriminator: str | None = None
    branches: tuple[Branch, ...] = ()


def shape_of(schema: Schema, object_type: StructDefinition | UnionDefinition) -> Shape:
    """Return an object type's form on the wire.

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
    """Return a base's members; both sources have checked that it is a struct without a cycle."""
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
    """Return one branch for each value of the discriminator.

    Spec: introspection lists the values without further members with the empty type.
    """
    tag = next(member for member in members if member.name == union.discriminator)
    values = schema.types[tag.type]
    if not isinstance(values, EnumDefinition):
        return union.branches  # up to 2.0 it could be a plain string, with no list of values
    given = {branch.name for branch in union.branches}
    return union.branches + tuple(
        Branch(value.name, EMPTY.name, value.condition)
        for value in values.values
        if value.name not in given
    )
