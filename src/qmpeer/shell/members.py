"""Which members an object has, its branches followed as far as its discriminators are known."""

from collections.abc import Callable
from typing import Final

import msgspec

from qmpeer.schema import Schema, shape_of
from qmpeer.schema.model import EMPTY, Command, Member, Struct, Union

__all__ = ["OPEN_COMMANDS", "Members", "members_of"]

OPEN_COMMANDS: Final = frozenset({"device_add"})
"""The commands that take more arguments than the schema says: QEMU leaves them to the device."""


class Members(msgspec.Struct, frozen=True):
    """Hold the members of an object.

    Attributes:
        members: All that it can have, by their names: those of its bases, then of its branches.
        discriminators: Those that decide over branches, and the values that each can have.
        undecided: The discriminator that isn't known; None if there is none.
    """

    members: dict[str, Member]
    discriminators: dict[str, tuple[str, ...]]
    undecided: str | None = None


def members_of(schema: Schema, name: str, value_of: Callable[[str], str | None]) -> Members:
    """Return the members of an object type.

    Args:
        schema: The schema.
        name: The type.
        value_of: Gives the value of a member as far as it is known, else None.
    """
    members: dict[str, Member] = {}
    discriminators: dict[str, tuple[str, ...]] = {}
    current: str | None = name
    while current is not None:
        of = schema.types[current]
        assert isinstance(of, Struct | Union)
        shape = shape_of(schema, of)
        members.update((member.name, member) for member in shape.members)
        tag = shape.discriminator
        current = None
        if tag is not None:
            branches = {branch.name: branch.type for branch in shape.branches}
            discriminators[tag] = tuple(branches)
            value = value_of(tag)
            if value is None or value not in branches:
                return Members(members, discriminators, tag)
            current = branches[value]
    return Members(members, discriminators)


def arguments_type(command: Command) -> str:
    """Return the type of a command's arguments."""
    return command.arguments or EMPTY.name
