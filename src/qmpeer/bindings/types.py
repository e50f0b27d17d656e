"""The base types of a binding: structs that keep unknown members, and open enums."""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec


class Struct(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, repr_omit_defaults=True):
    """An object type of a schema; subclasses have its members as attributes.

    Unknown members are in `extra`, under their names on the wire. A missing member is UNSET, even a
    mandatory one that the server left out; None is JSON's null. A value of another JSON type than
    in the schema is kept as it came.

    Attributes:
        extra: Unknown members, such as those of a newer server; they are also sent.
        deprecated_members: Members that a newer release may no longer accept.
    """

    deprecated_members: ClassVar[tuple[str, ...]] = ()

    # QAPI names contain no dollar sign, so this name can't clash with a member's.
    extra: dict[str, Any] = msgspec.field(default_factory=dict, name="$extra")


class Empty(Struct):
    """An object without members, the return type of commands that return nothing."""


class UnknownBranch(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A value of a union with a branch that isn't in the binding.

    Attributes:
        tag: The value of the union's discriminator.
        members: All other members, as JSON.
    """

    tag: str = msgspec.field(name="$tag")
    members: dict[str, Any] = msgspec.field(name="$members")


class Enumeration:
    """The values of an enum as constants. The values are plain strings.

    So a newer server's unknown values need no special handling.

    Example:
        >>> class RunState(Enumeration):
        ...     RUNNING = "running"
        ...     PAUSED = "paused"
        >>> RunState.RUNNING, RunState.values()
        ('running', ('running', 'paused'))
    """

    @classmethod
    def values(cls) -> tuple[str, ...]:
        """Return the values in the order of the schema."""
        return tuple(cls._values())

    @classmethod
    def _values(cls) -> Iterator[str]:
        for name, value in vars(cls).items():
            if not name.startswith("__") and isinstance(value, str):
                yield value
