"""The proxy's one connection to the server: a thin shell around a client's session."""

import asyncio
import logging
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from qmpeer import limits
from qmpeer.errors import CommandError, CommandInterrupted, ConnectionClosed, LimitError, QMPError
from qmpeer.messages import Event
from qmpeer.protocol import ClientSession, Completion, Phase, closing_error, cut_off
from qmpeer.proxy.request import Request
from qmpeer.proxy.witness import Witness
from qmpeer.transport import AddressLike, address_text
from qmpeer.transport.aio import Stream, StreamHandler, open_stream
from qmpeer.transport.descriptors import close_all
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:
    import ssl

_log: Final = logging.getLogger("qmpeer.proxy")
_IDS: Final = 2**31
# The id with which it negotiates. QEMU sends the answer to a command of an earlier proxy, whose ids
# are below limits.IDS, before that to qmp_capabilities.


class ServerTraffic:
    """The numbers of what has passed between a proxy and its server, over all connections.

    Attributes:
        commands: The commands that were sent.
        replies: The replies to these, including errors.
        errors: The errors among these.
        events: The events that came.
        received: The bytes that came.
        sent: The bytes that were sent.
    """

    __slots__ = ("commands", "errors", "events", "received", "replies", "sent")

    def __init__(self) -> None:
        self.commands: int = 0
        self.replies: int = 0
        self.errors: int = 0
        self.events: int = 0
        self.received: int = 0
        self.sent: int = 0


class ServerUser(Protocol):
    """The receiver of what the server sends. All calls come from the loop's thread."""

    @property
    def traffic(self) -> ServerTraffic:
        """The numbers of what passes."""

    def answered(
        self, request: Request, value: JsonValue, error: CommandError | CommandInterrupted | None
    ) -> None:
        """Take the outcome of a request."""

    def took_place(self, events: Sequence[Event]) -> None:
        """Take events, in order."""

    def pump(self) -> None:
        """Send further requests: everything in the received bytes was handed out."""

    def lost(self, reason: str, cut_off: Sequence[Completion[Request]]) -> None:
        """Note that the connection has ended, and take the outcomes of the open requests.

        Their error is CommandInterrupted, but a quit has succeeded.
        """


