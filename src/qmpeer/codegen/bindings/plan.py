"""What a binding consists of: each enum, struct, union, alternate, command and event of it."""

from typing import TypeAlias

import msgspec

from qmpeer.schema import (
    AlternateDefinition,
    CommandDefinition,
    Documentation,
    EnumDefinition,
    EnumValue,
    EventDefinition,
    Feature,
    StructDefinition,
    UnionDefinition,
)


class Attribute(msgspec.Struct, frozen=True):
    """One member of a struct, or one argument of a command.

    Attributes:
        wire: Its name on the wire.
        name: Its name in Python.
        type: Its annotation, without what makes it optional.
        text: Its documentation.
    """

    wire: str
    name: str
    type: str
    is_optional: bool
    features: tuple[Feature, ...]
    text: str


class EnumPlan(msgspec.Struct, frozen=True):
    """What an enum becomes: constants, each by its name, and their documentation."""

    name: str
    definition: EnumDefinition
    constants: tuple[tuple[str, EnumValue], ...]


class StructPlan(msgspec.Struct, frozen=True):
    """What a struct becomes; `base` is a class of the binding's own."""

    name: str
    definition: StructDefinition
    base: str
    attributes: tuple[Attribute, ...]


class BranchPlan(msgspec.Struct, frozen=True):
    """The class of one branch of a union.

    Attributes:
        value: The discriminator's value.
        constants: The discriminators, by their names on the wire: in Python, and their value.
        attributes: What it has beside the union's common members.
    """

    name: str
    value: str
    constants: dict[str, tuple[str, str]]
    attributes: tuple[Attribute, ...]
    documentation: Documentation | None


class UnionPlan(msgspec.Struct, frozen=True):
    """What a union becomes: a class of its common members, one a branch, and an alias.

    Attributes:
        common: The class of the common members; "" where there are none.
        unknown: The class of branches that aren't known.
        tag: The discriminator, on the wire and in Python.
    """

    name: str
    definition: UnionDefinition
    common: str
    unknown: str
    tag: tuple[str, str]
    attributes: tuple[Attribute, ...]
    branches: tuple[BranchPlan, ...]


class AliasPlan(msgspec.Struct, frozen=True):
    """What an alternate becomes: an alias of a union of other types."""

    name: str
    definition: AlternateDefinition
    type: str


class CommandPlan(msgspec.Struct, frozen=True):
    """What a command becomes.

    Attributes:
        arguments: The arguments; those of a union are in one parameter.
        union: The annotation of that, "" where there is none.
        returns: The annotation of what it returns.
    """

    name: str
    definition: CommandDefinition
    arguments: tuple[Attribute, ...]
    union: str
    returns: str
    documentation: Documentation | None


class EventPlan(msgspec.Struct, frozen=True):
    """What an event becomes: a constant, and the annotation of its data."""

    name: str
    definition: EventDefinition
    data: str


TypePlan: TypeAlias = EnumPlan | StructPlan | UnionPlan | AliasPlan


class BindingPlan(msgspec.Struct, frozen=True):
    """What a whole schema becomes; aliases come behind what they are made of."""

    types: tuple[TypePlan, ...]
    commands: tuple[CommandPlan, ...]
    events: tuple[EventPlan, ...]
