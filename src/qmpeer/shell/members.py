"""The members of an object, including those of the branches that known discriminators select.

Also the actions of a transaction, and short descriptions of types, which are derived from members.
"""

from collections.abc import Callable, Sequence

import msgspec

from qmpeer import limits
from qmpeer.schema import Schema, shape_of
from qmpeer.schema.json_kinds import ALL_KINDS, alternatives
from qmpeer.schema.model import (
    EMPTY,
    Array,
    Branch,
    CommandDefinition,
    EnumDefinition,
    Feature,
    Member,
    StructDefinition,
    UnionDefinition,
    special_features,
)


class Members(msgspec.Struct, frozen=True):
    """The members of an object.

    Attributes:
        members: The possible members by name: those of its bases, then those of its branches.
        discriminators: The discriminators and the values that each can have.
        undecided: The discriminator whose value isn't known, or None.
    """

    members: dict[str, Member]
    discriminators: dict[str, tuple[str, ...]]
    undecided: str | None = None


def members_of(schema: Schema, name: str, value_of: Callable[[str], str | None]) -> Members:
    """Return the members of an object type.

    Args:
        schema: The schema.
        name: The type.
        value_of: Returns the value of a member if it is known, else None.
    """
    members: dict[str, Member] = {}
    discriminators: dict[str, tuple[str, ...]] = {}
    current: str | None = name
    while current is not None:
        type_ = schema.types[current]
        assert isinstance(type_, StructDefinition | UnionDefinition)
        shape = shape_of(schema, type_)
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


def arguments_type(command: CommandDefinition) -> str:
    """Return the type of a command's arguments."""
    return command.arguments or EMPTY.name


def transaction_types(schema: Schema) -> dict[str, str]:
    """Return the data type of each action that a transaction accepts, by action name."""
    command = next((each for each in schema.commands() if each.name == "transaction"), None)
    if command is None:
        return {}
    actions = members_of(schema, arguments_type(command), lambda _: None).members.get("actions")
    array = schema.types.get(actions.type) if actions else None
    if not isinstance(array, Array):
        return {}
    action = schema.types[array.element]
    if not isinstance(action, UnionDefinition) or action.discriminator != "type":
        return {}
    shape = shape_of(schema, action)
    common = {member.name: member for member in shape.members}
    found = {}
    for branch in shape.branches:
        data = _data_of(schema, branch) or common.get("data")
        if data is not None:
            found[branch.name] = data.type
    return found


def _data_of(schema: Schema, branch: Branch) -> Member | None:
    return members_of(schema, branch.type, lambda _: branch.name).members.get("data")


def type_words(schema: Schema, name: str) -> str:
    """Return a description of a type in a word or two."""
    kinds = alternatives(schema, name)
    if len(kinds) == len(ALL_KINDS):
        return "any"
    type_ = schema.types[name]
    if isinstance(type_, EnumDefinition):
        values = joined_values(type_, limits.SHELL_META)
        return "enum" if values is None else values
    words = {"boolean": "bool", "string": "str"}
    return "|".join(words.get(kind, kind) for kind in kinds)


def joined_values(type_: EnumDefinition, most: int) -> str | None:
    """Return the values of an enum as one text; None if it has more than `most` characters.

    Many members can share a large enum, so a large one isn't joined at all.
    """
    if len(type_.values) > most + 1:  # each value takes a character and a separator
        return None
    values = "|".join(value.name for value in type_.values)
    return values if len(values) <= most else None


def marks_of(features: Sequence[Feature]) -> str:
    """Return the special features that users should see: deprecated, unstable.

    Example:
        >>> from qmpeer.schema.model import Feature
        >>> marks_of([Feature("unstable"), Feature("json-cli")])
        'unstable'
    """
    if not features:  # the common case: called for each name at each key
        return ""
    return ", ".join(special_features(features))
