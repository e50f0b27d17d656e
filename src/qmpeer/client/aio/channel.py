"""A connection on an event loop, which receives even while nobody waits.

Each command is a future from the moment it is sent, so any number can be in flight. The first is
written at once; further ones of the same turn of the loop are written together. One timer serves
all deadlines: it is set for the earliest one and checks the others when it fires.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from qmpeer import limits
from qmpeer.client.aio.reply import Reply, execute_on_loop
from qmpeer.client.events import EventLog
from qmpeer.client.timeouts import Deadline
from qmpeer.client.wire_log import WireLog
from qmpeer.errors import ConnectionClosed, NegotiationError
from qmpeer.messages import Event
from qmpeer.protocol import (
    CLOSED_BY_US,
    AgentSession,
    ClientSession,
    Completion,
    Phase,
    Sent,
    closing_error,
    cut_off,
    server_has_left,
)
from qmpeer.transport.aio import Stream
from qmpeer.transport.descriptors import close_all, duplicates
from qmpeer.transport.forking import own
from qmpeer.values import JsonObject

if TYPE_CHECKING:
    from qmpeer.client.interruptions import Interruption
    from qmpeer.client.launching import Launched


AsyncOnLost: TypeAlias = Callable[["AsyncChannel"], None]
"""A function that is called once a channel's connection has ended."""


