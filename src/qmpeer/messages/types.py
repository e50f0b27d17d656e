"""QMP's messages as structs: greeting, command and event.

The structs are independent of the wire format. Responses have no struct: a server writes them from
their parts, and a client splits them (`qmpeer.messages.client`).

Spec: qmp-spec, "Protocol Specification".
"""

from typing import Any

import msgspec

from qmpeer.values import UNSET, JsonObject, JsonValue

CAPABILITIES_COMMAND = "qmp_capabilities"
"""The only command before negotiation."""
CAPABILITIES = ("oob",)
"""All capabilities of QMP."""


class QemuVersion(msgspec.Struct, frozen=True, order=True):
    """A QEMU release, comparable with others."""

    major: int
    minor: int
    micro: int


class Version(msgspec.Struct, frozen=True):
    """A server's version, as in its greeting and in query-version.

    Attributes:
        qemu: The QEMU release whose interface the server implements.
        package: The version of the package: free text, often empty.
    """

    qemu: QemuVersion
    package: str = ""


class Greeting(msgspec.Struct, frozen=True):
    """The first message of a server.

    Attributes:
        version: The server's version; None from QEMU 0.12 and from servers that don't send one.
        capabilities: The offered capabilities, in the server's order.
    """

    version: Version | None
    capabilities: tuple[str, ...] = ()


class CommandMessage(msgspec.Struct, frozen=True):
    """One command that a client sent.

    Attributes:
        name: The command's name, which may be unknown.
        arguments: The arguments; None if the member was missing.
        id: The id, any JSON value; UNSET if there was none.
        is_oob: True for exec-oob: the command is to be executed out of band.
    """

    name: str
    arguments: JsonObject | None = None
    id: Any = UNSET
    is_oob: bool = False


class Timestamp(msgspec.Struct, frozen=True, order=True):
    """The time of an event, by the server's clock; -1 and -1 if the server couldn't read it."""

    seconds: int
    microseconds: int


class Event(msgspec.Struct, frozen=True):
    """One asynchronous event.

    Attributes:
        name: The event's name, the member "event" on the wire.
        data: The event's data; {} if it had none.
        timestamp: The time of the event; None if the server sent none.
        number: The event's number on this connection, counted by the client from 1.
    """

    name: str
    data: dict[str, JsonValue]
    timestamp: Timestamp | None = None
    number: int = 0
