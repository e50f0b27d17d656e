"""The blocking client: no event loop, no thread of its own, and importable without asyncio.

Theory of operation.  Whoever waits reads.  The thread that waits for a reply or an event takes the
*reading role* if it is free, receives, and hands out what comes: replies to those who wait for
them, events to the log. Other threads sleep until something changes and then see for themselves
whether they are done, or take the role over. `_lock` guards the session and is never held while
waiting; `_send_lock` keeps the bytes of commands in order. Who finds it taken leaves his command to
the thread that sends; and commands that waited for their turn are sent by those who wait for them,
never by the one who reads, whose deadline is not theirs.

The deadline of a single receive is the kernel's own (SO_RCVTIMEO): it costs no system call while
it stays the same, and a poll before each receive would cost one.
"""

import errno
import os
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from qmpeer import limits
from qmpeer.client.events import EventLog, EventQueue, Match, Names, matcher
from qmpeer.client.timeouts import DEFAULT, Default, Timeout
from qmpeer.client.trace import Trace
from qmpeer.errors import (
    ConnectionClosed,
    NegotiationError,
)
from qmpeer.messages import Event, Greeting
from qmpeer.protocol import ClientSession, Completion, Phase
from qmpeer.transport import AddressLike, dial, listen, unlink_if_ours
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:
    import subprocess

    from qmpeer.client.launching import Launched

__all__ = ["Client", "Events"]

_SEND_FLAGS = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL  # the program may have SIGPIPE end it


class _Call:
    """Wait for one outcome."""

    __slots__ = ("error", "is_done", "value")

    def __init__(self) -> None:
        self.is_done = False
        self.value: JsonValue = None
        self.error: Exception | None = None