class AsyncChannel:
    """An async client's connection, and the handler of its stream.

    Attributes:
        session: The protocol session.
        log: The events received.
        end: The reason why the connection has ended, or None.
        interrupted: The names of the commands that the end cut off.
        launched: The program at the other end, if we launched it.
    """

    def __init__(
        self,
        stream: Stream,
        session: ClientSession[Reply[Any]],
        launched: "Launched | None",
        log: EventLog | None = None,
        on_lost: AsyncOnLost | None = None,
    ) -> None:
        self.session: ClientSession[Reply[Any]] = session
        self.log: EventLog = EventLog() if log is None else log
        session.events_received = self.log.last
        self.end: ConnectionClosed | None = None
        self.interrupted: tuple[str, ...] = ()
        self.launched: Launched | None = launched
        self._loop = asyncio.get_running_loop()
        self._stream = stream
        self._is_flush_due = False
        self._is_reading_paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._waiters: list[asyncio.Future[None]] = []
        self._received = 0
        self._lost: asyncio.Future[None] | None = self._loop.create_future()
        self._on_lost = on_lost
        self._wire_log = WireLog.of(session.peer)
        own(self)

    @property
    def interruptions(self) -> "tuple[Interruption, ...]":
        """Always empty: without `reconnect`, the first loss ends the client."""
        return ()

    @property
    def is_closed(self) -> bool:
        """True if the connection has ended."""
        return self.end is not None

    async def negotiate(self, deadline: Deadline) -> None:
        """Receive the greeting and negotiate, as described at `AsyncClient.connect`."""
        session = self.session
        try:
            if not await self.wait(lambda: session.phase is Phase.READY, deadline):
                raise session.late_to_negotiate(deadline.timeout)
        except ConnectionClosed:
            await self.close()
            if isinstance(session.failure, NegotiationError):
                raise session.failure from None
            raise
        except BaseException:
            await self.close()
            raise

    def execute(
        self,
        command: str,
        arguments: JsonObject | None,
        timeout: float | None,
        is_oob: bool,
        fds: Sequence[int],
    ) -> Reply[Any]:
        """Send one command, as described at `AsyncClient.execute`."""
        if asyncio._get_running_loop() is not self._loop:
            return execute_on_loop(self, self._loop, command, arguments, timeout, is_oob, fds)
        reply = self._reply_to(command, timeout)
        sent = self.session.execute(command, arguments, reply, is_oob, (*fds,) if fds else ())
        return self._begin(sent, arguments, reply)

    def _reply_to(self, command: str, timeout: float | None) -> Reply[Any]:
        if self.end is not None:
            raise ConnectionClosed(self.end.reason) from self.end.__cause__
        reply: Reply[Any] = Reply(loop=self._loop)
        reply.command = command
        reply._timeout = timeout
        reply._deadline = None if timeout is None else self._loop.time() + timeout
        return reply

    def synchronize(self, command: str, value: int, timeout: float | None) -> Reply[Any]:
        """Synchronize with a guest agent, as described at `AgentSession.synchronize`."""
        session = self._agent_session
        for sent in session.interrupted:
            if sent.token is not None and sent.token.done():  # cancelled by its caller
                session.give_up(sent)
        reply = self._reply_to(command, timeout)
        sent = session.synchronize(command, value, reply)
        return self._begin(sent, {"id": value}, reply)

    def execute_silently(
        self, command: str, arguments: JsonObject | None, timeout: float | None
    ) -> Reply[Any]:
        """Execute a command that isn't answered when it succeeds."""
        reply = self._reply_to(command, timeout)
        sent = self._agent_session.execute_silently(command, arguments, reply)
        return self._begin(sent, arguments, reply)

    @property
    def _agent_session(self) -> AgentSession[Reply[Any]]:
        assert isinstance(self.session, AgentSession), "made without negotiate=False"
        return self.session

    def _begin(
        self, sent: Sent[Reply[Any]], arguments: JsonObject | None, reply: Reply[Any]
    ) -> Reply[Any]:
        """Log a command, watch its deadline, and send it now or with the next ones."""
        if self._wire_log is not None:
            self._wire_log.sent(sent, arguments)
        session, fds, deadline = self.session, sent.fds, reply._deadline
        if deadline is not None and (self._timer is None or deadline < self._timer_due):
            self._set_timer(deadline)
        if sent.is_waiting:  # queued: the caller may give it up before it is sent
            if fds:
                self._keep_fds(sent)
            reply.add_done_callback(lambda _: session.give_up(sent))
        elif fds or session.commands_in_flight == 1:
            self._flush()
        elif not self._is_flush_due:
            self._is_flush_due = True
            self._loop.call_soon(self._flush)
        return reply

    async def take_in_what_has_arrived(self) -> None:
        """Let the loop read until nothing more arrives, or for `limits.MARK_TIME` at most."""
        end = self._loop.time() + limits.MARK_TIME
        while self._loop.time() < end:
            before = self._received
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if self._received == before:
                break

    def _flush(self) -> None:
        self._is_flush_due = False
        session = self.session
        data, fds = session.data_to_send()
        while data:
            try:
                self._stream.write(data, fds)
            except (OSError, ValueError) as error:  # the descriptors can't be sent
                self._refuse(fds, error)
            data, fds = session.data_to_send()

    def _keep_fds(self, sent: "Sent[Reply[Any]]") -> None:
        """Duplicate the descriptors until they are sent: the caller may close its own before."""
        assert sent.token is not None
        reply = sent.token
        try:
            sent.fds = duplicates(sent.fds)
        except OSError as error:
            self.session.give_up(sent)
            reply.set_exception(error)
        else:
            reply.add_done_callback(lambda _: close_all(sent.fds))

    def _refuse(self, fds: tuple[int, ...], error: Exception) -> None:
        """Fail the command whose descriptors can't be sent."""
        session = self.session
        for sent in session.interrupted:
            if sent.fds is fds and sent.token is not None:
                if not sent.token.done():
                    sent.token.set_exception(error)
                session.withdraw(sent)

    def _set_timer(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._check_deadlines)
        self._timer_due = deadline  # uvloop's handle can't report this at once

    def _check_deadlines(self) -> None:
        self._timer = None
        now = self._loop.time()
        earliest: float | None = None
        for sent in self.session.interrupted:
            reply = sent.token
            if reply is None or reply._deadline is None or reply.done():
                continue
            if reply._deadline <= now:
                self.session.give_up(sent)
                reply.set_exception(self.session.unanswered(sent, reply._timeout))
            elif earliest is None or reply._deadline < earliest:
                earliest = reply._deadline
        if earliest is not None:
            self._set_timer(earliest)

    async def connected(self, deadline: Deadline) -> "AsyncChannel":
        """Return the current connection: this one, even if it has ended."""
        return self

    async def wait(self, is_done: Callable[[], bool], deadline: Deadline) -> bool:
        """Wait for is_done(); return False at the deadline, raise if the connection ends."""
        while not is_done():
            if self.end is not None:
                raise ConnectionClosed(self.end.reason) from self.end.__cause__
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters.append(waiter)
            remaining = deadline.remaining()
            try:
                if remaining is None:
                    await waiter
                elif remaining <= 0:
                    return False
                else:
                    await asyncio.wait_for(waiter, remaining)
            except TimeoutError:
                return is_done()
            finally:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
        return True

    def check_waits(self) -> None:
        """Let every wait check its condition."""
        self._wake()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    # StreamHandler

    def data_received(self, data: bytes, fds: Sequence[int]) -> None:
        """Handle data of the server."""
        close_all(fds)
        self._received += len(data)
        self._hand_out(self.session.receive_data(data))

    def _read_on(self) -> None:
        """Parse more of the received data."""
        if self.end is None:
            self._received += 1
            self._hand_out(self.session.resume())

    def _hand_out(self, occurrences: Sequence[Any]) -> None:
        """Deliver replies and events; continue a long parse in a later turn of the loop."""
        session = self.session
        if self._wire_log is not None:
            self._wire_log.received(occurrences)
        for happened in occurrences:
            if type(happened) is Completion:
                reply = happened.token
                if reply.done():
                    continue
                if happened.error is None:
                    reply.set_result(happened.value)
                else:
                    reply.set_exception(happened.error)
            elif type(happened) is Event:
                self.log.add(happened)
        if session.failure is not None:
            self._lose(session.failure)
            self._stream.abort()
        if session.is_busy:
            # Stop reading while a long parse continues: the buffered data must not grow.
            self._stream.pause_reading()
            self._loop.call_soon(self._read_on)
            self._is_reading_paused = True
        elif self._is_reading_paused:
            self._is_reading_paused = False
            self._stream.resume_reading()
        if session.has_data_to_send and not self._is_flush_due:
            self._flush()
        if self._waiters:
            self._wake()

    def eof_received(self) -> None:
        """Close the stream: the server sends no more."""
        self._stream.close()

    def pause_writing(self) -> None:
        """Do nothing: only the caller's own commands are unsent."""

    def resume_writing(self) -> None:
        """Do nothing, like pause_writing."""

    def connection_lost(self, error: OSError | None) -> None:
        """End the connection and all waits."""
        if self.launched is not None and self.end is None and server_has_left(error):
            # It waits up to a second for the program's end, too long for the loop's thread.
            waiting = self._loop.run_in_executor(None, self.launched.obituary)
            waiting.add_done_callback(lambda done: self._lose(error, done.result()))
        else:
            self._lose(error)
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(None)

    def _lose(self, error: Exception | None, last_words: str | None = None) -> None:
        if self.end is not None:
            return
        self.end = closing_error(self.session, error, last_words)
        if self._wire_log is not None:
            self._wire_log.ended(self.end.reason)
        cut = cut_off(self.session, self.end.reason, error)
        self.interrupted = cut.interrupted
        for outcome in cut.outcomes:
            reply = outcome.token
            if reply.done():
                continue
            if outcome.error is None:
                reply.set_result(outcome.value)
            else:
                reply.set_exception(outcome.error)
                reply.exception()  # if nobody awaits it, asyncio must not log it
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._on_lost is not None:
            self._on_lost(self)
        self._wake()

    def _disown(self, reason: str) -> None:
        """End the connection in a forked child: it belongs to the parent, and so does the loop."""
        self._lost = None
        if self.end is None:
            self.end = ConnectionClosed(reason)

    async def close(self) -> None:
        """Close the connection, and end the program at its other end if we launched it."""
        if self._lost is None:
            self._stream.abort()
            return
        if self._is_flush_due:
            self._flush()
        self._lose(ConnectionClosed(CLOSED_BY_US))
        self._stream.close()
        # shield() keeps a cancelled close() from cancelling the future that others may await.
        await asyncio.shield(self._lost)
        if self.launched is not None:
            await asyncio.to_thread(self.launched.end)
