"""What the types of a binding are made of: structs that keep what they don't know, open enums."""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec


class Struct(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, repr_omit_defaults=True):
    """An object type of a schema; a subclass has its members as attributes.

    Members that the type doesn't have are in `extra` under their names on the wire. One that isn't
    there is UNSET, even a mandatory one that the server left out; None is JSON's null. Where a
    server sends a value of another JSON type than the schema has, it stands there as it came.

    Attributes:
        extra: Members of a newer server; they are sent, too.
        deprecated_members: Members that a newer release may no longer take.
    """

    deprecated_members: ClassVar[tuple[str, ...]] = ()

    # A dollar sign stands in no name of QAPI, so that no member is taken for this one.
    extra: dict[str, Any] = msgspec.field(default_factory=dict, name="$extra")


class Empty(Struct):
    """An object without members, which commands return that return nothing."""


class UnknownBranch(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A value of a union whose branch the binding doesn't know.

    Attributes:
        tag: The value of the union's discriminator.
        members: All other members, as JSON.
    """

    tag: str = msgspec.field(name="$tag")
    members: dict[str, Any] = msgspec.field(name="$members")


class Enumeration:
    """The names of an enum's values as constants; values themselves are plain strings.

    A newer server's values are strings as well, so that nothing needs to be done for them.

    Example:
        >>> class RunState(Enumeration):
        ...     RUNNING = "running"
        ...     PAUSED = "paused"
        >>> RunState.RUNNING, RunState.values()
        ('running', ('running', 'paused'))
    """

    @classmethod
    def values(cls) -> tuple[str, ...]:
        """Return the values that the schema has, in its order."""
        return tuple(cls._values())

    @classmethod
    def _values(cls) -> Iterator[str]:
        for name, value in vars(cls).items():
            if not name.startswith("__") and isinstance(value, str):
                yield value
