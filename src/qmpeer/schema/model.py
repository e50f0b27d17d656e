"""The schema model: types, commands and events, independent of their source.

Types refer to one another by name, because a type may contain itself. An array's name is its
element type in brackets. Types without a name in the source (`is_implicit`) are named after a
definition, with a dash and a suffix, such as ``eject-arg``.

Spec: QEMU's "How to use the QAPI code generator", whose words are used here.

The members of a Union have a tag and defaults are left out; both serve the JSON form that
`qmpeer.schema.compiled` writes.
"""

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

import msgspec

from qmpeer.errors import Location


class AllOf(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A condition that is met if all of its parts are."""

    conditions: tuple["Condition", ...]


class AnyOf(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A condition that is met if at least one of its parts is."""

    conditions: tuple["Condition", ...]


class Not(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A condition that is met if its part is not."""

    condition: "Condition"


Condition: TypeAlias = str | AllOf | AnyOf | Not
"""The condition of an `if`. A string is a configuration name, such as CONFIG_VNC."""


# gc=False: a schema has thousands of these small structs, and none can be part of a cycle.
class Section(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One part of a doc comment.

    Attributes:
        tag: Its first word, such as Since, Returns, Errors, Note; "" for plain text.
        text: Its text, without the comment's marks and indentation.
    """

    tag: str
    text: str


class Documentation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One doc comment.

    Attributes:
        symbol: The definition that it documents; None for free text.
        text: The description of the whole, before the first member, feature or tag.
        members: The text for each described member, value, branch or argument.
        features: The text for each feature.
        sections: The remaining sections, in their order.
        since: The release after Since, such as "2.10"; "" if there is none.
        location: The beginning of the comment.
    """

    symbol: str | None = None
    text: str = ""
    members: dict[str, str] = {}
    features: dict[str, str] = {}
    sections: tuple[Section, ...] = ()
    since: str = ""
    location: Location | None = None


SPECIAL_FEATURES: Final = ("deprecated", "unstable")
"""The features that have a meaning for every client, and that policy can act on."""


class Feature(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One feature: a name by which a client detects what the server supports."""

    name: str
    condition: Condition | None = None


def special_features(features: Iterable[Feature]) -> list[str]:
    """Return the names of those features that are in SPECIAL_FEATURES."""
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
    """One branch of an alternate or a union; a union's is named after the discriminator's value."""

    name: str
    type: str
    condition: Condition | None = None


class BuiltIn(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A built-in type of QAPI.

    Attributes:
        name: Its name in schemas.
        json_type: The name that introspection has for the JSON type of its values.
        introspected: Its name in introspection: "int" for all types from int8 to size.
        low: The smallest value of an integer type; 0 if it is unsigned.
        high: The greatest value of an integer type.
    """

    name: str
    json_type: str
    introspected: str
    low: int = 0
    high: int = 0


class Array(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """An array type."""

    name: str
    element: str


class Definition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag=True):
    """The common base of all definitions."""

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
    """An object type without branches; its base's members come before its own."""

    members: tuple[Member, ...]
    base: str | None = None
    is_implicit: bool = False


class UnionDefinition(Definition, frozen=True, kw_only=True):
    """A union: a member of its base, the discriminator, selects further members.

    A discriminator value without a branch selects none. A simple union has an implicit base and
    implicit branches.
    """

    base: str
    discriminator: str
    branches: tuple[Branch, ...]


class AlternateDefinition(Definition, frozen=True, kw_only=True):
    """An alternate: the JSON type of the value selects the branch."""

    branches: tuple[Branch, ...]


class CommandDefinition(Definition, frozen=True, kw_only=True):
    """A command.

    Attributes:
        arguments: The type of its arguments, an object type; None if it takes none.
        returns: The type of its return value; None if it returns nothing.
        is_boxed: True if the C function gets its arguments as one value; the wire is the same.
        is_generated: False if QEMU doesn't check the arguments against their type.
        has_response: False if success has no response, as for guest-shutdown.
        allow_oob: True if it may be executed out of band.
        allow_preconfig: True if it may be executed before the machine is created.
        is_coroutine: True if QEMU runs it in a coroutine.
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
    """An event; `arguments` is the type of its data, None if it has no data."""

    arguments: str | None = None
    is_boxed: bool = False


Type: TypeAlias = (
    BuiltIn | Array | EnumDefinition | StructDefinition | UnionDefinition | AlternateDefinition
)
Entity: TypeAlias = CommandDefinition | EventDefinition

_INTEGER_BITS: Final = {"int": 64, "int8": 8, "int16": 16, "int32": 32, "int64": 64}
_UNSIGNED_BITS: Final = {"uint8": 8, "uint16": 16, "uint32": 32, "uint64": 64, "size": 64}
ANY_INTEGER: Final = BuiltIn("int", "int", "int", -1 << 63, (1 << 64) - 1)
"""The integer type of introspection, which lists neither width nor sign."""
EMPTY: Final = StructDefinition(name="q_empty", members=(), is_implicit=True)
"""The object type without members: the arguments of a command that takes none, for example."""
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
"""The types that every schema contains."""


class IntrospectionForm(msgspec.Struct, frozen=True, omit_defaults=True):
    """The form of a QEMU release's introspection.

    Attributes:
        enum_members: Enums have `members`, with features (since 6.2).
        enum_values: Enums have `values`, plain strings.
        oob_always: Commands have allow-oob even if it is false (2.12).
        preconfig_always: They also have allow-preconfig (development versions of 3.0).
    """

    enum_members: bool = True
    enum_values: bool = True
    oob_always: bool = False
    preconfig_always: bool = False


class Schema(msgspec.Struct, frozen=True, omit_defaults=True):
    """One schema.

    Attributes:
        types: All types by their names: built-ins, definitions in source order, arrays.
        entities: Commands and events, in schema order.
        free_documentation: Doc comments without a definition, in source order.
        form: The form of its introspection.
        labels: The names of types in introspection, in its order; empty until label_types() makes
            them. Labels of types that the schema lacks are ignored.
        files: The files that it was read from, in the order of inclusion.

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
        """Return the commands, in schema order."""
        return (entity for entity in self.entities if isinstance(entity, CommandDefinition))

    def events(self) -> Iterator[EventDefinition]:
        """Return the events, in schema order."""
        return (entity for entity in self.entities if isinstance(entity, EventDefinition))
