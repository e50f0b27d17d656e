"""The connection of one client: a thin shell between a byte stream and its session."""

import logging
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from qmpeer import limits
from qmpeer.errors import QMPError
from qmpeer.messages import Scrubber, redact_message, redact_urls
from qmpeer.monitor.backend import ContextMonitor, CutOff
from qmpeer.monitor.named_fds import NamedFds
from qmpeer.monitor.turns import CommandExecutor, Turns
from qmpeer.protocol import ServerSession
from qmpeer.transport.aio import Stream
from qmpeer.transport.aio.stream import EndedStream
from qmpeer.transport.descriptors import close_all
from qmpeer.transport.peer_identity import PeerIdentity
from qmpeer.values import JsonValue
from qmpeer.wire import encode_line

if TYPE_CHECKING:
    from qmpeer.monitor.human.session import HumanSession

log: logging.Logger = logging.getLogger("qmpeer.monitor")


class MemoryBudget:
    """The memory limit for all clients of one listener together.

    One client's request may have 64 MiB, and unread replies wait for their client. Thousands of
    clients within these limits would still take all memory. Once the budget is spent, a client that
    needs more is disconnected, so that the others can go on; but not one that holds less than an
    equal share, which may only be a little late.

    Attributes:
        clients: The number of clients.
        held: Approximate number of bytes held now: unfinished requests and unsent output.
        most: The limit in bytes.
    """

    __slots__ = ("clients", "held", "most")

    def __init__(self) -> None:
        self.clients: int = 0
        self.most: int = limits.LISTENER_MEMORY
        self.held: int = 0

    def change(self, before: int, now: int) -> bool:
        """Record a client's new size; return True if it grew, and takes too much of the budget."""
        self.held += now - before
        is_too_much = now > before and self.held > self.most
        return is_too_much and now * self.clients > self.most


class AccessPoint(msgspec.Struct, frozen=True):
    """One place where a monitor is open, with the objects that all connections there share.

    Attributes:
        monitor: The monitor.
        turns: Schedules commands.
        commands: Executes one command.
        on_gone: Called with a connection that has ended.
        named_fds: The descriptors that clients have named.
        budget: The memory limit for the clients.
    """

    monitor: ContextMonitor
    turns: Turns
    commands: CommandExecutor
    on_gone: Callable[["MonitorConnection"], None]
    named_fds: NamedFds = msgspec.field(default_factory=NamedFds)
    budget: MemoryBudget = msgspec.field(default_factory=MemoryBudget)


