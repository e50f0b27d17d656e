"""The connection of a raw backend's client: its session and the backend's, side by side."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import msgspec

from qmpeer import limits
from qmpeer.errors import QMPError
from qmpeer.messages import CommandMessage, Event
from qmpeer.monitor.backend import (
    ClientState,
    Context,
    EncodedEvent,
    EncodedEvents,
    RawBackend,
    RawBytes,
    RawSession,
    Reply,
)
from qmpeer.monitor.connection import AccessPoint, MonitorConnection
from qmpeer.monitor.loop import MonitorLoop
from qmpeer.monitor.threads import ENDING
from qmpeer.monitor.turns import PENDING, CommandExecutor, Pending
from qmpeer.protocol import RawServerSession
from qmpeer.transport.aio import Stream
from qmpeer.transport.descriptors import close_all
from qmpeer.values import JsonObject, JsonValue

log: logging.Logger = logging.getLogger("qmpeer.monitor")


class RawConnection(MonitorConnection):
    """A client's connection to a raw backend; it is the `RawClient` of the backend's session.

    Args:
        access: The place where the client came in.
        stream: Its stream.
        backend: The backend.
        loop: The monitor's loop.
        is_pretty: Write messages over many lines.
    """

    __slots__ = (
        "_backend",
        "_command_fds",
        "_finish_timer",
        "_is_gone",
        "_loop",
        "_raw_server",
        "_raw_session",
    )

    def __init__(
        self,
        access: AccessPoint,
        stream: Stream,
        backend: RawBackend,
        loop: MonitorLoop,
        *,
        is_pretty: bool,
    ) -> None:
        self._raw_server = RawServerSession(backend.window, is_pretty=is_pretty)
        super().__init__(access, stream, self._raw_server, is_pretty=is_pretty)
        self.commands: CommandExecutor = self
        self._backend = backend
        self._loop = loop
        self._raw_session: RawSession | None = None
        self._is_gone = False
        self._finish_timer: asyncio.TimerHandle | None = None
        self._command_fds: Sequence[int] = ()  # of the command that the backend executes
        stream.keep_fds_apart()

    def begin(self) -> None:
        """Open the backend's session; disconnect the client if that fails."""
        self._guarded(self._open_session, "open a session")

    def _open_session(self) -> None:
        self._raw_session = self._backend.open_session(self)

    def _guarded(self, call: Callable[[], None], purpose: str) -> None:
        """Call the backend; log what it raises, and disconnect the client."""
        try:
            call()
        except BaseException as error:
            log.error("%s: = the backend failed to %s", self.peer, purpose, exc_info=error)
            self.stream.abort()
            if isinstance(error, ENDING):
                self._turns.end(error)

    # CommandExecutor

    def execute(self, command: CommandMessage, context: Context) -> Pending:
        """Pass a command on to the backend, which delivers the reply."""
        assert self._raw_session is not None, "greeted without a session"
        self._command_fds = self._raw_server.fds_of(command)
        try:
            self._turns.run_backend(self._raw_session.execute, command)
        except BaseException as error:
            if self._raw_server.lacks_reply(command):
                raise
            log.error("%s: the backend failed after its reply", self.peer, exc_info=error)
            if isinstance(error, ENDING):
                self._turns.end(error)
        finally:
            if self._command_fds:
                close_all(self.take_fds())
        return PENDING

    def _bind_fds(self, requests: Sequence[JsonValue | QMPError]) -> None:
        server = self._raw_server
        if server.unclaimed_fds:
            close_all(server.unclaimed_fds)
            server.unclaimed_fds.clear()
        if server.bind_fds(requests, self._fds):
            self._fds = ()

    # RawClient

    def take_fds(self) -> list[int]:
        """Return the descriptors of the command being executed; see `RawClient.take_fds`."""
        fds, self._command_fds = self._command_fds, ()
        return list(fds)

    def greet(
        self, greeting: JsonObject | bytes | None, on_ready: Callable[[], None] | None = None
    ) -> None:
        """Send the greeting; see `RawClient.greet`."""
        if on_ready is None:
            self._raw_server.greet(greeting)
        else:  # later: the session is in the middle of a request
            self._raw_server.greet(greeting, partial(self._loop.running.call_soon, on_ready))
        self._turns.delivered(self)

    @property
    def state(self) -> ClientState:
        """The client's state now."""
        server = self._raw_server
        return ClientState(
            is_ready=server.is_ready,
            is_oob_enabled=server.is_oob_enabled,
            waiting=server.waiting + bool(self._unread),
            received=self.received,
            sent=self.sent,
            unsent=self.stream.unsent + server.output_size,
        )

    def deliver(self, *messages: Reply | Event | EncodedEvent | EncodedEvents | RawBytes) -> None:
        """Send replies and events in order; see `RawClient.deliver`."""
        if not self._loop.is_here:
            self._loop.call(partial(self.deliver, *messages))
            return
        if self._is_gone:
            self._close_fds_of(messages)
            return
        if len(messages) == 1 and type(messages[0]) is EncodedEvents:
            self._raw_server.send_event(messages[0].text(self.is_pretty))
            self._bound_output()
            self._turns.mark(self)  # events make room for no command, so this needs no turn
            return
        rest = iter(messages)
        try:
            for message in rest:
                self._deliver(message)
        except BaseException:
            self._close_fds_of(rest)
            raise
        finally:
            self._turns.delivered(self)

    def _close_fds_of(self, messages: Iterable[object]) -> None:
        for message in messages:
            if isinstance(message, Reply):
                close_all(message.fds)

    def _deliver(self, message: Reply | Event | EncodedEvent | EncodedEvents | RawBytes) -> None:
        server = self._raw_server
        if isinstance(message, Reply):
            if message.fds:
                self._deliver_with_fds(message)
            elif message.error is None:
                server.respond(message.command, message.value)
            else:
                server.respond_raw_error(message.command, message.error)
        elif isinstance(message, (EncodedEvent, EncodedEvents)):
            server.send_event(message.text(self.is_pretty))
        elif isinstance(message, Event):
            server.send_event(EncodedEvent(message).text(self.is_pretty))
        else:
            server.send_bytes(message.data, message.command)
        self._bound_output()

    def _bound_output(self) -> None:
        """Send the output if it is large: one turn may deliver many messages."""
        if self._raw_server.output_size > limits.UNSENT_OUTPUT:
            self.flush()
            self.weigh()

    def finish(self) -> None:
        """Disconnect once the requests that came are answered; see `RawClient.finish`."""
        if not self._loop.is_here:
            self._loop.call(self.finish)
            return
        if not self._is_gone and self._finish_timer is None:
            loop = self._loop.running
            self._finish_timer = loop.call_later(limits.CLOSE_TIMEOUT, self.stream.abort)
            self.eof_received()

    def _deliver_with_fds(self, message: Reply) -> None:
        """Send a reply with its descriptors; without them if the stream can't send them."""
        server = self._raw_server
        self.flush()  # what is before it has none
        try:
            fds = () if server.is_mid_reply else message.fds
            self._deliver(msgspec.structs.replace(message, fds=()))
            data = server.data_to_send()
            try:
                self.stream.write(data, fds)
            except (OSError, ValueError) as error:
                log.warning("%s: descriptors of a reply can't be sent: %s", self.peer, error)
                self.stream.write(data)
            self.sent: int = self.sent + len(data)
        finally:
            close_all(message.fds)

    def close(self) -> None:
        """Disconnect once everything delivered is sent; see `RawClient.close`."""
        if not self._loop.is_here:
            self._loop.call(self.close)
            return
        self._raw_server.drop_commands()
        self.close_when_answered()
        if self._raw_server.is_answering:  # a long answer, which the client may never read
            self._loop.running.call_later(limits.CLOSE_TIMEOUT, self.stream.abort)

    # StreamHandler

    def connection_lost(self, error: OSError | None) -> None:
        """Release everything that belongs to the client, the backend's session too."""
        self._is_gone = True
        if self._finish_timer is not None:
            self._finish_timer.cancel()
        super().connection_lost(error)
        close_all(self._raw_server.unbind_fds())
        session, self._raw_session = self._raw_session, None
        if session is not None:
            self._guarded(session.close, "close a session")
