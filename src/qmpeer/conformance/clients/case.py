"""A case of the client suite: an odd or faulty server, and the duty of its client."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TypeAlias

from qmpeer.conformance.results import Case
from qmpeer.values import JsonObject
from qmpeer.wire import encode_line


class Duty(Enum):
    """The duty of a client that meets a server."""

    SUCCEED = "must succeed"
    FAIL = "must fail in time"
    END = "must end in time"


class Place(Enum):
    """A server's message, by its place in the conversation."""

    GREETING = "the greeting"
    NEGOTIATED = "the reply to qmp_capabilities"
    REPLY = "the reply to a command"
    OTHER = "another message"


class Listening(Enum):
    """The beginning of a server's listening."""

    AT_ONCE = "from the beginning"
    LATE = "after a while"
    NEVER = "never: the address is there, and refuses connections"
    NOWHERE = "never: nothing is at the address"


class Pause(NamedTuple):
    """A pause between two pieces of output.

    Attributes:
        seconds: Its length.
    """

    seconds: float


class End(Enum):
    """The end of a connection, by the server."""

    CLOSE = "both directions are closed"
    RESET = "it is aborted; on TCP with a reset"
    HALF = "the server's direction is closed"


Piece: TypeAlias = JsonObject | bytes | Pause | End
"""A piece of a server's output: a message to encode, bytes as they are, a pause, the end."""


class Original(NamedTuple):
    """A message as an ordinary server sends it.

    Attributes:
        value: The message.
        id_text: The command's id as JSON text, b"" if it has none; for replies.
    """

    value: JsonObject
    id_text: bytes = b""


Edit: TypeAlias = Callable[[Original], Iterable[Piece]]
"""Returns what is sent instead of a message, piece by piece."""
Form: TypeAlias = Callable[[JsonObject], Iterator[bytes | Pause]]
"""Encodes a message."""


def as_line(message: JsonObject) -> Iterator[bytes | Pause]:
    """Encode a message as QEMU does."""
    yield encode_line(message)


@dataclass(frozen=True, slots=True)
class ClientCase:
    """One case of the client suite.

    The server is an ordinary one, except for what the attributes say.

    Attributes:
        case: Its name, kind, level and title.
        duty: The client's duty.
        place: The message that is edited; None if none is.
        edit: What is sent instead of that message.
        is_once: Edit only the first such message of a connection.
        needs_id: The case says nothing about a client whose commands have no id.
        form: How all messages are encoded.
        listening: How the server listens.
    """

    case: Case
    duty: Duty = Duty.SUCCEED
    place: Place | None = None
    edit: Edit | None = None
    is_once: bool = False
    needs_id: bool = False
    form: Form = as_line
    listening: Listening = Listening.AT_ONCE
