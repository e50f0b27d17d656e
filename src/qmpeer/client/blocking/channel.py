"""A connection that several threads share: who reads, who sends, and how each gets its own.

Theory of operation.  Whoever waits reads.  The thread that waits for a reply or an event takes the
*reading role* if it is free, receives, and hands out what comes: replies to those who wait for
them, events to the log. Other threads sleep until something changes and then see for themselves
whether they are done, or take the role over. Who sends has the *sending role*. `lock` guards the
session and is never held while waiting.

The deadline of a single receive is the kernel's own (SO_RCVTIMEO): it costs no system call while
it stays the same, and a poll before each receive would cost one. [Python resumes a receive that a
signal interrupts, and the kernel then counts anew: signals that keep coming faster than a deadline
put it off.]

An exception from a signal's handler may strike behind every call, and another one while the first
is cleaned up. Five things keep the connection usable, or closed, but never stuck:

- A lock is taken by `with` alone, which CPython never leaves with the lock taken.
  No loop stands in a `with` or `try` that cleans up: CPython 3.13 doesn't guard the jump
  backwards of a loop whose body ends with an `if`.
- A role is an attribute, taken inside the `try` that gives it back, and given back by a store, in
  front of which no signal is delivered.
- What is received goes into the inbox inside one call of C, so it isn't lost.
- While the session changes, `is_changing` is set. Who finds it set ends the connection: an
  exception has struck there. `_is_cut` says the same of bytes that were being sent.
- Nobody relies on being woken: who sleeps looks again after limits.WAKE_INTERVAL.

`close` waits for no lock: it marks and shuts the socket down, and whoever has the lock or a role
does the rest. A handler that uses a client whose wait or send it has interrupted is refused.

Spec: CPython 3.11 to 3.13 deliver signals at the start of a Python function, behind a call, and at
a jump backwards.

[Long on purpose: each of the five things holds only as long as all that takes a lock or a role
keeps to it, so all of it is to be read together.]
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
from qmpeer.client.blocking.roles import AnyRole, Call, Condition, Role
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
"""Called once a channel's connection has ended, with the channel's lock held."""

INTERRUPTED = "a signal's handler can't use the client whose call it has interrupted"
_SIZE = (limits.READ_SIZE,)
_WAITING, _NOT_WAITING = (0,), (socket.MSG_DONTWAIT,)
_SEND_FLAGS = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL  # the program may have SIGPIPE end it


def remaining_of(deadline: float | None) -> float | None:
    """Return the seconds until a deadline, which is on the monotonic clock; None for ever."""
    return None if deadline is None else deadline - monotonic()


class Channel:
    """A blocking client's connection.

    Attributes:
        socket: The connected socket.
        session: The protocol's side of it.
        log: The events that have come.
        lock: Guards the session, the log and the end.
        end: Why the connection has ended, once it has.
        interrupted: The commands that the end has cut off.
        is_closing: It was closed, though the end may be still to come.
        launched: The program at the other end, if it is ours.
    """

    def __init__(
        self,
        sock: socket.socket,
        session: ClientSession[Call],
        launched: "Launched | None",
        log: EventLog | None = None,
        on_lost: OnLost | None = None,
    ) -> None:
        own_socket(sock)
        own(self)
        sock.settimeout(None)
        self.socket: socket.socket = sock
        self.session: ClientSession[Call] = session
        self.log: EventLog = EventLog() if log is None else log
        session.events_received = self.log.last
        self.lock: threading.RLock = threading.RLock()  # a handler may have interrupted its holder
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
        """Nothing: at the first one, all ends."""
        return ()

    @property
    def is_closed(self) -> bool:
        """It has ended, or was closed."""
        return self.end is not None or self.is_closing

    def negotiate(self, deadline: Deadline) -> None:
        """Take the greeting and negotiate, as `Client.connect` says."""
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
        """Execute one command, as `Client.execute` says."""
        if fds:
            fds = self._check_fds(fds)
        call = Call()
        asked = command, arguments, call, is_oob, fds
        return self._outcome(call, self.session.execute, asked, arguments, timeout)

    def synchronize(self, command: str, value: int, timeout: float | None) -> JsonValue:
        """Synchronize with a guest agent, as `AgentSession.synchronize` does."""
        call, ask = Call(), self._agent_session.synchronize
        return self._outcome(call, ask, (command, value, call), {"id": value}, timeout)

    def execute_silently(
        self, command: str, arguments: JsonObject | None, timeout: float | None
    ) -> JsonValue:
        """Execute a command whose success isn't answered."""
        call, ask = Call(), self._agent_session.execute_silently
        return self._outcome(call, ask, (command, arguments, call), arguments, timeout)

    @property
    def _agent_session(self) -> AgentSession[Call]:
        assert isinstance(self.session, AgentSession), "made without negotiate=False"
        return self.session

    def _outcome(
        self,
        call: Call,
        ask: Callable[..., Sent[Call]],
        asked: tuple[object, ...],
        arguments: JsonObject | None,
        timeout: float | None,
    ) -> JsonValue:
        """Send one command and return its value."""
        deadline = None if timeout is None else monotonic() + timeout
        try:
            with self.lock:
                self._check_open(call)
                sent = ask(*asked)
                if self._wire_log is not None:
                    self._wire_log.sent(sent, arguments)
            self._send_all(call, deadline)
            if not self._wait(call, timeout, deadline):
                raise self.session.unanswered(sent, timeout)
        except BaseException:
            try:
                self._abandon(call)
            finally:  # should a signal have struck there, too
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
        """Return whether this is a handler's call, below which another is still running."""
        frame: FrameType | None = sys._getframe()
        while frame is not None and frame.f_code.co_filename == __file__:
            frame = frame.f_back
        while frame is not None:
            if frame.f_code.co_filename == __file__ and frame.f_locals.get("self") is self:
                return True
            frame = frame.f_back
        return False

    def _notice_interruption(self) -> None:
        """End the connection if it was closed, or torn by an exception. The lock is held."""
        if self.is_closing:
            self._lose(ConnectionClosed(CLOSED_BY_US))
        elif self.session.is_changing or (self._is_cut and self._sender is None):
            self._lose(ConnectionClosed("an exception of a signal's handler cut a command short"))

    def _abandon(self, call: Call) -> None:
        """Give up what a call has asked for, and end the connection if it is torn."""
        with self.lock:
            if self.session.is_changing and self._is_within_itself():
                return  # it was refused
            self._notice_interruption()
            self.session.is_changing = True
            self._give_up(call)
            self.session.is_changing = False
        if self.session.has_data_to_send:  # of threads that left it to this one, and wait by now
            try:
                self._send_all(call, monotonic() + limits.WAKE_INTERVAL)
            except TimeoutError:  # that was the end of the connection
                pass

    def _give_up(self, call: Call) -> None:
        for sent in self.session.interrupted:
            if sent.token is call:
                self.session.give_up(sent)

    def take_in_what_has_arrived(self) -> None:
        """Receive until nothing more is there, or see to it that the thread that reads does.

        Not for ever: a server may send without a pause.
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
        return (*fds,)  # a tuple of this command's own, whatever was given

    def _send_all(self, role: AnyRole, deadline: float | None) -> None:
        """Send what the session has to send, or leave it to the thread that is at it."""
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
        """Send bytes to their end, with their descriptors.

        A failure isn't the end yet: what the server said before is read first. Whatever else is
        raised leaves a command cut short, and no more can be said on this connection.
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
            self._withdraw(fds, error)
            self._wake()

    def _withdraw(self, fds: tuple[int, ...], error: OSError) -> None:
        for sent in self.session.interrupted:
            if sent.fds is fds and sent.token is not None:
                sent.token.error = error
                sent.token.is_done = True
                self.session.withdraw(sent)

    def _wait_writable(self, deadline: float | None) -> None:
        """Wait until the server takes more, taking in what it sends: it may wait for that."""
        remaining = remaining_of(deadline)
        if remaining is not None and remaining <= 0:
            raise TimeoutError("the server took no more of a command until its deadline")

        def receive(seconds: float | None) -> bool:
            if self._poll(select.POLLOUT | select.POLLIN, seconds) & ~select.POLLOUT:
                self._receive_now()
            return True

        if self._in_role(Role(), receive, remaining) is None:
            # The thread that reads may soon do so no more.
            most = limits.WAKE_INTERVAL
            self._poll(select.POLLOUT, most if remaining is None else min(most, remaining))

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

    def wait(self, is_done: Callable[[], bool], deadline: Deadline) -> bool:
        """Wait until is_done() or the deadline; False at that. Raise when the connection ends."""
        return self._wait(Condition(is_done), deadline.remaining(), deadline.end)

    def _wait(self, role: AnyRole, timeout: float | None, deadline: float | None) -> bool:
        remaining = timeout
        while not role.is_done:
            if self.end is not None or self.is_closing:
                with self.lock:
                    try:
                        self._check_open(role)
                    except ConnectionClosed:
                        if not role.is_done:  # else the end, just now, gave it its outcome
                            raise
            if remaining is not None and remaining <= 0:
                return False
            if role.sends and self.session.has_data_to_send:  # its turn may have come
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
            elif role.sends and role.is_done:  # a command stays done; a condition is asked once
                return True
            remaining = remaining_of(deadline)
        return True

    def _in_role(
        self, role: AnyRole, receive: Callable[[float | None], bool], seconds: float | None
    ) -> bool | None:
        """Receive as the one that does, unless it is done; None if somebody else does already."""
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
        """Sleep until something changes, or for a moment, while somebody else receives."""
        gate = threading.Lock()
        gate.acquire()  # opened by who wakes us, if anybody does
        with self.lock:
            if self._reader is None or self.end is not None or not is_needed():
                return
            self._check_roles(role)
            self._sleepers.append(gate)
        most = limits.WAKE_INTERVAL
        if not gate.acquire(timeout=most if seconds is None else max(0.0, min(most, seconds))):
            try:
                self._sleepers.remove(gate)
            except ValueError:  # somebody is just opening it
                pass

    @property
    def _can_send(self) -> bool:
        """There is something to send, and nobody is at it."""
        return self._sender is None and self.session.has_data_to_send

    def _wake(self) -> None:
        """Wake the threads that sleep; each looks again."""
        sleepers = self._sleepers
        try:
            while sleepers:
                sleepers.pop().release()
        except IndexError:  # others do it, too
            pass

    def _receive(self, timeout: float | None) -> bool:
        """Receive once and hand out what came; False if nothing did in time."""
        if not (self._inbox or self.session.is_busy):
            if timeout != self._receive_timeout:
                self._set_receive_timeout(timeout)
            if not self._fill_inbox(_WAITING):
                return False
        self._take_in()
        return True

    def _receive_now(self, seconds: float | None = 0.0) -> bool:
        """Take in what has arrived; False if nothing has."""
        is_left = self._inbox or self.session.is_busy
        if not (is_left or self._fill_inbox(_NOT_WAITING)):
            return False
        self._take_in()
        return self.end is None

    def _fill_inbox(self, flags: tuple[int]) -> bool:
        """Receive once; False if nothing came in time."""
        try:
            self._inbox.extend(map(self._recv, _SIZE, flags))
        except BlockingIOError:
            return False
        except InterruptedError:  # what came was for the filters of the wire
            pass
        except OSError as error:
            with self.lock:
                self._lose(error)
        return True

    def _set_receive_timeout(self, timeout: float | None) -> None:
        seconds = 0.0 if timeout is None else max(timeout, 1e-6)  # 0 is for ever to the kernel
        whole = int(seconds)
        value = struct.pack("@ll", whole, int((seconds - whole) * 1e6))
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, value)
        except OSError:  # closed meanwhile; the receive tells
            pass
        self._receive_timeout = timeout

    def _take_in(self) -> None:
        """Hand out what the server sent."""
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

    def _hand_out(self, occurrences: list[Happened[Call]]) -> None:
        """Give everybody what is theirs. The lock is held."""
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
        """End the connection, and all that waits for it. The lock is held."""
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
        on_lost, self._on_lost = self._on_lost, None
        if on_lost is not None:
            on_lost(self)
        self._has_ended = True
        self._wake()

    def _leave_it_to_the_reader(self, role: AnyRole) -> bool:
        """Let the thread that reads take in what has arrived; False if there is nothing more."""
        has_input = bool(self._poll(select.POLLIN, 0.0))
        # What it has received but not yet handed out shows nowhere: give it a moment.
        self._sleep(role, None if has_input else limits.MARK_MOMENT, lambda: True)
        return has_input

    def connected(self, deadline: Deadline) -> "Channel":
        """Return the connection that there is: this one, even if it has ended."""
        return self

    def _disown(self, reason: str) -> None:
        """Take in that this is a forked child: the connection is its parent's."""
        self.lock = threading.RLock()
        self._reader = self._sender = None
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

    def _close_socket(self) -> None:
        """Give the socket back to the system, unless somebody is receiving or sending."""
        if self._reader is None and self._sender is None:
            self.socket.close()

    def forget(self) -> None:
        """Give the socket back to the system."""
        self.socket.close()

    def close(self) -> None:
        """Close the connection, and end the program at its other end if it is ours.

        It waits for no lock: a signal's handler may call it, another thread, or a finalizer.
        """
        self.is_closing = True
        self._shut_down()
        taken: list[bool] = []
        try:
            taken.extend(map(self.lock.acquire, (False,)))  # as with the inbox
            if taken[0]:
                self._notice_interruption()
        finally:
            if taken and taken[0]:
                self.lock.release()
        self._close_socket()
        if self.launched is not None:
            self.launched.end()
