"""What QMP says and is kept: greeting, command, event, each as a struct.

The structs know nothing of bytes. Responses aren't kept: a server writes them from their parts, and
a client takes them apart (`qmpeer.messages.client`).

Spec: qmp-spec, "Protocol Specification".
"""

from typing import Any

import msgspec

from qmpeer.values import UNSET, JsonObject, JsonValue

CAPABILITIES_COMMAND = "qmp_capabilities"
"""The one command that exists before negotiation."""
CAPABILITIES = ("oob",)
"""The capabilities that there are."""


class QemuVersion(msgspec.Struct, frozen=True, order=True):
    """The release whose interface a server follows; comparable."""

    major: int
    minor: int
    micro: int


class Version(msgspec.Struct, frozen=True):
    """What a server says of itself, in its greeting and in query-version.

    Attributes:
        qemu: The release whose interface it follows.
        package: What was packaged, free text, often empty.
    """

    qemu: QemuVersion
    package: str = ""


class Greeting(msgspec.Struct, frozen=True):
    """The first message of a server.

    Attributes:
        version: What the server is. None from QEMU 0.12 and from servers that don't say.
        capabilities: Those that it offers, in its order.
    """

    version: Version | None
    capabilities: tuple[str, ...] = ()


class CommandMessage(msgspec.Struct, frozen=True):
    """One command as it was asked for.

    Attributes:
        name: The name, which may be that of no command.
        arguments: None where the member was left out.
        id: Any JSON value, UNSET where there was none.
        is_oob: It came as exec-oob, to be executed out of band.
    """

    name: str
    arguments: JsonObject | None = None
    id: Any = UNSET
    is_oob: bool = False


class Timestamp(msgspec.Struct, frozen=True, order=True):
    """When an event was made, by the server's clock; -1 and -1 where that failed."""

    seconds: int
    microseconds: int


class Event(msgspec.Struct, frozen=True):
    """One asynchronous event.

    Attributes:
        name: The event's name, the member "event" on the wire.
        data: Its data; empty where it had none.
        timestamp: When it was made; None from servers that don't say.
        number: The client's own count of events on this connection, from 1, given on arrival.
    """

    name: str
    data: dict[str, JsonValue]
    timestamp: Timestamp | None = None
    number: int = 0
