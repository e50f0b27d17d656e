"""A connection that several threads share: who reads, who sends, and how each gets its own.

Theory of operation.  Whoever waits reads.  The thread that waits for a reply or an event takes the
*reading role* if it is free, receives, and hands out what comes: replies to those who wait for
them, events to the log. Other threads sleep until something changes and then see for themselves
whether they are done, or take the role over. `lock` guards the session and is never held while
waiting; `_send_lock` keeps the bytes of commands in order.

The deadline of a single receive is the kernel's own (SO_RCVTIMEO): it costs no system call while
it stays the same, and a poll before each receive would cost one. [Python resumes a receive that a
signal interrupts, and the kernel then counts anew: signals that keep coming faster than a deadline
put it off.]
"""

import errno
import select
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias

from qmpeer import limits
from qmpeer.client.events import EventLog
from qmpeer.client.trace import Trace
from qmpeer.errors import ConnectionClosed, NegotiationError
from qmpeer.messages import Event
from qmpeer.protocol import ClientSession, Completion, Phase, Sent
from qmpeer.transport.forking import own, own_socket
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:
    from qmpeer.client.launching import Launched
    from qmpeer.client.reconnection import Interruption

__all__ = ["Call", "Channel", "OnLost", "remaining_of"]

OnLost: TypeAlias = Callable[[str, tuple[str, ...]], None]
"""Is told of a connection's end, and of the commands that were cut off by it."""

_SEND_FLAGS = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL  # the program may have SIGPIPE end it


def remaining_of(deadline: float | None) -> float | None:
    """Return the seconds until a deadline, which is on the monotonic clock; None for ever."""
    return None if deadline is None else deadline - monotonic()


class Call:
    """Wait for one outcome."""

    __slots__ = ("error", "is_done", "value")

    def __init__(self) -> None:
        self.is_done: bool = False
        self.value: JsonValue = None
        self.error: Exception | None = None


