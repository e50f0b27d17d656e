"""The interface between a monitor and its backend.

A program that registers handlers on a `Monitor` needs no backend of its own: the decorators build
one (`qmpeer.monitor.commands`). A `Backend` executes commands whose names nobody registered, and
the monitor does the rest. A `RawBackend` stands for another server, such as a recording or a real
QEMU: it says everything that a server says, in its own order and with its own timestamps, and the
monitor only negotiates.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from enum import Enum
from typing import Protocol, TypeAlias, runtime_checkable

import msgspec

from qmpeer.messages import CommandMessage, Event, Version, event_message
from qmpeer.monitor.named_fds import NamedFds
from qmpeer.transport import PeerIdentity
from qmpeer.values import JsonObject, JsonValue
from qmpeer.wire import encode_line, encode_pretty

Emit: TypeAlias = Callable[[str, JsonObject | None], None]
"""Delivers an event: its name, and its data or None."""


class CommandInfo(msgspec.Struct, frozen=True):
    """A command's interface.

    Attributes:
        name: Its name on the wire.
        allow_oob: True if it may be executed out of band; then it must not block.
        features: Such as "deprecated" and "unstable".
        arguments: The names of its arguments.
    """

    name: str
    allow_oob: bool = False
    features: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


class ContextMonitor(Protocol):
    """The part of a monitor that handlers may use."""

    @property
    def version(self) -> Version:
        """The version in the greeting and in query-version's reply."""

    def emit(self, name: str, data: JsonObject | None = None) -> None:
        """Send an event to every client; see `Monitor.emit`."""

    def run_human(
        self, line: str, context: "Context | None" = None, *, cpu_index: int | None = None
    ) -> str | Awaitable[str]:
        """Execute a line as a human monitor does; see `Monitor.run_human`."""


class Context(Protocol):
    """The origin of a command: the client and its monitor."""

    @property
    def peer(self) -> str:
        """The client's name in logs."""

    @property
    def monitor(self) -> ContextMonitor:
        """The monitor that received the command."""

    @property
    def named_fds(self) -> NamedFds:
        """The named descriptors, shared by all clients at the same address and by no others."""

    def take_fds(self) -> list[int]:
        """Return the last set of descriptors that this client sent, and pass on their ownership.

        A new set replaces one that wasn't taken: QEMU keeps one set.
        """


class Backend(Protocol):
    """The executor of a monitor's commands and the source of its events."""

    def commands(self) -> Iterable[CommandInfo]:
        """Return all commands. The monitor calls this once."""

    def execute(
        self, command: CommandMessage, context: Context
    ) -> JsonValue | Awaitable[JsonValue]:
        """Execute one command, whatever its name.

        Returns:
            The command's value, or an awaitable of it.

        Raises:
            CommandError: To answer with an error: CommandNotFound for an unknown name.
        """

    def subscribe(self, emit: Emit) -> None:
        """Keep ``emit``, and call it for each event, from any thread."""


# A raw backend


class Reply(msgspec.Struct, frozen=True):
    """The reply to a command of a raw backend's client.

    Attributes:
        command: The command, the very object that `RawSession.execute` got.
        value: Its return value.
        error: The error as it stands on the wire, with "class" and "desc"; None for success.
        fds: Descriptors to send with it; they belong to the reply and are closed after that.
    """

    command: CommandMessage
    value: JsonValue = msgspec.field(default_factory=dict)
    error: JsonObject | None = None
    fds: tuple[int, ...] = ()


class RawBytes(msgspec.Struct, frozen=True):
    """Bytes for a raw backend's client, sent as they stand: for tests of clients.

    Attributes:
        data: The bytes.
        command: The command that they answer; it is then in flight no more. None if they answer
            none.
    """

    data: bytes
    command: CommandMessage | None = None


class EncodedEvent:
    """An event for many clients of a raw backend, encoded once for all of them.

    Args:
        event: The event; its number isn't sent.
        extra: Further members of the message.
    """

    __slots__ = ("_line", "_message", "_pretty")

    def __init__(self, event: Event, extra: JsonObject | None = None) -> None:
        self._message = event_message(event.name, event.data or None, event.timestamp)
        if extra:
            self._message.update(extra)
        self._line = b""
        self._pretty = b""

    def text(self, is_pretty: bool) -> bytes:
        """Return the message as it is sent.

        Raises:
            TypeError: If JSON can't hold the data.
        """
        if is_pretty:
            self._pretty = self._pretty or encode_pretty(self._message)
            return self._pretty
        self._line = self._line or encode_line(self._message)
        return self._line


