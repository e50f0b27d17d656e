"""The plan of a binding: the Python form of each type, command and event."""

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
        type: Its annotation, without the part for optional members.
        text: Its documentation.
    """

    wire: str
    name: str
    type: str
    is_optional: bool
    features: tuple[Feature, ...]
    text: str


class EnumPlan(msgspec.Struct, frozen=True):
    """The plan of an enum: a class with constants by their Python names."""

    name: str
    definition: EnumDefinition
    constants: tuple[tuple[str, EnumValue], ...]


class StructPlan(msgspec.Struct, frozen=True):
    """The plan of a struct: a class; `base` is a class of the binding, or Struct."""

    name: str
    definition: StructDefinition
    base: str
    attributes: tuple[Attribute, ...]


class BranchPlan(msgspec.Struct, frozen=True):
    """The plan of a union's branch: a class.

    Attributes:
        value: The discriminator's value.
        constants: The Python name and the value of each discriminator, by its name on the wire.
        attributes: The members in addition to the union's common members.
    """

    name: str
    value: str
    constants: dict[str, tuple[str, str]]
    attributes: tuple[Attribute, ...]
    documentation: Documentation | None


class UnionPlan(msgspec.Struct, frozen=True):
    """The plan of a union: a class of its common members, one for each branch, and an alias.

    Attributes:
        common: The class of the common members; "" if there are none.
        unknown: The class of unknown branches.
        tag: The discriminator's name on the wire and in Python.
    """

    name: str
    definition: UnionDefinition
    common: str
    unknown: str
    tag: tuple[str, str]
    attributes: tuple[Attribute, ...]
    branches: tuple[BranchPlan, ...]


class AliasPlan(msgspec.Struct, frozen=True):
    """The plan of an alternate: an alias for a union of types."""

    name: str
    definition: AlternateDefinition
    type: str


class CommandPlan(msgspec.Struct, frozen=True):
    """The plan of a command: a function.

    Attributes:
        arguments: Its parameters; empty if the arguments are a union.
        union: The annotation of the one parameter for a union; "" if they are not a union.
        returns: The annotation of the return value.
    """

    name: str
    definition: CommandDefinition
    arguments: tuple[Attribute, ...]
    union: str
    returns: str
    documentation: Documentation | None


class EventPlan(msgspec.Struct, frozen=True):
    """The plan of an event: a constant, and the annotation of its data."""

    name: str
    definition: EventDefinition
    data: str


TypePlan: TypeAlias = EnumPlan | StructPlan | UnionPlan | AliasPlan


class BindingPlan(msgspec.Struct, frozen=True):
    """The plan of a whole binding; each alias comes after the types that it contains."""

    types: tuple[TypePlan, ...]
    commands: tuple[CommandPlan, ...]
    events: tuple[EventPlan, ...]
