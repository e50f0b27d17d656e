"""The entities that query-qmp-schema lists.

Spec: qapi/introspect.json, SchemaInfo. Members that a later release adds are ignored.
"""

from typing import TypeAlias

import msgspec

from qmpeer.values import UNSET, UnsetType


class EntityMember(msgspec.Struct, gc=False):
    """One member of an object; optional if it has a `default`, which is always null."""

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
    """An enum; the release decides whether `members`, `values` or both are present."""

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
