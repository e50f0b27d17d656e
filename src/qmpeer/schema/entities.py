"""The entities of introspection, as query-qmp-schema lists them.

Spec: qapi/introspect.json, SchemaInfo. What a release adds to it is passed over.
"""

from typing import TypeAlias

import msgspec

from qmpeer.values import UNSET, UnsetType

__all__ = [
    "AlternateEntity",
    "ArrayEntity",
    "BuiltInEntity",
    "CommandEntity",
    "EnumEntity",
    "EventEntity",
    "ObjectEntity",
    "SchemaEntity",
    "TypeEntity",
]


class EntityMember(msgspec.Struct, gc=False):
    """Hold one member of an object; that it has a default, always null, makes it optional."""

    name: str
    type: str
    default: object = UNSET
    features: tuple[str, ...] = ()


class EntityVariant(msgspec.Struct, gc=False):
    """Hold one branch of a union."""

    case: str
    type: str


class EntityValue(msgspec.Struct, gc=False):
    """Hold one value of an enum."""

    name: str
    features: tuple[str, ...] = ()


class EntityAlternative(msgspec.Struct, gc=False):
    """Hold one branch of an alternate."""

    type: str


class _Entity(msgspec.Struct, tag_field="meta-type", rename="kebab", gc=False):
    name: str


class CommandEntity(_Entity, tag="command", gc=False):
    """Hold a command."""

    arg_type: str
    ret_type: str
    allow_oob: bool | UnsetType = UNSET
    allow_preconfig: bool | UnsetType = UNSET
    features: tuple[str, ...] = ()


class EventEntity(_Entity, tag="event", gc=False):
    """Hold an event."""

    arg_type: str
    features: tuple[str, ...] = ()


class ObjectEntity(_Entity, tag="object", gc=False):
    """Hold a struct or a union."""

    members: tuple[EntityMember, ...]
    tag: str | None = None
    variants: tuple[EntityVariant, ...] = ()
    features: tuple[str, ...] = ()


class EnumEntity(_Entity, tag="enum", gc=False):
    """Hold an enum; which of the two lists there are depends on the release."""

    members: tuple[EntityValue, ...] | UnsetType = UNSET
    values: tuple[str, ...] | UnsetType = UNSET
    features: tuple[str, ...] = ()


class ArrayEntity(_Entity, tag="array", gc=False):
    """Hold an array."""

    element_type: str


class AlternateEntity(_Entity, tag="alternate", gc=False):
    """Hold an alternate."""

    members: tuple[EntityAlternative, ...]
    features: tuple[str, ...] = ()


class BuiltInEntity(_Entity, tag="builtin", gc=False):
    """Hold a built-in type."""

    json_type: str


TypeEntity: TypeAlias = ObjectEntity | EnumEntity | ArrayEntity | AlternateEntity | BuiltInEntity
SchemaEntity: TypeAlias = CommandEntity | EventEntity | TypeEntity