class Client:
    """Drive a QMP server from blocking code; several threads may share one.

    Make one with `connect`, `accept` or `launch`, and use it as a context manager.

    Attributes:
        command_timeout: Seconds for a command and for wait_event unless they say otherwise.

    Example:
        >>> from qmpeer.errors import ConnectionClosed
        >>> try:  # doctest: +SKIP
        ...     with Client.connect("unix:/run/vm.qmp", timeout=5.0) as vm:
        ...         vm.execute("query-status")
        ... except ConnectionClosed:
        ...     ...
    """

    def __init__(
        self,
        sock: socket.socket,
        session: ClientSession[_Call],
        command_timeout: float | None,
    ) -> None:
        sock.settimeout(None)
        self.command_timeout = command_timeout
        self._socket = sock
        self._recv = sock.recv
        self._session = session
        self._log = EventLog()
        self._lock = threading.Lock()
        self._send_lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._is_read = False
        self._sleepers = 0
        self._receive_timeout: float | None = None
        self._end: ConnectionClosed | None = None
        self._launched: Launched | None = None
        self._trace = Trace.of(f"fd {sock.fileno()}")

    # Connecting

    @classmethod
    def connect(
        cls,
        address: AddressLike,
        *,
        timeout: float | None = limits.CONNECT_TIMEOUT,
        command_timeout: float | None = limits.COMMAND_TIMEOUT,
        negotiate: bool = True,
        capabilities: Sequence[str] | None = None,
        max_in_flight: int | None = None,
        wait_for_socket: bool = False,
    ) -> "Client":
        """Connect to a server, take its greeting and negotiate.

        Args:
            address: Such as "unix:/run/vm.qmp", "localhost:4444", or a connected socket.
            timeout: Seconds for all of that together; None waits for ever.
            command_timeout: Seconds for each command later on.
            negotiate: False for a guest agent, which neither greets nor negotiates.
            capabilities: Those to enable; None enables "oob" if it is offered.
            max_in_flight: In-band commands sent before the first of them is answered; the others
                wait their turn. None: any number, and 8 from the first out-of-band command on, so
                that the next one isn't kept waiting.
            wait_for_socket: Keep trying while nobody listens there yet.

        Raises:
            OSError: If it can't be reached.
            TimeoutError: If time runs out; it says whether the server was silent.
            NegotiationError: If the server refuses.
            ConnectionClosed: If it leaves, or isn't a QMP server.
            ValueError: If the address isn't one.
        """
        start = monotonic()
        sock = dial(address, timeout=timeout, wait_for_socket=wait_for_socket)
        session = _session(negotiate, capabilities, max_in_flight)
        return cls._begin(sock, session, start, timeout, command_timeout)

    @classmethod
    def accept(
        cls,
        address: AddressLike,
        *,
        timeout: float | None = limits.CONNECT_TIMEOUT,
        command_timeout: float | None = limits.COMMAND_TIMEOUT,
        negotiate: bool = True,
        capabilities: Sequence[str] | None = None,
        max_in_flight: int | None = None,
    ) -> "Client":
        """Wait for a server that dials us, as QEMU does without ``server=on``; else as `connect`.

        Args:
            address: Where to listen, or a socket that listens already (and stays open).
            timeout: Seconds until it has come, greeted and negotiated.
            command_timeout: As in `connect`.
            negotiate: As in `connect`.
            capabilities: As in `connect`.
            max_in_flight: As in `connect`.
        """
        start = monotonic()
        if isinstance(address, socket.socket):
            sock = _accept(address, timeout)
        else:
            listener = listen(address, backlog=1)
            try:
                sock = _accept(listener, timeout)
            finally:
                unlink_if_ours(listener)
                listener.close()
        session = _session(negotiate, capabilities, max_in_flight)
        return cls._begin(sock, session, start, timeout, command_timeout)

    @classmethod
    def launch(
        cls,
        argv: Sequence[str],
        *,
        timeout: float | None = limits.CONNECT_TIMEOUT,
        command_timeout: float | None = limits.COMMAND_TIMEOUT,
        capabilities: Sequence[str] | None = None,
        max_in_flight: int | None = None,
        monitor: Sequence[str] | None = None,
        stderr: int | IO[bytes] | None = None,
    ) -> "Client":
        """Start a program with its monitor on a socket pair, and connect; `close` ends it.

        Args:
            argv: The program and its options; those of the monitor are added.
            timeout: Seconds until it has greeted and negotiated.
            command_timeout: As in `connect`.
            capabilities: As in `connect`.
            max_in_flight: As in `connect`.
            monitor: The options to add, "{fd}" standing for the descriptor; by default QEMU's.
            stderr: Where its stderr goes, as for subprocess.Popen; None keeps it for errors.

        Raises:
            ConnectionClosed: If it ends at once; with what it wrote to stderr.
        """
        from qmpeer.client.launching import Launched

        launched = Launched(argv, monitor, stderr)
        start = monotonic()
        try:
            session = _session(True, capabilities, max_in_flight)
            return cls._begin(launched.socket, session, start, timeout, command_timeout, launched)
        except BaseException:
            launched.end()
            raise

    @classmethod
    def _begin(
        cls,
        sock: socket.socket,
        session: ClientSession[_Call],
        start: float,
        timeout: float | None,
        command_timeout: float | None,
        launched: "Launched | None" = None,
    ) -> "Client":
        client = cls(sock, session, command_timeout)
        client._launched = launched
        try:
            client._negotiate(None if timeout is None else start + timeout, timeout)
        except BaseException:
            client._launched = None
            client.close()
            raise
        return client

    def _negotiate(self, deadline: float | None, timeout: float | None) -> None:
        session = self._session
        while session.phase is not Phase.READY and self._end is None:
            remaining = _remaining(deadline)
            if (remaining is not None and remaining <= 0) or not self._receive(remaining):
                what = "greeted" if session.greeting is None else "answered qmp_capabilities"
                raise TimeoutError(
                    f"the server hasn't {what} in {timeout} s; another client may hold its monitor"
                )
            self._send_all(deadline)
        if self._end is not None:
            if isinstance(session.failure, NegotiationError):
                raise session.failure
            raise self._end

    # Commands

    def execute(
        self,
        command: str,
        arguments: JsonObject | None = None,
        *,
        timeout: Timeout = DEFAULT,
        oob: bool = False,
        fds: Sequence[int] = (),
    ) -> Any:
        """Execute one command and return its value.

        Args:
            command: Its name.
            arguments: Its arguments.
            timeout: Seconds until the reply; None waits for ever. A command that timed out may
                still be executed; its late reply is dropped.
            oob: Execute it out of band, overtaking those that wait.
            fds: Descriptors to send with it, over a unix socket; they stay the caller's.

        Returns:
            The value as JSON has it; {} where the command returns nothing.

        Raises:
            CommandError: If the server answered with an error.
            CommandInterrupted: If the connection ended first, and the outcome is unknown; the reply
                of "quit" may be cut off, which counts as success.
            ConnectionClosed: If the connection has ended before.
            TimeoutError: If the deadline passed.
            LocalProtocolError: If out-of-band execution isn't enabled.
            TypeError: If JSON can't hold the arguments.
            ValueError: If descriptors can't be sent here.
            OSError: If one of them isn't open.
        """
        if timeout is DEFAULT:
            timeout = self.command_timeout
        deadline = None if timeout is None else monotonic() + timeout  # type: ignore[operator]
        if fds:
            fds = self._checked(fds)
        call = _Call()
        with self._lock:
            if self._end is not None:
                raise ConnectionClosed(self._end.reason) from self._end.__cause__
            sent = self._session.execute(command, arguments, call, oob, fds)  # type: ignore[arg-type]
            if self._trace is not None:
                self._trace.sent(sent, arguments)
        try:
            self._send_all(deadline)
            if not self._wait(lambda: call.is_done, timeout, deadline, call):  # type: ignore[arg-type]
                raise TimeoutError(f"{command} wasn't answered in {timeout} s")
        except BaseException:
            with self._lock:
                self._session.give_up(sent)
            raise
        if call.error is not None:
            raise call.error
        return call.value

    # Events

    def events(
        self, *names: str, match: Match = None, limit: int = limits.EVENTS_SUBSCRIBED
    ) -> "Events":
        """Subscribe to the events that come from now on.

        Args:
            names: Those wanted; none means all.
            match: Members that their data must have, or a function of the event.
            limit: How many may be unread before the oldest are dropped, and counted.

        Returns:
            An iterator and context manager; it ends when the connection does.
        """
        with self._lock:
            return Events(self, self._log.subscribe(names, match, limit))

    def event_mark(self) -> int:
        """Take in what has arrived, and return a mark: "everything after now" for wait_event."""
        while self._end is None:
            if self._take_role():
                try:
                    if not self._receive_now():
                        break
                finally:
                    self._leave_role()
            elif not self._leave_it_to_the_reader():
                break
        return self._log.last

    def _leave_it_to_the_reader(self) -> bool:
        """Let the thread that reads take in what has arrived; False if there is nothing more."""
        has_input = bool(self._poll(select.POLLIN, 0.0))
        with self._lock:
            if self._is_read:
                self._sleepers += 1
                # What it has received but not yet handed out shows nowhere: give it a moment.
                self._changed.wait(0.05 if has_input else 0.001)
                self._sleepers -= 1
        return has_input

    def wait_event(
        self,
        names: Names = None,
        match: Match = None,
        *,
        since: int | None = None,
        timeout: Timeout = DEFAULT,
    ) -> Event:
        """Wait for an event and return it.

        Args:
            names: One name or several; None is any.
            match: Members that its data must have, or a function of the event.
            since: A mark: events after it count that have come already. None: only new ones.
            timeout: Seconds; None waits for ever.

        Raises:
            TimeoutError: If none comes in time.
            ConnectionClosed: If the connection ends first.
            LimitError: If events after the mark are no longer kept, so that it may be one of them.
        """
        if timeout is DEFAULT:
            timeout = self.command_timeout
        assert not isinstance(timeout, Default)
        deadline = None if timeout is None else monotonic() + timeout
        matches = matcher(names, match)
        now = self.event_mark()
        mark = now if since is None else since
        found: list[Event] = []

        def is_found() -> bool:
            nonlocal mark
            if found or mark == self._log.last:
                return bool(found)
            event = self._log.first_after(mark, matches)
            mark = self._log.last
            if event is not None:
                found.append(event)
            return event is not None

        if not self._wait(is_found, timeout, deadline):
            wanted = "an event" if names is None else f"event {names}"
            raise TimeoutError(f"{wanted} didn't come in {timeout} s")
        return found[0]

    # Sending

    def _checked(self, fds: Sequence[int]) -> tuple[int, ...]:
        if self._socket.family != socket.AF_UNIX:
            raise ValueError("descriptors travel over unix sockets only")
        if len(fds) > limits.MESSAGE_FDS:
            raise ValueError(
                f"found {len(fds)} descriptors, expected at most {limits.MESSAGE_FDS} at once"
            )
        return (*fds,)  # a tuple of this command's own, whatever was given

    def _send_all(self, deadline: float | None) -> None:
        """Send what the session has to send, or leave it to the thread that is at it."""
        session, lock = self._session, self._send_lock
        while session.has_data_to_send and lock.acquire(blocking=False):
            try:
                self._send_next(deadline)
            finally:
                lock.release()

    def _send_next(self, deadline: float | None) -> None:
        """Send one piece to its end; without that, no more can be said on this connection."""
        with self._lock:
            data, fds = self._session.data_to_send()
        try:
            self._send(data, fds, deadline)
        except BaseException as error:
            if not isinstance(error, TimeoutError):
                error = ConnectionClosed("a command was cut short while it was sent")
            with self._lock:
                self._lose(error)
            raise

    def _send(self, data: bytes | memoryview, fds: tuple[int, ...], deadline: float | None) -> None:
        """Send bytes, with their descriptors.

        A failure isn't the end yet: what the server said before is read first.
        """
        while data:
            try:
                if fds:
                    sent = socket.send_fds(self._socket, [data], list(fds), _SEND_FLAGS)
                else:
                    sent = self._socket.send(data, _SEND_FLAGS)
            except BlockingIOError:
                self._wait_writable(deadline)
                continue
            except OSError as error:
                if fds and error.errno not in (errno.EPIPE, errno.ECONNRESET):
                    self._refuse(fds, error)
                return
            if sent == len(data):
                return
            data, fds = memoryview(data)[sent:], ()

    def _refuse(self, fds: tuple[int, ...], error: OSError) -> None:
        """Fail the command whose descriptors the kernel didn't take."""
        with self._lock:
            for sent in self._session.interrupted:
                if sent.fds is fds and sent.token is not None:
                    sent.token.error = error
                    sent.token.is_done = True
                    self._session.withdraw(sent)
            self._changed.notify_all()

    def _wait_writable(self, deadline: float | None) -> None:
        """Wait until the server takes more, taking in what it sends: it may wait for that."""
        remaining = _remaining(deadline)
        if remaining is not None and remaining <= 0:
            raise TimeoutError("the server took no more of a command until its deadline")
        if not self._take_role():  # the thread that reads now may soon do so no more
            self._poll(select.POLLOUT, 0.05 if remaining is None else min(0.05, remaining))
            return
        try:
            if self._poll(select.POLLOUT | select.POLLIN, remaining) & ~select.POLLOUT:
                self._receive_now()
        finally:
            self._leave_role()

    def _poll(self, wanted: int, seconds: float | None) -> int:
        """Wait until the socket is ready for one of these, and say for which; 0 if it isn't."""
        poll = select.poll()
        try:
            poll.register(self._socket, wanted)
        except ValueError:  # closed meanwhile
            return select.POLLHUP
        ready = poll.poll(None if seconds is None else seconds * 1000)
        return ready[0][1] if ready else 0

    # Receiving

    def _wait(
        self,
        is_done: Callable[[], bool],
        timeout: float | None,
        deadline: float | None,
        call: _Call | None = None,
    ) -> bool:
        """Wait until is_done() or the deadline; False at that. Raise when the connection ends."""
        remaining = timeout
        while not is_done():
            if self._end is not None:
                raise ConnectionClosed(self._end.reason) from self._end.__cause__
            if remaining is not None and remaining <= 0:
                return False
            if call is not None and self._session.has_data_to_send:  # its turn may have come
                self._send_all(deadline)
            if self._take_role():
                try:
                    if not is_done() and not self._receive(remaining):
                        return is_done()
                finally:
                    self._leave_role()
                if call is not None and call.is_done:
                    return True
            else:
                with self._lock:
                    if (
                        self._is_read
                        and not is_done()
                        and (call is None or not self._session.has_data_to_send)
                        and self._end is None
                    ):
                        self._sleepers += 1
                        self._changed.wait(remaining)
                        self._sleepers -= 1
            remaining = _remaining(deadline)
        return True

    def _take_role(self) -> bool:
        with self._lock:
            if self._is_read:
                return False
            self._is_read = True
            return True

    def _leave_role(self) -> None:
        with self._lock:
            self._is_read = False
            if self._sleepers:
                self._changed.notify_all()

    def _receive(self, timeout: float | None) -> bool:
        """Receive once and hand out what came; False if nothing did in time."""
        if timeout != self._receive_timeout:
            self._set_receive_timeout(timeout)
        try:
            data = self._recv(limits.READ_SIZE)
        except BlockingIOError:
            return False
        except OSError as error:
            with self._lock:
                self._lose(error)
            return True
        with self._lock:
            self._take_in(data)
            if self._sleepers:
                self._changed.notify_all()
        return True

    def _receive_now(self) -> bool:
        """Take in what has arrived; False if nothing has."""
        with self._lock:
            data = self._recv_now()
            if data is None:
                return False
            self._take_in(data)
            return bool(data)

    def _recv_now(self) -> bytes | None:
        try:
            return self._recv(limits.READ_SIZE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except OSError as error:
            self._lose(error)
            return None

    def _set_receive_timeout(self, timeout: float | None) -> None:
        seconds = 0.0 if timeout is None else max(timeout, 1e-6)  # 0 is for ever to the kernel
        whole = int(seconds)
        value = struct.pack("@ll", whole, int((seconds - whole) * 1e6))
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, value)
        except OSError:  # closed meanwhile; the receive tells
            pass
        self._receive_timeout = timeout

    def _take_in(self, data: bytes | None) -> None:
        """Hand out what the server sent. The lock is held."""
        if data is None:
            return
        if not data:
            self._lose(None)
            return
        session = self._session
        occurrences = session.receive_data(data)
        if self._trace is not None:
            self._trace.received(occurrences)
        for happened in occurrences:
            if type(happened) is Completion:
                call = happened.token
                call.value = happened.value
                call.error = happened.error
                call.is_done = True
            else:
                self._log.add(happened)  # type: ignore[arg-type]
        if session.failure is not None:
            self._lose(session.failure)

    def _lose(self, error: Exception | None) -> None:
        """End the connection, and all that waits for it. The lock is held."""
        if self._end is not None:
            return
        session = self._session
        reason = "the server closed the connection" if error is None else str(error)
        if self._launched is not None and not isinstance(error, TimeoutError):
            reason = self._launched.obituary() or reason
        self._end = ConnectionClosed(reason)
        self._end.__cause__ = error
        if self._trace is not None:
            self._trace.ended(reason)
        has_left = error is None or isinstance(error, (ConnectionResetError, BrokenPipeError))
        for outcome in session.end(reason, has_left=has_left):
            call = outcome.token
            call.value, call.error = outcome.value, outcome.error
            if call.error is not None:
                call.error.__cause__ = error
            call.is_done = True
        if error is not None:
            self._shut_down()
        self._changed.notify_all()

    # The rest

    @property
    def greeting(self) -> Greeting | None:
        """What the server said at first; None where nothing was negotiated."""
        return self._session.greeting

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The capabilities that are enabled."""
        return self._session.capabilities

    @property
    def process(self) -> "subprocess.Popen[bytes] | None":
        """The process that `launch` started."""
        return None if self._launched is None else self._launched.process

    @property
    def is_closed(self) -> bool:
        """The connection has ended."""
        return self._end is not None

    def fileno(self) -> int:
        """Return the socket's descriptor, for select; -1 once it is closed."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the connection, and end what `launch` started; doing so twice is fine."""
        with self._lock:
            if self._end is None:
                self._launched, launched = None, self._launched
                self._lose(ConnectionClosed("the client was closed"))
                self._launched = launched
        self._shut_down()
        self._socket.close()
        if self._launched is not None:
            self._launched.end()

    def _shut_down(self) -> None:
        """Let the server know, and wake a thread that receives."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        sock = getattr(self, "_socket", None)
        if sock is not None:
            sock.close()

    def __repr__(self) -> str:
        return f"<Client {'closed' if self._end else self._session.phase.value}>"


class Events:
    """Iterate over the events of a subscription, until the connection ends.

    Example:
        >>> with vm.events("JOB_STATUS_CHANGE") as jobs:  # doctest: +SKIP
        ...     for event in jobs:
        ...         print(event.data["status"])
    """

    def __init__(self, client: Client, queue: EventQueue) -> None:
        self._client = client
        self._queue = queue

    @property
    def dropped(self) -> int:
        """How many events were dropped since the subscription began, as they weren't read."""
        return self._queue.dropped

    def next(self, timeout: float | None) -> Event:
        """Return the next event.

        Raises:
            TimeoutError: If none comes in time.
            ConnectionClosed: If the connection ends first.
        """
        deadline = None if timeout is None else monotonic() + timeout
        while (event := self._queue.take()) is None:  # another thread may have taken it
            if not self._client._wait(lambda: len(self._queue) > 0, _remaining(deadline), deadline):
                raise TimeoutError(f"no event came in {timeout} s")
        return event

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        event = self._queue.take()
        if event is not None:
            return event
        try:
            return self.next(None)
        except ConnectionClosed:
            raise StopIteration from None

    def close(self) -> None:
        """End the subscription; what is unread can still be read."""
        with self._client._lock:
            self._queue.close()

    def __enter__(self) -> "Events":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _session(
    negotiate: bool, capabilities: Sequence[str] | None, max_in_flight: int | None
) -> ClientSession[_Call]:
    return ClientSession(
        negotiate=negotiate,
        capabilities=capabilities,
        max_in_flight=max_in_flight,
        first_id=int.from_bytes(os.urandom(2), "little"),
    )


def _remaining(deadline: float | None) -> float | None:
    return None if deadline is None else deadline - monotonic()


def _accept(listener: socket.socket, timeout: float | None) -> socket.socket:
    before = listener.gettimeout()
    listener.settimeout(timeout)
    try:
        return listener.accept()[0]
    except TimeoutError:
        raise TimeoutError(f"nobody connected in {timeout} s") from None
    finally:
        listener.settimeout(before)