class EncodedEvents:
    """Events that follow one another, encoded once for many clients of a raw backend.

    Args:
        events: The events, in order.
    """

    __slots__ = ("_events", "_line", "_pretty")

    def __init__(self, events: Sequence[EncodedEvent]) -> None:
        self._events = events
        self._line = b""
        self._pretty = b""

    def __len__(self) -> int:
        return len(self._events)

    def text(self, is_pretty: bool) -> bytes:
        """Return the messages as they are sent.

        Raises:
            TypeError: If JSON can't hold the data.
        """
        if is_pretty:
            self._pretty = self._pretty or self._joined(is_pretty=True)
            return self._pretty
        self._line = self._line or self._joined(is_pretty=False)
        return self._line

    def _joined(self, is_pretty: bool) -> bytes:
        return b"".join([event.text(is_pretty) for event in self._events])


class CutOff(Enum):
    """The reason for which the monitor itself has ended a client's connection."""

    UNREAD = "unread"
    """It let more than `limits.UNSENT_EVENTS` bytes of events wait."""
    MEMORY = "memory"
    """The clients of its listener held more than `limits.LISTENER_MEMORY` bytes together."""


class ClientState(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a raw backend's client at one moment.

    Attributes:
        is_ready: True once it has negotiated.
        is_oob_enabled: True if it has negotiated out-of-band execution.
        waiting: The requests that it has sent and that the backend hasn't got yet; those that
            aren't parsed yet count as one.
        received: The bytes that it has sent to us.
        sent: The bytes that were sent to it, including those that are unsent.
        unsent: The bytes that it hasn't read and that the kernel doesn't hold.
    """

    is_ready: bool
    is_oob_enabled: bool
    waiting: int
    received: int
    sent: int
    unsent: int


class RawClient(Protocol):
    """A client of a raw backend: the monitor's side of it."""

    @property
    def peer(self) -> str:
        """The client's name in logs."""

    @property
    def identity(self) -> PeerIdentity:
        """Who the client is. Read it when the session is opened: later the client may be gone."""

    @property
    def state(self) -> ClientState:
        """Its state now."""

    @property
    def cut_off(self) -> CutOff | None:
        """Why the monitor has ended the connection; None if it hasn't."""

    def take_fds(self) -> list[int]:
        """Return the descriptors that came with a command, and pass on their ownership.

        Call this within `RawSession.execute`, whose command is meant. What isn't taken is closed
        afterwards.

        A set of descriptors belongs to the first getfd or add-fd in the bytes that it came with; if
        there is none, to the first request that is complete with them or after them. [QEMU keeps
        the last set until a command takes it. When several are pipelined, that may be another one.]
        """

    def greet(
        self, greeting: JsonObject | bytes | None, on_ready: Callable[[], None] | None = None
    ) -> None:
        """Send the greeting as it stands. Until then the client's requests wait.

        The monitor negotiates: it offers the capabilities in the greeting, and answers
        qmp_capabilities. It drops events until the client has negotiated.

        Args:
            greeting: The whole message, ``{"QMP": …}``. Bytes are sent as they are; if they are no
                message, no capability is offered. None for a server that neither greets nor
                negotiates, such as a guest agent.
            on_ready: Called once, in the monitor's thread, soon after the client has negotiated:
                from then on it gets events. A first command may come before the call.

        Raises:
            LocalProtocolError: If the client was greeted before.
            TypeError: If JSON can't hold the greeting.
        """

    def deliver(self, *messages: Reply | Event | EncodedEvent | EncodedEvents | RawBytes) -> None:
        """Send messages and bytes, in this order and behind those that were delivered before.

        Events keep their timestamps and aren't limited to one a second. Callable from any thread.
        Once the client has gone, this does nothing.

        Raises:
            LocalProtocolError: If a reply's command was answered before.
            TypeError: If JSON can't hold a value; what comes before it is sent.
        """

    def finish(self) -> None:
        """Take no further requests, and disconnect once those that came are answered.

        After limits.CLOSE_TIMEOUT seconds the client is disconnected anyway.
        """

    def close(self) -> None:
        """Disconnect once everything delivered is sent. Commands in flight get no reply."""


class RawSession(Protocol):
    """A raw backend's side of one client. All calls come from the monitor's thread."""

    def execute(self, command: CommandMessage) -> None:
        """Execute one command, whatever its name. `RawClient.deliver` its reply, now or later.

        In-band commands come one by one in the client's order, as long as there is room in the
        window; out-of-band ones come at once. Malformed requests don't come here: the monitor
        answers them in QEMU's words.

        Raises:
            CommandError: To answer with an error; any other exception is logged and answered as a
                GenericError.
        """

    def close(self) -> None:
        """Release what belongs to the client, which has gone; called once."""


@runtime_checkable
class RawBackend(Protocol):
    """A backend that stands for another server.

    Attributes:
        window: The in-band commands of one client that may be in flight at once, at least 1. A
            client's own order is kept only if the backend answers in order.
    """

    window: int

    def open_session(self, client: RawClient) -> RawSession:
        """Return the session of a client that has connected; `RawClient.greet` it, now or later.

        An exception is logged, and the client disconnected.
        """
