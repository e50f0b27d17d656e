"""A connection that several threads share, without a thread of its own.

Theory of operation. The waiting threads do the reading. A thread that waits for a reply or an event
takes the *reading role* if it is free. It receives, gives replies to the threads that wait for
them, and adds events to the log. Other threads sleep until something changes; then each checks
whether its wait is over, or takes the reading role. A thread that sends has the *sending role*.
`lock` guards the session and is never held while waiting.

The kernel enforces the deadline of a single receive (SO_RCVTIMEO). That costs no system call while
the deadline stays the same; a poll before each receive would cost one. [Python resumes a receive
that a signal interrupts, and the kernel then starts counting again. So signals that come faster
than the deadline postpone it.]

A signal handler may raise an exception after every call, and a second one during the cleanup of the
first. Five rules keep the connection usable, or closed, but never stuck:

- A lock is taken only by `with`, which CPython never leaves with the lock taken. A `with` or `try`
  that cleans up contains no loop: CPython 3.13 doesn't guard the backward jump of a loop whose body
  ends with an `if`.
- A role is an attribute. It is taken inside the `try` that gives it back, and given back by a
  store; no signal is delivered right before a store.
- Received data goes into the inbox within one C call, so it isn't lost.
- `is_changing` is set while the session changes. A thread that finds it set ends the connection,
  because an exception has interrupted a change. `_is_cut` does the same for bytes being sent.
- No thread relies on being woken: a sleeping thread checks again after limits.WAKE_INTERVAL.

`close` waits for no lock. It sets a flag and shuts the socket down; the thread that has the lock or
a role does the rest. A signal handler can't use a client whose wait or send it has interrupted: it
gets LocalProtocolError.

Spec: CPython 3.11 to 3.13 deliver signals at the start of a Python function, after a call, and at a
backward jump.

[Long on purpose: the five rules hold only if all code that takes a lock or a role follows them, so
that code is in one place.]
"""

import errno
import select
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, TypeAlias

from qmpeer import limits
from qmpeer.client.blocking.roles import AnyRole, PendingCommand, Role, WaitCondition
from qmpeer.client.events import EventLog
from qmpeer.client.timeouts import Deadline
from qmpeer.client.wire_log import WireLog
from qmpeer.errors import ConnectionClosed, LocalProtocolError, NegotiationError
from qmpeer.messages import Event
from qmpeer.protocol import (
    CLOSED_BY_US,
    AgentSession,
    ClientSession,
    Completion,
    Happened,
    Phase,
    Sent,
    closing_error,
    cut_off,
    server_has_left,
)
from qmpeer.transport.descriptors import check_fds
from qmpeer.transport.forking import own, own_socket
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:
    from qmpeer.client.interruptions import Interruption
    from qmpeer.client.launching import Launched


OnLost: TypeAlias = Callable[["Channel"], None]
"""A function that is called once a channel's connection has ended, with the channel's lock held."""

INTERRUPTED = "a signal handler can't use the client whose call it has interrupted"
_SIZE = (limits.READ_SIZE,)
_WAITING, _NOT_WAITING = (0,), (socket.MSG_DONTWAIT,)
_SEND_FLAGS = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL  # SIGPIPE might end the program


def remaining_of(deadline: float | None) -> float | None:
    """Return the seconds until a deadline on the monotonic clock; None if there is none."""
    return None if deadline is None else deadline - monotonic()