class ServerConnection:
    """A connection to a server, and the handler of its stream.

    Args:
        user: Gets what the server sends.
        stream: The stream.
        peer: The server's address, for texts.

    Attributes:
        session: The protocol session.
        is_lost: True once it has ended.
    """

    def __init__(self, user: ServerUser, stream: Stream, peer: str) -> None:
        self.session: ClientSession[Request] = ClientSession(
            first_id=random.randrange(limits.IDS, _IDS), peer=peer
        )
        self.is_lost: bool = False
        self._user = user
        self._traffic = user.traffic
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._fds: Sequence[int] = ()  # the last that came, until their message has come
        self._is_last_of_bytes = False
        self._is_flush_due = False
        self._is_reading_paused = False
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._has_begun = False
        self._early: list[Event] = []
        self._end: ConnectionClosed | None = None

    @classmethod
    async def open(
        cls,
        user: ServerUser,
        address: AddressLike,
        *,
        timeout: float | None,
        wait_for_socket: bool = False,
        tls: "ssl.SSLContext | None" = None,
    ) -> "ServerConnection":
        """Connect to a server and negotiate. The user is told nothing before `begin`.

        Args:
            user: Gets what the server sends.
            address: The server's address.
            timeout: The time limit in seconds for everything; None waits for ever.
            wait_for_socket: Try again while nobody listens there.
            tls: For tls: and wss: a context, which replaces the address's TLS options.

        Raises:
            OSError: If the connection fails.
            TimeoutError: If it isn't ready in time.
            QMPError: If the server doesn't speak QMP, or has left.
        """
        peer = address_text(address)

        def handler(stream: Stream) -> StreamHandler:
            return cls(user, stream, peer)

        until = None if timeout is None else asyncio.get_running_loop().time() + timeout
        _, connection = await open_stream(
            address, handler, timeout=timeout, wait_for_socket=wait_for_socket, tls=tls
        )
        assert isinstance(connection, cls)
        await connection._negotiate(timeout, until)
        return connection

    async def _negotiate(self, timeout: float | None, until: float | None) -> None:
        try:
            async with asyncio.timeout_at(until):
                await asyncio.shield(self._ready)
        except TimeoutError:
            self.close()
            raise self.session.late_to_negotiate(timeout) from None
        except BaseException:
            self.close()
            raise
        if self._end is not None:  # it was ready for a moment
            raise self._end

    def begin(self) -> None:
        """Pass on what comes from now on, and first the events that have come meanwhile."""
        self._has_begun = True
        early, self._early = self._early, []
        if early:
            self._user.took_place(early)

    def witness(self) -> Witness:
        """Return a new witness of this server."""
        return Witness(self.session.greeting, self.session.capabilities)

    @property
    def unix_socket(self) -> int | None:
        """The number of its unix socket in the kernel's lists; None if it has none."""
        return self._stream.unix_socket

    @property
    def offers_oob(self) -> bool:
        """True if out-of-band commands may be sent."""
        return "oob" in self.session.capabilities

    @property
    def requests(self) -> list[Request]:
        """The requests that the server hasn't answered, the oldest first."""
        return [sent.token for sent in self.session.interrupted if sent.token is not None]

    @property
    def greeting(self) -> JsonObject:
        """The greeting for clients: the server's, with those capabilities that can be passed on."""
        value = self.session.greeting_value
        return {"QMP": {**value, "capabilities": [*self.session.capabilities]}}

    def send(self, request: Request) -> None:
        """Send a request, at once if nothing else is in flight, or with others in a moment.

        Its descriptors go with its own bytes.

        Raises:
            QMPError: If it can't be sent; see `ClientSession.execute`. LimitError for an
                out-of-band command if too many others wait for answers.
            ValueError, OSError: If its descriptors can't be sent, such as over TCP. Nothing of it
                was sent.
        """
        command = request.command
        session = self.session
        if command.is_oob and session.commands_in_flight >= limits.PROXY_UNANSWERED:
            desc = f"it hasn't answered {limits.PROXY_UNANSWERED} other commands"
            raise LimitError(desc, "PROXY_UNANSWERED", limits.PROXY_UNANSWERED)
        if request.fds:
            self._send_with_fds(request)
            return
        session.execute(command.name, request.arguments, request, command.is_oob)
        request.is_sent = True
        self._traffic.commands += 1
        if session.commands_in_flight == 1:
            self._flush()
        elif not self._is_flush_due:
            self._is_flush_due = True
            self._loop.call_soon(self._flush)

    def _send_with_fds(self, request: Request) -> None:
        command, session = request.command, self.session
        self._flush()  # then only this command can fail
        fds = tuple(request.fds)
        sent = session.execute(command.name, request.arguments, request, command.is_oob, fds)
        assert not sent.is_waiting, "found a full window, expected what the multiplexer leaves free"
        try:
            self._flush()
        except (OSError, ValueError):
            session.withdraw(sent)
            raise
        request.is_sent = True
        self._traffic.commands += 1
        request.close_fds()

    def _flush(self) -> None:
        self._is_flush_due = False
        session = self.session
        data, fds = session.data_to_send()
        while data:
            self._stream.write(data, fds)
            self._traffic.sent += len(data)
            data, fds = session.data_to_send()

    def close(self) -> None:
        """End the connection."""
        if self._is_flush_due:
            self._flush()
        self._lose(ConnectionClosed("the proxy was closed"))
        self._stream.close()

    async def wait_closed(self) -> None:
        """Wait until the stream is closed."""
        await asyncio.shield(self._lost)

    # StreamHandler

    def data_received(self, data: bytes, fds: Sequence[int]) -> None:
        """Hand out the messages in the server's bytes."""
        if fds:
            close_all(self._fds)
            self._fds = fds
            self._is_last_of_bytes = data.endswith(b"\n")
        self._traffic.received += len(data)
        self._hand_out(self.session.receive_data(data))

    def _read_on(self) -> None:
        if not self.is_lost:
            self._hand_out(self.session.resume())

    def _hand_out(self, occurrences: Sequence[Any]) -> None:
        session, user = self.session, self._user
        events: list[Event] = []
        if self._fds and occurrences:
            self._give_fds(occurrences[-1] if self._is_last_of_bytes else occurrences[0])
        for happened in occurrences:
            if type(happened) is Event:
                self._traffic.events += 1
                events.append(happened)
                continue
            if events:
                self._took_place(events)
                events = []
            if type(happened) is Completion:
                self._traffic.replies += 1
                if happened.error is not None:
                    self._traffic.errors += 1
                user.answered(happened.token, happened.value, happened.error)
            else:
                _log.warning("%s: an error of no command: %s", session.peer, happened.error)
        if events:
            self._took_place(events)
        if session.failure is not None:
            self._lose(session.failure)
            self._stream.abort()
            return
        if session.is_busy or self._is_reading_paused:
            self._regulate_reading()
        if session.has_data_to_send and not self._is_flush_due:
            self._flush()
        if not self._has_begun and session.phase is Phase.READY and not self._ready.done():
            self._ready.set_result(None)
        user.pump()

    def _took_place(self, events: list[Event]) -> None:
        if self._has_begun:
            self._user.took_place(events)
        elif self.session.phase is Phase.READY:  # before that, a server has none to send
            self._early += events

    def _give_fds(self, happened: Any) -> None:
        """Let descriptors go with the answer that they came with; close those of other messages.

        Spec: Linux ends a read behind bytes with descriptors, so they are those of the last message
        in it, if that is whole.
        """
        fds, self._fds = self._fds, ()
        if type(happened) is Completion:
            happened.token.reply_fds = fds
        else:
            close_all(fds)

    def _regulate_reading(self) -> None:
        """Read nothing more while a long parse continues in later turns of the loop."""
        if self.session.is_busy:
            self._stream.pause_reading()
            self._loop.call_soon(self._read_on)
            self._is_reading_paused = True
        else:
            self._is_reading_paused = False
            self._stream.resume_reading()

    def eof_received(self) -> None:
        """End the connection: the server sends no more, so it answers no more."""
        self._lose(None)
        self._stream.close()

    def pause_writing(self) -> None:
        """Do nothing: the multiplexer bounds what is unsent."""

    def resume_writing(self) -> None:
        """Do nothing, like pause_writing."""

    def connection_lost(self, error: OSError | None) -> None:
        """End the connection, and answer what is open."""
        self._lose(error)
        if not self._lost.done():
            self._lost.set_result(None)

    def _lose(self, error: Exception | None) -> None:
        if self.is_lost:
            return
        self.is_lost = True
        close_all(self._fds)
        self._fds = ()
        closed = closing_error(self.session, error, None)
        self._end = closed
        outcomes = cut_off(self.session, closed.reason, error).outcomes
        if self._has_begun:
            self._user.lost(closed.reason, outcomes)
        elif not self._ready.done():
            failure = self.session.failure
            self._ready.set_exception(failure if isinstance(failure, QMPError) else closed)
            self._ready.exception()  # nobody may be waiting any more
