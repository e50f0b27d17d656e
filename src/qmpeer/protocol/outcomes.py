"""A client's commands under way, and what a server's bytes bring."""

from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from qmpeer.errors import CommandError, CommandInterrupted
from qmpeer.messages import Event
from qmpeer.values import UNSET, JsonValue, UnsetType

Token = TypeVar("Token")


class Sent(msgspec.Struct, Generic[Token]):
    """A command that was asked for.

    Attributes:
        name: Its name.
        token: The caller's own; None when the caller has given up.
        id: Its id on the wire.
        is_oob: It is executed out of band.
        fds: Descriptors to go with it.
        is_waiting: It isn't to be sent yet, as enough others are in flight.
        expected: The only value that answers it; UNSET for any.
        is_silent: Its success isn't answered.
        tells_of: The silent command that has succeeded once this one is answered.
    """

    name: str
    token: Token | None
    id: int
    is_oob: bool = False
    fds: tuple[int, ...] = ()
    is_waiting: bool = False
    expected: JsonValue | UnsetType = UNSET
    is_silent: bool = False
    tells_of: "Sent[Token] | None" = None


class Unclaimed(msgspec.Struct):
    """An error without an id that ended no command.

    Attributes:
        error: What the server wrote.
    """

    error: CommandError


class Completion(msgspec.Struct, Generic[Token]):
    """The outcome of a command.

    Attributes:
        token: The caller's own.
        value: The return value, where there is no error.
        error: What the server answered instead, or that it never did.
    """

    token: Token
    value: Any
    error: CommandError | CommandInterrupted | None = None


Happened: TypeAlias = Event | Completion[Token] | Unclaimed
"""What a server's bytes bring."""
