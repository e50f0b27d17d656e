"""The entities of introspection, as query-qmp-schema lists them.

Spec: qapi/introspect.json, SchemaInfo. What a release adds to it is passed over.
"""

from typing import TypeAlias

import msgspec

from qmpeer.values import UNSET, UnsetType


class EntityMember(msgspec.Struct, gc=False):
    """One member of an object; that it has a default, always null, makes it optional."""

    name: str
    type: str
    default: object = UNSET
    features: tuple[str, ...] = ()


class EntityVariant(msgspec.Struct, gc=False):
    """One branch of a union."""

    case: str
    type: str


class EntityValue(msgspec.Struct, gc=False):
    """One value of an enum."""

    name: str
    features: tuple[str, ...] = ()


class EntityAlternative(msgspec.Struct, gc=False):
    """One branch of an alternate."""

    type: str


class _Entity(msgspec.Struct, tag_field="meta-type", rename="kebab", gc=False):
    name: str


class CommandEntity(_Entity, tag="command", gc=False):
    """A command."""

    arg_type: str
    ret_type: str
    allow_oob: bool | UnsetType = UNSET
    allow_preconfig: bool | UnsetType = UNSET
    features: tuple[str, ...] = ()


class EventEntity(_Entity, tag="event", gc=False):
    """An event."""

    arg_type: str
    features: tuple[str, ...] = ()


class ObjectEntity(_Entity, tag="object", gc=False):
    """A struct or a union."""

    members: tuple[EntityMember, ...]
    tag: str | None = None
    variants: tuple[EntityVariant, ...] = ()
    features: tuple[str, ...] = ()


class EnumEntity(_Entity, tag="enum", gc=False):
    """An enum; which of the two lists there are depends on the release."""

    members: tuple[EntityValue, ...] | UnsetType = UNSET
    values: tuple[str, ...] | UnsetType = UNSET
    features: tuple[str, ...] = ()


class ArrayEntity(_Entity, tag="array", gc=False):
    """An array."""

    element_type: str


class AlternateEntity(_Entity, tag="alternate", gc=False):
    """An alternate."""

    members: tuple[EntityAlternative, ...]
    features: tuple[str, ...] = ()


class BuiltInEntity(_Entity, tag="builtin", gc=False):
    """A built-in type."""

    json_type: str


TypeEntity: TypeAlias = ObjectEntity | EnumEntity | ArrayEntity | AlternateEntity | BuiltInEntity
SchemaEntity: TypeAlias = CommandEntity | EventEntity | TypeEntity
