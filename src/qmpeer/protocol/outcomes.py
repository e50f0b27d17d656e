"""A client's commands in flight, and the outcomes and events that a server sends."""

from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from qmpeer.errors import CommandError, CommandInterrupted
from qmpeer.messages import Event
from qmpeer.values import UNSET, JsonValue, UnsetType

Token = TypeVar("Token")


class Sent(msgspec.Struct, Generic[Token]):
    """A command in flight, or waiting to be sent.

    Attributes:
        name: Its name.
        token: The caller's value; None once the caller has given up.
        id: Its id on the wire.
        is_oob: True if it is executed out of band.
        fds: Descriptors to pass with it.
        is_waiting: True while enough others are in flight, so it isn't sent yet.
        expected: The only return value that answers it; UNSET for any.
        is_silent: True if it isn't answered when it succeeds.
        confirms: The silent command whose success the answer to this one shows.
    """

    name: str
    token: Token | None
    id: int
    is_oob: bool = False
    fds: tuple[int, ...] = ()
    is_waiting: bool = False
    expected: JsonValue | UnsetType = UNSET
    is_silent: bool = False
    confirms: "Sent[Token] | None" = None


class Unclaimed(msgspec.Struct):
    """An error without an id that ended no command.

    Attributes:
        error: The server's error.
    """

    error: CommandError


class Completion(msgspec.Struct, Generic[Token]):
    """The outcome of a command.

    Attributes:
        token: The caller's value.
        value: The return value, if there is no error.
        error: The server's error, or CommandInterrupted if it never answered.
    """

    token: Token
    value: Any
    error: CommandError | CommandInterrupted | None = None


Happened: TypeAlias = Event | Completion[Token] | Unclaimed
"""One thing that received bytes have brought about."""