class MonitorConnection:
    """A client's connection: it moves bytes and descriptors between a stream and a session.

    It is the `StreamHandler` of its stream and the `Context` of its client's commands.

    Attributes:
        received: The bytes that the client has sent.
        sent: The bytes that were written to its stream.
        cut_off: Why the connection was ended here; None if it wasn't.
    """

    __slots__ = (
        "_budget",
        "_fds",
        "_held",
        "_is_closing",
        "_is_reading_paused",
        "_access",
        "_scrubber",
        "_turns",
        "_unread",
        "commands",
        "cut_off",
        "is_pretty",
        "received",
        "sent",
        "session",
        "stream",
    )

    def __init__(
        self,
        access: AccessPoint,
        stream: Stream,
        session: "ServerSession | HumanSession",
        *,
        is_pretty: bool = False,
    ) -> None:
        self._access = access
        self._turns = access.turns
        self._budget = access.budget
        self._budget.clients += 1
        self._held = 0  # this client's share of the budget
        self._unread = b""  # received, and left for later turns
        self._is_closing = False
        self._fds: Sequence[int] = ()
        self._is_reading_paused = False
        self._scrubber: Scrubber | None = None  # made by the first request that is logged
        self.received: int = 0
        self.sent: int = 0
        self.cut_off: CutOff | None = None
        self.stream: Stream = stream
        self.is_pretty: bool = is_pretty
        self.commands: CommandExecutor = access.commands
        self.session: ServerSession | HumanSession = session
        stream.on_hangup(stream.abort)  # a reply would reach nobody

    def restart(self, session: ServerSession) -> None:
        """Replace the session by a new one on the same stream."""
        self.flush()
        self.session.close()
        self.session = session
        self.flush()

    @property
    def has_left_stream(self) -> bool:
        """True after leave_stream()."""
        return isinstance(self.stream, EndedStream)

    def belongs_to(self, access: AccessPoint) -> bool:
        """Return True if the client is connected to this access point."""
        return self._access is access

    # Context

    @property
    def peer(self) -> str:
        """The client's name in logs."""
        return self.stream.peer

    @property
    def identity(self) -> PeerIdentity:
        """Who the client is."""
        return self.stream.identity

    @property
    def monitor(self) -> ContextMonitor:
        """The monitor that the client is connected to."""
        return self._access.monitor

    @property
    def named_fds(self) -> NamedFds:
        """The named descriptors, shared by all clients at the same address and by no others."""
        return self._access.named_fds

    def take_fds(self) -> list[int]:
        """Return the last set of descriptors that this client sent, and pass on their ownership."""
        fds, self._fds = self._fds, ()
        return list(fds)

    # StreamHandler

    def data_received(self, data: bytes, fds: Sequence[int]) -> None:
        """Take in bytes and execute the commands in them."""
        self.received += len(data)
        if fds:
            # QEMU keeps one set of descriptors: a new one replaces a set that nobody took.
            self._drop_fds()
            self._fds = fds[: limits.RECEIVED_FDS]
            close_all(fds[limits.RECEIVED_FDS :])
        # Large input is processed in several turns, and later bytes must stay behind it.
        if len(data) > limits.TURN_SMALL or self._unread:
            self._unread += data
            self.settle()
        else:
            self._take_in(data)

    def take_turn(self) -> None:
        """Process unread bytes, for at most ``limits.TURN_TIME``."""
        if not self._can_read_on:
            self._turns.pump(self)
            if self.session.can_take:  # a long reply had delayed the next command
                self._turns.resume(self)
            return
        until = perf_counter() + limits.TURN_TIME
        while self._can_read_on:
            unread = self._unread
            # Cut behind a line, so that the session seldom has to keep part of a request.
            cut = unread.rfind(b"\n", 0, limits.TURN_SIZE) + 1 or limits.TURN_SIZE
            self._unread = unread[cut:]
            self._take_in(unread[:cut])
            if perf_counter() > until:
                break

    def _bind_fds(self, requests: Sequence[JsonValue | QMPError]) -> None:
        """Do nothing: the last set is kept until a command takes it."""

    @property
    def _can_read_on(self) -> bool:
        session = self.session
        return bool(self._unread) and session.wants_data and not session.is_writing

    def _take_in(self, data: bytes) -> None:
        requests = self.session.receive_data(data)
        if self._fds:
            self._bind_fds(requests)
        if log.isEnabledFor(logging.DEBUG):
            self._log_received(requests)
        self._turns.pump(self)

    def eof_received(self) -> None:
        """Answer the commands that were received, then close."""
        self.session.receive_eof()
        self._turns.pump(self)

    def pause_writing(self) -> None:
        """Start no further command until `resume_writing`."""
        self.session.pause_output()

    def resume_writing(self) -> None:
        """Start commands again."""
        self.session.resume_output()
        self._turns.resume(self)

    def connection_lost(self, error: OSError | None) -> None:
        """Release everything that belongs to the client."""
        self.session.close()
        self._unread = b""
        self._drop_fds()
        self._budget.change(self._held, 0)
        self._budget.clients -= 1
        self._held = 0
        log.debug("%s: = gone: %s", self.peer, error or "closed")
        self._turns.forget(self)
        self._access.on_gone(self)

    def leave_stream(self) -> None:
        """End this connection, but leave its stream open for another front end.

        The stream's owner has stopped calling this handler. Commands that were executed are
        answered. Where the client would get only a part of a reply, its stream is closed.
        """
        self.flush()
        stream, session = self.stream, self.session
        self.stream = EndedStream(stream.peer)
        is_mid_reply = isinstance(session, ServerSession) and session.is_mid_reply
        if is_mid_reply or stream.unsent > limits.UNSENT_OUTPUT:
            stream.abort()
        self.connection_lost(None)

    # Output

    def flush(self) -> bool:
        """Send the session's output; return True if there was any."""
        session = self.session
        was_writing = session.is_writing
        data = session.data_to_send()
        if was_writing and not session.is_writing:  # commands had waited for the long reply
            self._turns.later(self)
        if session.failure is not None:
            log.warning("%s: = disconnected: %s", self.peer, session.failure)
            self._cut_off(CutOff.UNREAD)
            return False
        if not data:
            return False
        if log.isEnabledFor(logging.DEBUG):
            self._log_sent(data)
        self.sent += len(data)
        self.stream.write(data)
        return True

    def mark(self) -> None:
        """Schedule the sending of the session's output."""
        self._turns.mark(self)

    def close_when_answered(self) -> None:
        """Send pending output, and close once the running commands are answered."""
        self.flush()
        self._is_closing = True
        self.settle()

    def settle(self) -> None:
        """End a turn: pause or resume reading, and close if everything is done."""
        self.weigh()
        session, unread = self.session, self._unread
        wants_data = session.wants_data
        if session.is_writing or (unread and wants_data):
            self._turns.later(self)
        # Read only what the session takes now. The rest stays in the kernel, which slows the client
        # down.
        if wants_data and not unread:
            if self._is_reading_paused:
                self._is_reading_paused = False
                self.stream.resume_reading()
            if session.is_finished:
                self.stream.close()
                return
        elif not self._is_reading_paused:
            self._is_reading_paused = True
            self.stream.pause_reading()
        if self._is_closing and not session.is_answering:
            self.stream.close()

    def weigh(self) -> None:
        """Report this client's size to the budget; disconnect it if that is too much."""
        held = self.session.held_size + self.stream.unsent + len(self._unread)
        if held == self._held:
            return
        before, self._held = self._held, held
        if self._budget.change(before, held):
            text = "%s: = disconnected: the clients of its listener hold %d bytes, at most %d"
            log.warning(text, self.peer, self._budget.held, self._budget.most)
            self._cut_off(CutOff.MEMORY)

    def _cut_off(self, reason: CutOff) -> None:
        """Disconnect the client at once and drop its unread requests."""
        self.cut_off = self.cut_off or reason
        self._unread = b""
        self.session.close()
        self.stream.abort()

    # Logging: called only when DEBUG is enabled

    def _log_received(self, requests: Iterable[JsonValue | QMPError]) -> None:
        for request in requests:
            if isinstance(request, QMPError):
                log.debug("%s: < %s", self.peer, request)
            else:
                shown = redact_message(request)
                self._scrubber = self._scrubber or Scrubber()
                self._scrubber.blanked(request, shown)
                text = encode_line(shown).decode().rstrip()
                log.debug("%s: < %s", self.peer, text)

    def _log_sent(self, data: bytes) -> None:
        # A pretty message ends in a brace on its own line.
        messages = data.split(b"\r\n}\r\n") if self.is_pretty else data.splitlines()
        for message in filter(None, messages):
            lines = [line.strip() for line in message.decode().splitlines()]
            text = " ".join(lines) + " }" * self.is_pretty
            # Error texts quote arguments: blank the secrets that the requests contained.
            if self._scrubber is not None and '"error": {' in text:
                shown = self._scrubber.text(text)
            else:
                shown = redact_urls(text)
            log.debug("%s: > %s", self.peer, shown)

    def _drop_fds(self) -> None:
        fds, self._fds = self._fds, ()
        close_all(fds)