class Channel:
    """A blocking client's connection.

    Attributes:
        socket: The connected socket.
        session: The protocol session.
        log: The events received.
        lock: The lock that guards the session, the log and the end.
        end: The reason why the connection has ended, or None.
        interrupted: The names of the commands that the end cut off.
        is_closing: True once `close` was called; the end may follow later.
        launched: The program at the other end, if we launched it.
    """

    def __init__(
        self,
        sock: socket.socket,
        session: ClientSession[PendingCommand],
        launched: "Launched | None",
        log: EventLog | None = None,
        on_lost: OnLost | None = None,
    ) -> None:
        own_socket(sock)
        own(self)
        sock.settimeout(None)
        self.socket: socket.socket = sock
        self.session: ClientSession[PendingCommand] = session
        self.log: EventLog = EventLog() if log is None else log
        session.events_received = self.log.last
        # Re-entrant: a signal handler may interrupt the holder and use the client.
        self.lock: threading.RLock = threading.RLock()
        self.end: ConnectionClosed | None = None
        self.interrupted: tuple[str, ...] = ()
        self.launched: Launched | None = launched
        self.is_closing: bool = False
        self._recv = sock.recv
        self._inbox: deque[bytes] = deque()
        self._reader: AnyRole | None = None
        self._sender: AnyRole | None = None
        self._sleepers: list[threading.Lock] = []
        self._is_cut = False
        self._has_ended = False
        self._receive_timeout: float | None = None
        self._on_lost = on_lost
        self._wire_log = WireLog.of(session.peer)

    @property
    def interruptions(self) -> "tuple[Interruption, ...]":
        """Always empty: without `reconnect`, the first loss ends the client."""
        return ()

    @property
    def is_closed(self) -> bool:
        """True if the connection has ended or `close` was called."""
        return self.end is not None or self.is_closing

    def negotiate(self, deadline: Deadline) -> None:
        """Receive the greeting and negotiate, as described at `Client.connect`."""
        session, role = self.session, Role()
        while session.phase is not Phase.READY and self.end is None:
            remaining = deadline.remaining()
            if (remaining is not None and remaining <= 0) or not self._receive(remaining):
                raise session.late_to_negotiate(deadline.timeout)
            self._send_all(role, deadline.end)
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
        """Execute one command, as described at `Client.execute`."""
        if fds:
            fds = self._check_fds(fds)
        call = PendingCommand()
        ask_arguments = command, arguments, call, is_oob, fds
        return self._outcome(call, self.session.execute, ask_arguments, arguments, timeout)

    def synchronize(self, command: str, value: int, timeout: float | None) -> JsonValue:
        """Synchronize with a guest agent, as described at `AgentSession.synchronize`."""
        call, ask = PendingCommand(), self._agent_session.synchronize
        return self._outcome(call, ask, (command, value, call), {"id": value}, timeout)

    def execute_silently(
        self, command: str, arguments: JsonObject | None, timeout: float | None
    ) -> JsonValue:
        """Execute a command that isn't answered when it succeeds."""
        call, ask = PendingCommand(), self._agent_session.execute_silently
        return self._outcome(call, ask, (command, arguments, call), arguments, timeout)

    @property
    def _agent_session(self) -> AgentSession[PendingCommand]:
        assert isinstance(self.session, AgentSession), "made without negotiate=False"
        return self.session

    def _outcome(
        self,
        call: PendingCommand,
        ask: Callable[..., Sent[PendingCommand]],
        ask_arguments: tuple[object, ...],
        arguments: JsonObject | None,
        timeout: float | None,
    ) -> JsonValue:
        """Send one command and return its value."""
        deadline = None if timeout is None else monotonic() + timeout
        try:
            with self.lock:
                self._check_open(call)
                sent = ask(*ask_arguments)
                if self._wire_log is not None:
                    self._wire_log.sent(sent, arguments)
            self._send_all(call, deadline)
            if not self._wait(call, timeout, deadline):
                raise self.session.unanswered(sent, timeout)
        except BaseException:
            try:
                self._abandon(call)
            finally:  # in case a signal handler interrupted the first call
                self._abandon(call)
            raise
        if call.error is not None:
            raise call.error
        return call.value

    def _check_open(self, role: AnyRole) -> None:
        """Raise if the connection isn't usable, or not by this thread now. The lock is held."""
        if self.is_closing or self.session.is_changing or self._is_cut:
            if self.session.is_changing and self._is_within_itself():
                raise LocalProtocolError(INTERRUPTED)
            self._notice_interruption()
        if self.end is not None:
            raise ConnectionClosed(self.end.reason) from self.end.__cause__
        if self._reader is not None or self._sender is not None:
            self._check_roles(role)

    def _check_roles(self, role: AnyRole) -> None:
        for other in (self._reader, self._sender):
            if other is not None and other is not role and other.thread == role.thread:
                raise LocalProtocolError(INTERRUPTED)

    def _is_within_itself(self) -> bool:
        """Return whether a signal handler called us within another call of this channel."""
        frame: FrameType | None = sys._getframe()
        while frame is not None and frame.f_code.co_filename == __file__:
            frame = frame.f_back
        while frame is not None:
            if frame.f_code.co_filename == __file__ and frame.f_locals.get("self") is self:
                return True
            frame = frame.f_back
        return False

    def _notice_interruption(self) -> None:
        """End the connection if it was closed or an exception broke it. The lock is held."""
        if self.is_closing:
            self._lose(ConnectionClosed(CLOSED_BY_US))
        elif self.session.is_changing or (self._is_cut and self._sender is None):
            self._lose(ConnectionClosed("an exception of a signal handler cut a command short"))

    def _abandon(self, call: PendingCommand) -> None:
        """Give up a call's command, and end the connection if an exception broke it."""
        with self.lock:
            if self.session.is_changing and self._is_within_itself():
                return  # a signal handler's call, which was refused
            self._notice_interruption()
            self.session.is_changing = True
            self._give_up(call)
            self.session.is_changing = False
        if self.session.has_data_to_send:  # commands of other threads, which left the sending to us
            try:
                self._send_all(call, monotonic() + limits.WAKE_INTERVAL)
            except TimeoutError:  # the connection has ended by it
                pass

    def _give_up(self, call: PendingCommand) -> None:
        for sent in self.session.interrupted:
            if sent.token is call:
                self.session.give_up(sent)

    def take_in_what_has_arrived(self) -> None:
        """Receive until nothing more arrives, or let the reading thread do so.

        It takes `limits.MARK_TIME` at most: a server may send without a pause.
        """
        role, end = Role(), monotonic() + limits.MARK_TIME
        while self.end is None and monotonic() < end:
            has_more = self._in_role(role, self._receive_now, 0.0)
            if has_more is None:
                has_more = self._leave_it_to_the_reader(role)
            if not has_more:
                break

    # Sending

    def _check_fds(self, fds: Sequence[int]) -> tuple[int, ...]:
        check_fds(fds, self.socket)
        return (*fds,)  # always a new tuple: `is` finds the command by it

    def _send_all(self, role: AnyRole, deadline: float | None) -> None:
        """Send the session's queued data, or leave that to the thread that is sending."""
        session = self.session
        while session.has_data_to_send:
            try:
                with self.lock:
                    if self._sender is not None or self._has_ended:
                        return
                    if self._is_cut:  # by an exception, just now
                        self._notice_interruption()
                        return
                    self._sender = role
                    # Set before the data is taken from the session: an exception from here on loses
                    # bytes.
                    self._is_cut = True
                    data, fds = session.data_to_send()
                self._send(data, fds, deadline)
                self._is_cut = False
            except TimeoutError as error:
                with self.lock:
                    self._lose(error)
                raise
            finally:
                if self._sender is role:
                    self._sender = None
                    if self._sleepers and session.has_data_to_send:
                        self._wake()
                if self.is_closing:
                    self._close_socket()

    def _send(
        self,
        data: bytes | memoryview,
        fds: tuple[int, ...],
        deadline: float | None,
    ) -> None:
        """Send all of the bytes, with their descriptors.

        A failed send doesn't end the connection yet: data that the server sent before is read
        first. Any other exception cuts a command short, and the connection can't be used for more.
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
        """Fail the command whose descriptors the kernel refused."""
        with self.lock:
            self._withdraw(fds, error)
            self._wake()

    def _withdraw(self, fds: tuple[int, ...], error: OSError) -> None:
        for sent in self.session.interrupted:
            if sent.fds is fds and sent.token is not None:
                sent.token.error = error
                sent.token.is_done = True
                self.session.withdraw(sent)

    def _wait_writable(self, deadline: float | None) -> None:
        """Wait until the socket is writable. Receive meanwhile: the server may wait for that."""
        remaining = remaining_of(deadline)
        if remaining is not None and remaining <= 0:
            raise TimeoutError("the server didn't read all of a command before the deadline")

        def receive(seconds: float | None) -> bool:
            if self._poll(select.POLLOUT | select.POLLIN, seconds) & ~select.POLLOUT:
                self._receive_now()
            return True

        if self._in_role(Role(), receive, remaining) is None:
            # Wait briefly only: the thread that reads may stop soon.
            most = limits.WAKE_INTERVAL
            self._poll(select.POLLOUT, most if remaining is None else min(most, remaining))

    def _poll(self, wanted: int, seconds: float | None) -> int:
        """Wait until the socket has one of the wanted poll events; return those, or 0."""
        poll = select.poll()
        try:
            poll.register(self.socket, wanted)
        except ValueError:  # closed meanwhile
            return select.POLLHUP
        ready = poll.poll(None if seconds is None else seconds * 1000)
        return ready[0][1] if ready else 0

    # Receiving

    def wait(self, is_done: Callable[[], bool], deadline: Deadline) -> bool:
        """Wait for is_done(); return False at the deadline, raise if the connection ends."""
        condition = WaitCondition(is_done)
        most = limits.WAIT_CHECK
        while (remaining := deadline.remaining()) is None or remaining > most:
            # Only data wakes a thread that receives: check what other threads may change.
            if self._wait(condition, most, monotonic() + most):
                return True
        return self._wait(condition, remaining, deadline.end)

    def check_waits(self) -> None:
        """Let every wait check its condition, at once or after `limits.WAIT_CHECK`."""
        self._wake()

    def _wait(self, role: AnyRole, timeout: float | None, deadline: float | None) -> bool:
        remaining = timeout
        while not role.is_done:
            if self.end is not None or self.is_closing:
                with self.lock:
                    try:
                        self._check_open(role)
                    except ConnectionClosed:
                        if not role.is_done:  # else the end itself was its outcome
                            raise
            if remaining is not None and remaining <= 0:
                return False
            if role.sends and self.session.has_data_to_send:  # the window may have room now
                self._send_all(role, deadline)
            has_received = self._in_role(role, self._receive, remaining)
            if has_received is None:
                self._sleep(
                    role,
                    remaining,
                    lambda: not (role.is_done or (role.sends and self._can_send)),
                )
            elif not has_received:
                return role.is_done
            elif role.sends and role.is_done:  # a command stays done; a condition may not
                return True
            remaining = remaining_of(deadline)
        return True

    def _in_role(
        self, role: AnyRole, receive: Callable[[float | None], bool], seconds: float | None
    ) -> bool | None:
        """Receive in the reading role; return None if another thread has it."""
        try:
            with self.lock:
                if self._reader is None:
                    self._reader = role
            if self._reader is not role:
                return None
            return role.is_done or receive(seconds)
        finally:
            if self._reader is role:
                self._reader = None
                if self._sleepers:
                    self._wake()
                if self.is_closing:
                    self._close_socket()

    def _sleep(self, role: AnyRole, seconds: float | None, is_needed: Callable[[], bool]) -> None:
        """Sleep until something changes, or for a moment, while another thread receives."""
        gate = threading.Lock()
        gate.acquire()  # released by the thread that wakes us
        with self.lock:
            if self._reader is None or self.end is not None or not is_needed():
                return
            self._check_roles(role)
            self._sleepers.append(gate)
        most = limits.WAKE_INTERVAL
        if not gate.acquire(timeout=most if seconds is None else max(0.0, min(most, seconds))):
            try:
                self._sleepers.remove(gate)
            except ValueError:  # another thread is releasing it right now
                pass

    @property
    def _can_send(self) -> bool:
        """True if there is data to send and no thread is sending."""
        return self._sender is None and self.session.has_data_to_send

    def _wake(self) -> None:
        """Wake the sleeping threads, so that each checks again."""
        sleepers = self._sleepers
        try:
            while sleepers:
                sleepers.pop().release()
        except IndexError:  # another thread wakes them, too
            pass

    def _receive(self, timeout: float | None) -> bool:
        """Receive once and deliver what came; return False if nothing came in time."""
        if not (self._inbox or self.session.is_busy):
            if timeout != self._receive_timeout:
                self._set_receive_timeout(timeout)
            if not self._fill_inbox(_WAITING):
                return False
        self._take_in()
        return True

    def _receive_now(self, seconds: float | None = 0.0) -> bool:
        """Receive and deliver without waiting; return False if nothing has arrived."""
        is_left = self._inbox or self.session.is_busy
        if not (is_left or self._fill_inbox(_NOT_WAITING)):
            return False
        self._take_in()
        return self.end is None

    def _fill_inbox(self, flags: tuple[int]) -> bool:
        """Receive once into the inbox; return False if nothing came in time."""
        try:
            self._inbox.extend(map(self._recv, _SIZE, flags))
        except BlockingIOError:
            return False
        except InterruptedError:  # the data was for a filter (TLS, WebSocket, telnet) only
            pass
        except OSError as error:
            with self.lock:
                self._lose(error)
        return True

    def _set_receive_timeout(self, timeout: float | None) -> None:
        seconds = 0.0 if timeout is None else max(timeout, 1e-6)  # 0 means no timeout to the kernel
        whole = int(seconds)
        value = struct.pack("@ll", whole, int((seconds - whole) * 1e6))
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, value)
        except OSError:  # closed meanwhile; the receive will raise
            pass
        self._receive_timeout = timeout

    def _take_in(self) -> None:
        """Parse and deliver one piece of the received data."""
        session, inbox = self.session, self._inbox
        with self.lock:
            if self.is_closing or session.is_changing or self._is_cut:
                self._notice_interruption()
            if self._has_ended:
                return
            session.is_changing = True
            if session.is_busy:
                self._hand_out(session.resume())
            elif inbox:
                data = inbox.popleft()
                if data:
                    self._hand_out(session.receive_data(data))
                else:
                    self._lose(None)
            session.is_changing = False

    def _hand_out(self, occurrences: list[Happened[PendingCommand]]) -> None:
        """Deliver replies and events. The lock is held."""
        session = self.session
        if self._wire_log is not None:
            self._wire_log.received(occurrences)
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
        """End the connection and all waits. The lock is held."""
        if self._has_ended:
            return
        if self.end is None:
            last_words = None
            if self.launched is not None and server_has_left(error):
                last_words = self.launched.obituary()
            self.end = closing_error(self.session, error, last_words)
            if self._wire_log is not None:
                self._wire_log.ended(self.end.reason)
        if error is not None:
            self._shut_down()
        cut = cut_off(self.session, self.end.reason, error)
        self.interrupted = cut.interrupted
        for outcome in cut.outcomes:
            call = outcome.token
            call.value, call.error = outcome.value, outcome.error
            call.is_done = True
        # Only once, even if an exception interrupts this call and another thread repeats it.
        on_lost, self._on_lost = self._on_lost, None
        if on_lost is not None:
            on_lost(self)
        # Set last: if an exception interrupts this call, the next caller repeats it.
        self._has_ended = True
        self._wake()

    def _leave_it_to_the_reader(self, role: AnyRole) -> bool:
        """Let the reading thread receive; return False if nothing more has arrived."""
        has_input = bool(self._poll(select.POLLIN, 0.0))
        # It may have received data that it hasn't delivered yet, which we can't see: wait a moment.
        self._sleep(role, None if has_input else limits.MARK_MOMENT, lambda: True)
        return has_input

    def connected(self, deadline: Deadline) -> "Channel":
        """Return the current connection: this one, even if it has ended."""
        return self

    def _disown(self, reason: str) -> None:
        """End the connection in a forked child: it belongs to the parent."""
        self.lock = threading.RLock()
        self._reader = self._sender = None
        if self.end is None:
            self.end = ConnectionClosed(reason)

    def fileno(self) -> int:
        """Return the socket's descriptor; -1 once the socket is closed."""
        return self.socket.fileno()

    def _shut_down(self) -> None:
        """Shut the socket down, which tells the server and wakes a receiving thread."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _close_socket(self) -> None:
        """Close the socket, unless a thread is receiving or sending."""
        if self._reader is None and self._sender is None:
            self.socket.close()

    def forget(self) -> None:
        """Close the socket only."""
        self.socket.close()

    def close(self) -> None:
        """Close the connection, and end the program at its other end if we launched it.

        It waits for no lock: a signal handler, another thread or a finalizer may call it.
        """
        self.is_closing = True
        self._shut_down()
        taken: list[bool] = []
        try:
            taken.extend(map(self.lock.acquire, (False,)))  # within one C call, as with the inbox
            if taken[0]:
                self._notice_interruption()
        finally:
            if taken and taken[0]:
                self.lock.release()
        self._close_socket()
        if self.launched is not None:
            self.launched.end()