class Channel:
    """Send and receive for a blocking client.

    Attributes:
        socket: The connected socket.
        session: The protocol's side of it.
        log: The events that have come.
        lock: Guards the session, the log and the end.
        end: Why the connection has ended, once it has.
        launched: The program at the other end, if it is ours.
        on_lost: What is told of the connection's end, with the lock held.
    """

    def __init__(
        self,
        sock: socket.socket,
        session: ClientSession[Call],
        launched: "Launched | None",
        log: EventLog | None = None,
    ) -> None:
        own_socket(sock)
        own(self)
        sock.settimeout(None)
        self.socket: socket.socket = sock
        self.session: ClientSession[Call] = session
        self.log: EventLog = EventLog() if log is None else log
        session.events_received = self.log.last
        self.on_lost: OnLost | None = None
        self.lock: threading.Lock = threading.Lock()
        self.end: ConnectionClosed | None = None
        self.launched: Launched | None = launched
        self._recv = sock.recv
        self._send_lock = threading.Lock()
        self._changed = threading.Condition(self.lock)
        self._is_read = False
        self._sleepers = 0
        self._receive_timeout: float | None = None
        self._trace = Trace.of(f"fd {sock.fileno()}")

    @property
    def interruptions(self) -> "tuple[Interruption, ...]":
        """Nothing: at the first one, all ends."""
        return ()

    def negotiate(self, deadline: float | None, timeout: float | None) -> None:
        """Take the greeting and negotiate, as `Client.connect` says."""
        session = self.session
        while session.phase is not Phase.READY and self.end is None:
            remaining = remaining_of(deadline)
            if (remaining is not None and remaining <= 0) or not self._receive(remaining):
                raise session.late_to_negotiate(timeout)
            self._send_all(deadline)
        if self.end is not None:
            if isinstance(session.failure, NegotiationError):
                raise session.failure
            raise self.end

    def execute(
        self,
        command: str,
        arguments: JsonObject | None,
        timeout: float | None,
        is_oob: bool,
        fds: Sequence[int],
    ) -> JsonValue:
        """Execute one command, as `Client.execute` says."""
        deadline = None if timeout is None else monotonic() + timeout
        if fds:
            fds = self._check_fds(fds)
        call = Call()
        with self.lock:
            if self.end is not None:
                raise ConnectionClosed(self.end.reason) from self.end.__cause__
            sent = self.session.execute(command, arguments, call, is_oob, fds)  # type: ignore[arg-type]
            if self._trace is not None:
                self._trace.sent(sent, arguments)
        return self._outcome(sent, call, timeout, deadline)

    def synchronize(self, command: str, value: int, timeout: float | None) -> JsonValue:
        """Have a guest agent make an end of what was before; `ClientSession` says how."""
        return self._execute_as(
            {"id": value}, timeout, lambda call: self.session.synchronize(command, value, call)
        )

    def execute_silently(
        self, command: str, arguments: JsonObject | None, timeout: float | None
    ) -> JsonValue:
        """Execute a command whose success isn't answered."""
        return self._execute_as(
            arguments,
            timeout,
            lambda call: self.session.execute_silently(command, arguments, call),
        )

    def _execute_as(
        self,
        arguments: JsonObject | None,
        timeout: float | None,
        ask: Callable[[Call], Sent[Call]],
    ) -> JsonValue:
        deadline = None if timeout is None else monotonic() + timeout
        call = Call()
        with self.lock:
            if self.end is not None:
                raise ConnectionClosed(self.end.reason) from self.end.__cause__
            sent = ask(call)
            if self._trace is not None:
                self._trace.sent(sent, arguments)
        return self._outcome(sent, call, timeout, deadline)

    def _outcome(
        self, sent: Sent[Call], call: Call, timeout: float | None, deadline: float | None
    ) -> JsonValue:
        try:
            self._send_all(deadline)
            if not self.wait(lambda: call.is_done, timeout, deadline, call):
                raise self.session.unanswered(sent, timeout)
        except BaseException:
            with self.lock:
                self.session.give_up(sent)
            raise
        if call.error is not None:
            raise call.error
        return call.value

    def take_in_what_has_arrived(self) -> None:
        """Receive until nothing more is there, or see to it that the thread that reads does.

        Not for ever: a server may send without a pause.
        """
        end = monotonic() + limits.MARK_TIME
        while self.end is None and monotonic() < end:
            if self._take_role():
                try:
                    if not self._receive_now():
                        break
                finally:
                    self._leave_role()
            elif not self._leave_it_to_the_reader():
                break

    # Sending

    def _check_fds(self, fds: Sequence[int]) -> tuple[int, ...]:
        if self.socket.family != socket.AF_UNIX:
            raise ValueError("descriptors travel over unix sockets only")
        if len(fds) > limits.MESSAGE_FDS:
            raise ValueError(
                f"found {len(fds)} descriptors, expected at most {limits.MESSAGE_FDS} at once"
            )
        return (*fds,)  # a tuple of this command's own, whatever was given

    def _send_all(self, deadline: float | None) -> None:
        """Send what the session has to send, or leave it to the thread that is at it."""
        session, lock = self.session, self._send_lock
        while session.has_data_to_send and lock.acquire(blocking=False):
            try:
                self._send_next(deadline)
            finally:
                lock.release()

    def _send_next(self, deadline: float | None) -> None:
        """Send one piece to its end; without that, no more can be said on this connection."""
        with self.lock:
            data, fds = self.session.data_to_send()
        try:
            self._send(data, fds, deadline)
        except BaseException as error:
            if not isinstance(error, TimeoutError):
                error = ConnectionClosed("a command was cut short while it was sent")
            with self.lock:
                self._lose(error)
            raise

    def _send(self, data: bytes | memoryview, fds: tuple[int, ...], deadline: float | None) -> None:
        """Send bytes, with their descriptors.

        A failure isn't the end yet: what the server said before is read first.
        """
        while data:
            try:
                if fds:
                    sent = socket.send_fds(self.socket, [data], list(fds), _SEND_FLAGS)
                else:
                    sent = self.socket.send(data, _SEND_FLAGS)
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
        with self.lock:
            for sent in self.session.interrupted:
                if sent.fds is fds and sent.token is not None:
                    sent.token.error = error
                    sent.token.is_done = True
                    self.session.withdraw(sent)
            self._changed.notify_all()

    def _wait_writable(self, deadline: float | None) -> None:
        """Wait until the server takes more, taking in what it sends: it may wait for that."""
        remaining = remaining_of(deadline)
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
            poll.register(self.socket, wanted)
        except ValueError:  # closed meanwhile
            return select.POLLHUP
        ready = poll.poll(None if seconds is None else seconds * 1000)
        return ready[0][1] if ready else 0

    # Receiving

    def wait(
        self,
        is_done: Callable[[], bool],
        timeout: float | None,
        deadline: float | None,
        call: Call | None = None,
    ) -> bool:
        """Wait until is_done() or the deadline; False at that. Raise when the connection ends."""
        remaining = timeout
        while not is_done():
            if self.end is not None:
                raise ConnectionClosed(self.end.reason) from self.end.__cause__
            if remaining is not None and remaining <= 0:
                return False
            if call is not None and self.session.has_data_to_send:  # its turn may have come
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
                with self.lock:
                    if (
                        self._is_read
                        and not is_done()
                        and (call is None or not self.session.has_data_to_send)
                        and self.end is None
                    ):
                        self._sleepers += 1
                        self._changed.wait(remaining)
                        self._sleepers -= 1
            remaining = remaining_of(deadline)
        return True

    def _take_role(self) -> bool:
        with self.lock:
            if self._is_read:
                return False
            self._is_read = True
            return True

    def _leave_role(self) -> None:
        with self.lock:
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
        except InterruptedError:  # what came was for the filters of the wire
            return True
        except OSError as error:
            with self.lock:
                self._lose(error)
            return True
        with self.lock:
            self._take_in(data)
            if self._sleepers:
                self._changed.notify_all()
        return True

    def _receive_now(self) -> bool:
        """Take in what has arrived; False if nothing has."""
        with self.lock:
            try:
                data = self._recv(limits.READ_SIZE, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return False
            except InterruptedError:  # what came was for the filters of the wire
                return True
            except OSError as error:
                self._lose(error)
                return False
            self._take_in(data)
            return bool(data)

    def _set_receive_timeout(self, timeout: float | None) -> None:
        seconds = 0.0 if timeout is None else max(timeout, 1e-6)  # 0 is for ever to the kernel
        whole = int(seconds)
        value = struct.pack("@ll", whole, int((seconds - whole) * 1e6))
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, value)
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
        session = self.session
        occurrences = session.receive_data(data)
        if self._trace is not None:
            self._trace.received(occurrences)
        for happened in occurrences:
            if type(happened) is Completion:
                call = happened.token
                call.value = happened.value
                call.error = happened.error
                call.is_done = True
            elif type(happened) is Event:
                self.log.add(happened)
        if session.failure is not None:
            self._lose(session.failure)

    def _lose(self, error: Exception | None) -> None:
        """End the connection, and all that waits for it. The lock is held."""
        if self.end is not None:
            return
        session = self.session
        reason = session.end_reason(error)
        if self.launched is not None and not isinstance(error, TimeoutError):
            reason = self.launched.obituary() or reason
        self.end = ConnectionClosed(reason)
        self.end.__cause__ = error
        if self._trace is not None:
            self._trace.ended(reason)
        has_left = error is None or isinstance(error, (ConnectionResetError, BrokenPipeError))
        outcomes = session.end(reason, has_left=has_left)
        for outcome in outcomes:
            call = outcome.token
            call.value, call.error = outcome.value, outcome.error
            if call.error is not None:
                call.error.__cause__ = error
            call.is_done = True
        if error is not None:
            self._shut_down()
        if self.on_lost is not None:
            from qmpeer.client.reconnection import interrupted_commands

            self.on_lost(reason, interrupted_commands(outcomes))
        self._changed.notify_all()

    def _leave_it_to_the_reader(self) -> bool:
        """Let the thread that reads take in what has arrived; False if there is nothing more."""
        has_input = bool(self._poll(select.POLLIN, 0.0))
        with self.lock:
            if self._is_read:
                self._sleepers += 1
                # What it has received but not yet handed out shows nowhere: give it a moment.
                self._changed.wait(0.05 if has_input else limits.MARK_MOMENT)
                self._sleepers -= 1
        return has_input

    def connected(self, deadline: float | None) -> "Channel":
        """Return the connection that there is: this one, even if it has ended."""
        return self

    def _disown(self, reason: str) -> None:
        """Take in that this is a forked child: the connection is its parent's."""
        self.lock = threading.Lock()
        self._send_lock = threading.Lock()
        self._changed = threading.Condition(self.lock)
        if self.end is None:
            self.end = ConnectionClosed(reason)

    def fileno(self) -> int:
        """Return the socket's descriptor; -1 once it is closed."""
        return self.socket.fileno()

    def _shut_down(self) -> None:
        """Let the server know, and wake a thread that receives."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def forget(self) -> None:
        """Give the socket back to the system."""
        self.socket.close()

    def close(self) -> None:
        """Close the connection, and end the program at its other end if it is ours."""
        with self.lock:
            if self.end is None:
                self.launched, launched = None, self.launched
                self._lose(ConnectionClosed("the client was closed"))
                self.launched = launched
        self._shut_down()
        self.socket.close()
        if self.launched is not None:
            self.launched.end()
