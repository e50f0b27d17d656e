"""Plain conditions on one member of a command's arguments.

A member that isn't there fits nothing, unless the condition says ``absent`` or ``optional``. One
that is there and false, 0, null or empty is there. A text in the place of an object has no members:
QAPI's alternates take a name there, such as that of a block node.
"""

from collections.abc import Iterator
from enum import Enum
from typing import Final, Protocol

import msgspec

from qmpeer.messages import REDACTED
from qmpeer.messages.globs import Glob
from qmpeer.messages.secret_names import is_secret_name
from qmpeer.messages.shown_values import shown_value
from qmpeer.policy.fd_sets import fd_set_failure
from qmpeer.policy.rules import Facts, MemberPath
from qmpeer.values import UNSET, JsonObject, JsonValue, UnsetType

EACH: Final = "*"
"""The part of a path that stands for each element of a list."""


class Presence(Enum):
    """The presence of a member, as a condition demands it."""

    NEEDED = "needed"
    OPTIONAL = "optional"
    ABSENT = "absent"


class Check(Protocol):
    """One condition on a value that is there."""

    @property
    def covers_below(self) -> bool:
        """True if it also rules on everything inside the value."""

    def failure(self, value: JsonValue, facts: Facts) -> str | None:
        """Return what was expected, or "found …, expected …"; None if the value fits."""


class MemberTest(msgspec.Struct, frozen=True):
    """All conditions on one member.

    Attributes:
        path: The member; "*" stands for each element of a list, and all of them must fit.
        checks: The conditions on its value.
        presence: Whether it must be there.
    """

    path: MemberPath
    checks: tuple[Check, ...] = ()
    presence: Presence = Presence.NEEDED

    @property
    def covers_below(self) -> bool:
        """True if it also rules on everything inside the member."""
        return self.presence is Presence.ABSENT or any(each.covers_below for each in self.checks)

    @property
    def is_opened(self) -> bool:
        """True if the proxy opens the files in it."""
        return any(isinstance(each, Under) and each.is_opened for each in self.checks)

    @property
    def needs_nodes(self) -> bool:
        """False: no plain condition asks for the files of nodes."""
        return False

    def failure(self, arguments: JsonObject, facts: Facts) -> str | None:
        """Return why the conditions don't hold: "found …, expected …"; None if they do."""
        try:
            for value in values_at(arguments, self.path):
                if (failure := self._value_failure(value, facts)) is not None:
                    return failure
        except UnfitError as error:
            return str(error)
        return None

    def _value_failure(self, value: JsonValue | UnsetType, facts: Facts) -> str | None:
        if isinstance(value, UnsetType):
            return "found none, expected one" if self.presence is Presence.NEEDED else None
        is_secret = any(map(is_secret_name, self.path))
        found = REDACTED if is_secret else shown_value(value)
        if self.presence is Presence.ABSENT:
            return f"found {found}, expected none"
        for check in self.checks:
            failure = check.failure(value, facts)
            if failure is not None:
                if is_secret:
                    return f"found {found}, expected another value"
                return failure if failure.startswith("found") else f"found {found}, {failure}"
        return None


class Equal(msgspec.Struct, frozen=True):
    """The value is one of some: of the same type, and equal. 1 and 1.0 are equal, as in QEMU.

    Attributes:
        values: These, at least one.
    """

    values: tuple[JsonValue, ...]

    @property
    def covers_below(self) -> bool:
        """True: all of it is compared."""
        return True

    def failure(self, value: JsonValue, facts: Facts) -> str | None:
        """Return what was expected; None if the value fits."""
        if any(is_equal(value, each) for each in self.values):
            return None
        *others, last = map(shown_value, self.values)
        return f"expected {', '.join(others)} or {last}" if others else f"expected {last}"


class InRange(msgspec.Struct, frozen=True):
    """The value is a number in a range.

    Attributes:
        least: The least number, or None.
        most: The greatest, or None.
    """

    least: float | None = None
    most: float | None = None

    @property
    def covers_below(self) -> bool:
        """False: a number has nothing inside."""
        return False

    def failure(self, value: JsonValue, facts: Facts) -> str | None:
        """Return what was expected; None if the value fits."""
        if (
            type(value) in (int, float)
            and (self.least is None or value >= self.least)  # type: ignore[operator]  # a number
            and (self.most is None or value <= self.most)  # type: ignore[operator]
        ):
            return None
        if self.least is None:
            return f"expected a number of at most {self.most}"
        to = "" if self.most is None else f" to {self.most}"
        return f"expected a number from {self.least}{to}"


class Like(msgspec.Struct, frozen=True):
    """The value is a text, such as the name of a node or device, that fits one of some patterns.

    Attributes:
        globs: The patterns.
    """

    globs: tuple[Glob, ...]

    @property
    def covers_below(self) -> bool:
        """False: a text has nothing inside."""
        return False

    def failure(self, value: JsonValue, facts: Facts) -> str | None:
        """Return what was expected; None if the value fits."""
        if isinstance(value, str) and any(glob(value) for glob in self.globs):
            return None
        return f"expected a name like {' or '.join(glob.text for glob in self.globs)}"


class Under(msgspec.Struct, frozen=True):
    """The value is a path under one of some folders, once links and ``..`` are resolved.

    Attributes:
        folders: The folders.
        is_opened: True if the proxy opens the file, and the server gets a set of descriptors.
    """

    folders: tuple[str, ...]
    is_opened: bool = False

    @property
    def covers_below(self) -> bool:
        """False: a path has nothing inside."""
        return False

    def failure(self, value: JsonValue, facts: Facts) -> str | None:
        """Return what was expected; None if the value fits.

        Raises:
            ValueError: If that can't be judged, with the reason.
        """
        if not isinstance(value, str):
            return f"expected a path under {' or '.join(self.folders)}"
        failure: str | None = None
        for folder in self.folders:
            failure = facts.under(value, folder)
            if failure is None:
                return None
        return failure


class OwnFdSet(msgspec.Struct, frozen=True):
    """The value is /dev/fdset/N, and the set N is the client's own."""

    @property
    def covers_below(self) -> bool:
        """False: a path has nothing inside."""
        return False

    def failure(self, value: JsonValue, facts: Facts) -> str | None:
        """Return why it isn't; None if it is."""
        return fd_set_failure(value, facts)


def is_equal(one: JsonValue, other: JsonValue) -> bool:
    """Return True if two JSON values are the same to QEMU: true isn't 1, but 1.0 is.

    Example:
        >>> is_equal(True, 1), is_equal([1], [1.0]), is_equal({"a": None}, {})
        (False, True, False)
    """
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_equal, one, other))
    return one == other


class UnfitError(Exception):
    """A value that has no such members as a path names."""


def values_at(value: JsonValue, path: MemberPath) -> Iterator[JsonValue | UnsetType]:
    """Give the values at a path, with UNSET for each one that isn't there."""
    for at, name in enumerate(path):
        if isinstance(value, dict) and name != EACH:
            if name not in value:
                yield UNSET
                return
            value = value[name]
        elif isinstance(value, list) and name == EACH:
            for each in value:
                yield from values_at(each, path[at + 1 :])
            return
        elif value is None or isinstance(value, str):
            yield UNSET
            return
        else:
            kind = "a list" if name == EACH else f"an object with {name}"
            raise UnfitError(f"found {_kind(value)}, expected {kind}")
    yield value


def _kind(value: JsonValue) -> str:
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return shown_value(value)
