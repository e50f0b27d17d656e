"""The model: what a schema declares, whatever it was read from.

Types refer to one another by name, so that a type may contain itself; an array's name is that of
its elements in brackets. Names with a dash behind a definition's own, such as ``eject-arg``, belong
to types that have none in the source (`is_implicit`).

Spec: QEMU's "How to use the QAPI code generator", which calls things as they are called here.

What may stand beside others of its kind has a tag, and defaults are left out, for the form in which
`qmpeer.schema.compiled` keeps a model.
"""

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

import msgspec

from qmpeer.errors import Location


class AllOf(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A condition that is met when all of these are."""

    conditions: tuple["Condition", ...]


class AnyOf(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A condition that is met when one of these is."""

    conditions: tuple["Condition", ...]


class Not(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A condition that is met when this one is not."""

    condition: "Condition"


Condition: TypeAlias = str | AllOf | AnyOf | Not
"""What `if` says. A string is the name of what must be configured, such as CONFIG_VNC."""


class Section(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One part of a doc comment.

    Attributes:
        tag: What it begins with, such as Since, Returns, Errors, Note; "" for plain text.
        text: Its text, without the marks and the indentation of the comment.
    """

    tag: str
    text: str


class Documentation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One doc comment.

    Attributes:
        symbol: The definition it is for; None where it stands for itself.
        text: What it says of the whole, up to the first member, feature or tag.
        members: The text for each member, value, branch or argument that it describes.
        features: The text for each feature.
        sections: All that comes behind, in its order.
        since: The release named behind Since, such as "2.10"; "" where none is.
        location: Where the comment begins.
    """

    symbol: str | None = None
    text: str = ""
    members: dict[str, str] = {}
    features: dict[str, str] = {}
    sections: tuple[Section, ...] = ()
    since: str = ""
    location: Location | None = None


SPECIAL_FEATURES: Final = ("deprecated", "unstable")
"""The features that policy knows, and that say something to everybody."""


class Feature(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One feature: a mark that a client can look for."""

    name: str
    condition: Condition | None = None


def special_features(features: Iterable[Feature]) -> list[str]:
    """Return the names of those features that policy knows."""
    names = {feature.name for feature in features}
    return [name for name in SPECIAL_FEATURES if name in names]


class Member(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One member of an object."""

    name: str
    type: str
    is_optional: bool = False
    features: tuple[Feature, ...] = ()
    condition: Condition | None = None


class EnumValue(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One value of an enum."""

    name: str
    features: tuple[Feature, ...] = ()
    condition: Condition | None = None


class Branch(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One branch of a union (its name is the discriminator's value) or of an alternate."""

    name: str
    type: str
    condition: Condition | None = None


class BuiltIn(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A type that QAPI has of itself.

    Attributes:
        name: What schemas call it.
        json_type: What introspection calls its values.
        introspected: The type that introspection gives for it: int for int8 to size.
        low: The least of an integer type; 0 makes it one without a sign.
        high: The greatest.
    """

    name: str
    json_type: str
    introspected: str
    low: int = 0
    high: int = 0


class Array(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """The type of arrays of one type."""

    name: str
    element: str


class Definition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag=True):
    """What all definitions have."""

    name: str
    features: tuple[Feature, ...] = ()
    condition: Condition | None = None
    documentation: Documentation | None = None
    location: Location | None = None


class EnumDefinition(Definition, frozen=True, kw_only=True):
    """An enum."""

    values: tuple[EnumValue, ...]
    prefix: str | None = None
    is_implicit: bool = False


class StructDefinition(Definition, frozen=True, kw_only=True):
    """An object type without branches; its members come behind those of its base."""

    members: tuple[Member, ...]
    base: str | None = None
    is_implicit: bool = False


class UnionDefinition(Definition, frozen=True, kw_only=True):
    """A union: one member of its base says which further members there are.

    Values of the discriminator without a branch have no further members. A simple union is one
    with implicit base and branches.
    """

    base: str
    discriminator: str
    branches: tuple[Branch, ...]


class AlternateDefinition(Definition, frozen=True, kw_only=True):
    """An alternate: the JSON type of the value says which branch it is."""

    branches: tuple[Branch, ...]


class CommandDefinition(Definition, frozen=True, kw_only=True):
    """A command.

    Attributes:
        arguments: The type of its arguments, an object type; None where it takes none.
        returns: The type of what it returns; None where that is nothing.
        is_boxed: The arguments are one value to the C function; nothing shows on the wire.
        is_generated: False where QEMU doesn't check the arguments against their type.
        has_response: False where success is not answered, as for guest-shutdown.
        allow_oob: It may come out of band.
        allow_preconfig: It may come before the machine is there.
        is_coroutine: QEMU runs it in a coroutine.
    """

    arguments: str | None = None
    returns: str | None = None
    is_boxed: bool = False
    is_generated: bool = True
    has_response: bool = True
    allow_oob: bool = False
    allow_preconfig: bool = False
    is_coroutine: bool = False


class EventDefinition(Definition, frozen=True, kw_only=True):
    """An event; `arguments` is the type of its data, None where it has none."""

    arguments: str | None = None
    is_boxed: bool = False


Type: TypeAlias = (
    BuiltIn | Array | EnumDefinition | StructDefinition | UnionDefinition | AlternateDefinition
)
Entity: TypeAlias = CommandDefinition | EventDefinition

_INTEGER_BITS: Final = {"int": 64, "int8": 8, "int16": 16, "int32": 32, "int64": 64}
_UNSIGNED_BITS: Final = {"uint8": 8, "uint16": 16, "uint32": 32, "uint64": 64, "size": 64}
ANY_INTEGER: Final = BuiltIn("int", "int", "int", -1 << 63, (1 << 64) - 1)
"""What int means in introspection, which doesn't tell how many bits there are, nor of a sign."""
EMPTY: Final = StructDefinition(name="q_empty", members=(), is_implicit=True)
"""The object type without members: arguments of a command that takes none, and the like."""
BUILT_INS: Final[dict[str, Type]] = {
    "str": BuiltIn("str", "string", "str"),
    "number": BuiltIn("number", "number", "number"),
    **{
        name: BuiltIn(name, "int", "int", -1 << bits - 1, (1 << bits - 1) - 1)
        for name, bits in _INTEGER_BITS.items()
    },
    **{
        name: BuiltIn(name, "int", "int", 0, (1 << bits) - 1)
        for name, bits in _UNSIGNED_BITS.items()
    },
    "bool": BuiltIn("bool", "boolean", "bool"),
    "any": BuiltIn("any", "value", "any"),
    "null": BuiltIn("null", "null", "null"),
    "QType": EnumDefinition(
        name="QType",
        values=tuple(
            map(EnumValue, ("none", "qnull", "qnum", "qstring", "qdict", "qlist", "qbool"))
        ),
        prefix="QTYPE",
    ),
    EMPTY.name: EMPTY,
}
"""The types that every schema has."""


class IntrospectionForm(msgspec.Struct, frozen=True, omit_defaults=True):
    """The form in which a release of QEMU gives its introspection.

    Attributes:
        enum_members: Enums have `members`, with features (since 6.2).
        enum_values: Enums have `values`, plain strings.
        oob_always: Commands have allow-oob even where it is false (2.12).
        preconfig_always: They have allow-preconfig, too (some QEMUs on the way to 3.0).
    """

    enum_members: bool = True
    enum_values: bool = True
    oob_always: bool = False
    preconfig_always: bool = False


class Schema(msgspec.Struct, frozen=True, omit_defaults=True):
    """One schema.

    Attributes:
        types: All types by their names: built-ins, definitions in their order, arrays.
        entities: Commands and events in schema order.
        free_documentation: Doc comments that belong to no definition, in their order.
        form: The form in which it is introspected.
        labels: What introspection calls the types, in its order; empty where that is yet to be
            made out by label_types(). Labels of types that are not there don't matter.
        files: The files it was read from, in the order in which they were included.

    Example:
        >>> entities = CommandDefinition(name="stop"), EventDefinition(name="STOP")
        >>> schema = Schema(BUILT_INS, entities)
        >>> [command.name for command in schema.commands()]
        ['stop']
    """

    types: dict[str, Type]
    entities: tuple[Entity, ...] = ()
    free_documentation: tuple[Documentation, ...] = ()
    form: IntrospectionForm = IntrospectionForm()
    labels: dict[str, str] = {}
    files: tuple[str, ...] = ()

    def commands(self) -> Iterator[CommandDefinition]:
        """Give the commands, in schema order."""
        return (entity for entity in self.entities if isinstance(entity, CommandDefinition))

    def events(self) -> Iterator[EventDefinition]:
        """Give the events, in schema order."""
        return (entity for entity in self.entities if isinstance(entity, EventDefinition))
