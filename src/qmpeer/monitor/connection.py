"""One client of a monitor: the thin shell between a byte stream and its session."""

import logging
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter

import msgspec

from qmpeer import limits
from qmpeer.errors import QMPError
from qmpeer.messages import Scrubber, redact_message, redact_urls
from qmpeer.monitor.backend import ContextMonitor
from qmpeer.monitor.human.session import HumanSession
from qmpeer.monitor.named_fds import NamedFds
from qmpeer.monitor.turns import Executor, Turns
from qmpeer.protocol import ServerSession
from qmpeer.transport.aio import Stream
from qmpeer.transport.descriptors import close_all
from qmpeer.values import JsonValue
from qmpeer.wire import encode_line

log: logging.Logger = logging.getLogger("qmpeer.monitor")


class MemoryBudget:
    """The memory that the clients of one listener may hold together.

    One client's request may have 64 MiB, and replies that it doesn't read wait for it; thousands of
    clients that each keep to such limits would still take all memory. Whoever asks for more when
    the budget is spent is disconnected, so that those who are there already go on.

    Attributes:
        held: Bytes that they hold now, about: unfinished requests, and output that waits.
        most: How many there may be.
    """

    __slots__ = ("held", "most")

    def __init__(self) -> None:
        self.most: int = limits.LISTENER_MEMORY
        self.held: int = 0

    def change(self, before: int, now: int) -> bool:
        """Take note that a client holds more or less than before; say whether that is too much."""
        self.held += now - before
        return now > before and self.held > self.most


class Place(msgspec.Struct, frozen=True):
    """Where a monitor is open: what all connections there share.

    Attributes:
        monitor: The monitor.
        turns: Executes commands.
        commands: Executes one of them.
        on_gone: Called with a connection that is gone.
        named_fds: The descriptors that clients have named.
        budget: The memory that clients may take.
    """

    monitor: ContextMonitor
    turns: Turns
    commands: Executor
    on_gone: Callable[["Connection"], None]
    named_fds: NamedFds = msgspec.field(default_factory=NamedFds)
    budget: MemoryBudget = msgspec.field(default_factory=MemoryBudget)


