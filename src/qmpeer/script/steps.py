"""The steps of a rule: what the server does when it is asked."""

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from qmpeer.values import JsonObject, JsonValue


class SendReply(msgspec.Struct, frozen=True):
    """Send the reply that holds a value."""

    value: JsonValue


class SendError(msgspec.Struct, frozen=True):
    """Send an error reply, with the members of its "error"."""

    error: JsonObject


class SendBytes(msgspec.Struct, frozen=True):
    """Send bytes as they stand."""

    data: bytes


class SendEvent(msgspec.Struct, frozen=True):
    """Send an event to every client that has negotiated."""

    name: str
    data: JsonObject | None = None


class Wait(msgspec.Struct, frozen=True):
    """Wait, in seconds."""

    seconds: float


class Hang(msgspec.Struct, frozen=True):
    """Never reply. In-band commands of the same client then wait, as behind one that blocks."""


class Close(msgspec.Struct, frozen=True):
    """Close the client's connection."""


class CallFunction(msgspec.Struct, frozen=True):
    """Call a function of the script with the call; what it returns is the reply."""

    function: Callable[..., Any]


class Goto(msgspec.Struct, frozen=True):
    """Enter a state."""

    state: str


Step: TypeAlias = (
    SendReply | SendError | SendBytes | SendEvent | Wait | Hang | Close | CallFunction | Goto
)