class Connection:
    """The bytes, descriptors and flow control between a stream and a session.

    It is the `StreamHandler` of its stream and the `Context` of its client's commands.
    """

    __slots__ = (
        "_budget",
        "_fds",
        "_held",
        "_is_closing",
        "_is_reading_paused",
        "_place",
        "_scrubber",
        "_turns",
        "_unread",
        "commands",
        "is_pretty",
        "session",
        "stream",
    )

    def __init__(
        self,
        place: Place,
        stream: Stream,
        session: ServerSession | HumanSession,
        *,
        is_pretty: bool = False,
    ) -> None:
        self._place = place
        self._turns = place.turns
        self._budget = place.budget
        self._held = 0  # of the budget
        self._unread = b""  # received, and for later turns
        self._is_closing = False
        self._fds: Sequence[int] = ()
        self._is_reading_paused = False
        self._scrubber: Scrubber | None = None  # made by the first request that is logged
        self.stream: Stream = stream
        self.is_pretty: bool = is_pretty
        self.commands: Executor = place.commands
        self.session: ServerSession | HumanSession = session
        stream.tell_hangup(stream.abort)  # nobody is there to be answered

    def restart(self, session: ServerSession) -> None:
        """Begin anew on the same stream, with a session of its own."""
        self.flush()
        self.session.close()
        self.session = session
        self.flush()

    # Context

    @property
    def peer(self) -> str:
        """The client, for logs."""
        return self.stream.peer

    @property
    def monitor(self) -> ContextMonitor:
        """The monitor that it came to."""
        return self._place.monitor

    @property
    def named_fds(self) -> NamedFds:
        """Keeps descriptors for all clients of where it came to, and for nobody else."""
        return self._place.named_fds

    def take_fds(self) -> list[int]:
        """Return the last set of descriptors that this client sent; they are the caller's now."""
        fds, self._fds = self._fds, ()
        return list(fds)

    # StreamHandler

    def data_received(self, data: bytes, fds: Sequence[int]) -> None:
        """Take in bytes and execute what they ask for."""
        if fds:
            self._drop_fds()
            self._fds = fds[: limits.RECEIVED_FDS]
            close_all(fds[limits.RECEIVED_FDS :])
        if len(data) > limits.TURN_SMALL or self._unread:
            self._unread += data
            self.settle()
        else:
            self._take_in(data)

    def take_turn(self) -> None:
        """Go on with what is left, for a moment."""
        if not self._can_read_on:
            self._turns.pump(self)
            if self.session.can_take:  # a long answer had kept it back
                self._turns.resume(self)
            return
        until = perf_counter() + limits.TURN_TIME
        while self._can_read_on:
            unread = self._unread
            cut = unread.rfind(b"\n", 0, limits.TURN_SIZE) + 1 or limits.TURN_SIZE
            self._unread = unread[cut:]
            self._take_in(unread[:cut])
            if perf_counter() > until:
                break

    @property
    def _can_read_on(self) -> bool:
        session = self.session
        return bool(self._unread) and session.wants_data and not session.is_writing

    def _take_in(self, data: bytes) -> None:
        requests = self.session.receive_data(data)
        if log.isEnabledFor(logging.DEBUG):
            self._log_received(requests)
        self._turns.pump(self)

    def eof_received(self) -> None:
        """Answer what was asked for, then close."""
        self.session.receive_eof()
        self._turns.pump(self)

    def pause_writing(self) -> None:
        """Take no further command."""
        self.session.pause_output()

    def resume_writing(self) -> None:
        """Take commands again."""
        self.session.resume_output()
        self._turns.resume(self)

    def connection_lost(self, error: OSError | None) -> None:
        """Forget the client."""
        self.session.close()
        self._unread = b""
        self._drop_fds()
        self._budget.change(self._held, 0)
        self._held = 0
        log.debug("%s: = gone: %s", self.peer, error or "closed")
        self._turns.forget(self)
        self._place.on_gone(self)

    # Output

    def flush(self) -> bool:
        """Send what the session has to send; tell whether it was anything."""
        session = self.session
        was_writing = session.is_writing
        data = session.data_to_send()
        if was_writing and not session.is_writing:  # what waited for that goes on
            self._turns.later(self)
        if session.failure is not None:
            log.warning("%s: = disconnected: %s", self.peer, session.failure)
            self._cut_off()
            return False
        if not data:
            return False
        if log.isEnabledFor(logging.DEBUG):
            self._log_sent(data)
        self.stream.write(data)
        return True

    def mark(self) -> None:
        """Have sent what the session has to send, soon."""
        self._turns.mark(self)

    def close_when_answered(self) -> None:
        """Send what there is, and close once the commands that run are answered."""
        self.flush()
        self._is_closing = True
        self.settle()

    def settle(self) -> None:
        """After a turn: read on or not, and close if all is done."""
        self.weigh()
        session, unread = self.session, self._unread
        wants_data = session.wants_data
        if session.is_writing or (unread and wants_data):
            self._turns.later(self)
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
        """Tell the budget what this client holds; cut it off if that is too much."""
        held = self.session.held_size + self.stream.unsent + len(self._unread)
        if held == self._held:
            return
        before, self._held = self._held, held
        if self._budget.change(before, held):
            text = "%s: = disconnected: the clients of its listener hold %d bytes, at most %d"
            log.warning(text, self.peer, self._budget.held, self._budget.most)
            self._cut_off()

    def _cut_off(self) -> None:
        """Disconnect the client at once, and execute nothing more of what it has sent."""
        self._unread = b""
        self.session.close()
        self.stream.abort()

    # Logging, where somebody listens

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
        messages = data.split(b"\r\n}\r\n") if self.is_pretty else data.splitlines()
        for message in filter(None, messages):
            lines = [line.strip() for line in message.decode().splitlines()]
            text = " ".join(lines) + " }" * self.is_pretty
            if self._scrubber is not None and '"error": {' in text:
                shown = self._scrubber.text(text)
            else:
                shown = redact_urls(text)
            log.debug("%s: > %s", self.peer, shown)

    def _drop_fds(self) -> None:
        close_all(self.take_fds())
