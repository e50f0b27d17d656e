"""The async client: the same names as the blocking one, with await.

Theory of operation.  The connection is a `StreamHandler`: what comes is taken in as it comes,
whoever waits. A command is a future from the moment it is sent, so any number can be in flight; the
first is written at once, those that follow in the same turn of the loop together. One timer a
connection keeps all deadlines: it is set for the earliest and looks at the others when it fires.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from qmpeer import limits
from qmpeer.client.events import EventLog, EventQueue, Match, Names, matcher
from qmpeer.client.timeouts import DEFAULT, Timeout
from qmpeer.client.trace import Trace
from qmpeer.errors import ConnectionClosed, NegotiationError
from qmpeer.messages import Event, Greeting
from qmpeer.protocol import ClientSession, Completion, Phase, Sent
from qmpeer.transport import AddressLike
from qmpeer.transport.aio import Stream, open_stream, start_listening
from qmpeer.values import JsonObject

if TYPE_CHECKING:
    import subprocess

    from qmpeer.client.launching import Launched

__all__ = ["AsyncClient", "AsyncEvents"]


class _Call:
    """Hold a command's future and its deadline on the loop's clock."""

    __slots__ = ("deadline", "future", "timeout")

    def __init__(
        self, future: "asyncio.Future[Any]", timeout: float | None, deadline: float | None
    ) -> None:
        self.future = future
        self.timeout = timeout
        self.deadline = deadline


class AsyncClient:
    """Drive a QMP server from asyncio.

    Make one with `connect`, `accept` or `launch`, and use it as an async context manager. It
    belongs to the loop that it was made on.

    Attributes:
        command_timeout: Seconds for a command and for wait_event unless they say otherwise.
    """

    def __init__(
        self,
        stream: Stream,
        session: "ClientSession[_Call]",
        command_timeout: float | None,
        launched: "Launched | None" = None,
    ) -> None:
        self.command_timeout = command_timeout
        self._loop = asyncio.get_running_loop()
        self._stream = stream
        self._session = session
        self._log = EventLog()
        self._is_flush_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._received = 0
        self._has_eof = False
        self._end: ConnectionClosed | None = None
        self._lost = self._loop.create_future()
        self._launched = launched
        self._trace = Trace.of(stream.peer)

    # Connecting

    @classmethod
    async def connect(
        cls,
        address: AddressLike,
        *,
        timeout: float | None = limits.CONNECT_TIMEOUT,
        command_timeout: float | None = limits.COMMAND_TIMEOUT,
        negotiate: bool = True,
        capabilities: Sequence[str] | None = None,
        max_in_flight: int | None = None,
        wait_for_socket: bool = False,
    ) -> "AsyncClient":
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
        deadline = _Deadline(timeout)
        make = cls._factory(command_timeout, negotiate, capabilities, max_in_flight)
        _, client = await open_stream(
            address, make, timeout=timeout, wait_for_socket=wait_for_socket
        )
        assert isinstance(client, cls)
        return await client._begin(deadline)

    @classmethod
    async def accept(
        cls,
        address: AddressLike,
        *,
        timeout: float | None = limits.CONNECT_TIMEOUT,
        command_timeout: float | None = limits.COMMAND_TIMEOUT,
        negotiate: bool = True,
        capabilities: Sequence[str] | None = None,
        max_in_flight: int | None = None,
    ) -> "AsyncClient":
        """Wait for a server that dials us, as QEMU does without ``server=on``; else as `connect`.

        Args:
            address: Where to listen, or a socket that listens already, which is closed then.
            timeout: Seconds until it has come, greeted and negotiated.
            command_timeout: As in `connect`.
            negotiate: As in `connect`.
            capabilities: As in `connect`.
            max_in_flight: As in `connect`.
        """
        deadline = _Deadline(timeout)
        arrived: asyncio.Future[AsyncClient] = asyncio.get_running_loop().create_future()
        make = cls._factory(command_timeout, negotiate, capabilities, max_in_flight)

        def arrive(stream: Stream) -> AsyncClient:
            client = make(stream)
            arrived.set_result(client)
            return client

        listener = await start_listening(address, arrive)
        try:
            client = await asyncio.wait_for(arrived, timeout)
        except TimeoutError:
            raise TimeoutError(f"nobody connected in {timeout} s") from None
        finally:
            listener.close()
        return await client._begin(deadline)

    @classmethod
    async def launch(
        cls,
        argv: Sequence[str],
        *,
        timeout: float | None = limits.CONNECT_TIMEOUT,
        command_timeout: float | None = limits.COMMAND_TIMEOUT,
        capabilities: Sequence[str] | None = None,
        max_in_flight: int | None = None,
        monitor: Sequence[str] | None = None,
        stderr: int | IO[bytes] | None = None,
    ) -> "AsyncClient":
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

        deadline = _Deadline(timeout)
        launched = await asyncio.to_thread(Launched, argv, monitor, stderr)
        try:
            make = cls._factory(command_timeout, True, capabilities, max_in_flight, launched)
            _, client = await open_stream(launched.socket, make, timeout=timeout)
            assert isinstance(client, cls)
            return await client._begin(deadline)
        except BaseException:
            await asyncio.to_thread(launched.end)
            raise

    @classmethod
    def _factory(
        cls,
        command_timeout: float | None,
        negotiate: bool,
        capabilities: Sequence[str] | None,
        max_in_flight: int | None,
        launched: "Launched | None" = None,
    ) -> Callable[[Stream], "AsyncClient"]:
        first_id = int.from_bytes(os.urandom(2), "little")

        def make(stream: Stream) -> AsyncClient:
            session: ClientSession[_Call] = ClientSession(
                negotiate=negotiate,
                capabilities=capabilities,
                max_in_flight=max_in_flight,
                first_id=first_id,
            )
            return cls(stream, session, command_timeout, launched)

        return make

    async def _begin(self, deadline: "_Deadline") -> "AsyncClient":
        session = self._session
        try:
            if not await self._wait(lambda: session.phase is Phase.READY, deadline):
                what = "greeted" if session.greeting is None else "answered qmp_capabilities"
                raise TimeoutError(
                    f"the server hasn't {what} in {deadline.timeout} s; "
                    "another client may hold its monitor"
                )
        except ConnectionClosed:
            await self.close()
            if isinstance(session.failure, NegotiationError):
                raise session.failure from None
            raise
        except BaseException:
            await self.close()
            raise
        return self

    # Commands

    def execute(
        self,
        command: str,
        arguments: JsonObject | None = None,
        *,
        timeout: Timeout = DEFAULT,
        oob: bool = False,
        fds: Sequence[int] = (),
    ) -> "asyncio.Future[Any]":
        """Send one command; await what this returns for its value.

        It is sent whether or not it is awaited; cancelling the future drops the reply, not the
        command.

        Args:
            command: Its name.
            arguments: Its arguments.
            timeout: Seconds until the reply; None waits for ever. A command that timed out may
                still be executed; its late reply is dropped.
            oob: Execute it out of band, overtaking those that wait.
            fds: Descriptors to send with it, over a unix socket; they stay the caller's.

        Returns:
            A future of the value as JSON has it; {} where the command returns nothing. It raises
            CommandError if the server answered with an error; CommandInterrupted if the connection
            ended first, and the outcome is unknown (the reply of "quit" may be cut off, which
            counts as success); TimeoutError if the deadline passed; ValueError or OSError if the
            descriptors can't be sent.

        Raises:
            ConnectionClosed: If the connection has ended before.
            LocalProtocolError: If out-of-band execution isn't enabled.
            TypeError: If JSON can't hold the arguments.
        """
        if self._end is not None:
            raise ConnectionClosed(self._end.reason) from self._end.__cause__
        loop, session = self._loop, self._session
        seconds = self.command_timeout if timeout is DEFAULT else timeout
        deadline = None if seconds is None else loop.time() + seconds  # type: ignore[operator]
        future = loop.create_future()
        call = _Call(future, seconds, deadline)  # type: ignore[arg-type]
        sent = session.execute(command, arguments, call, oob, (*fds,) if fds else ())
        if self._trace is not None:
            self._trace.sent(sent, arguments)
        if deadline is not None and (self._timer is None or deadline < self._timer.when()):
            self._set_timer(deadline)
        if sent.is_waiting:  # it may be given up until its turn
            if fds:
                self._keep_fds(sent)
            future.add_done_callback(lambda _: session.give_up(sent))
        elif fds or session.commands_in_flight == 1:
            self._flush()
        elif not self._is_flush_due:
            self._is_flush_due = True
            loop.call_soon(self._flush)
        return future

    def _flush(self) -> None:
        self._is_flush_due = False
        session = self._session
        data, fds = session.data_to_send()
        while data:
            try:
                self._stream.write(data, fds)
            except (OSError, ValueError) as error:  # the descriptors are refused
                self._refuse(fds, error)
            data, fds = session.data_to_send()

    def _keep_fds(self, sent: "Sent[_Call]") -> None:
        """Keep descriptors of our own until they are sent: the caller may close his before."""
        assert sent.token is not None
        future = sent.token.future
        try:
            sent.fds = _duplicates(sent.fds)
        except OSError as error:
            self._session.give_up(sent)
            future.set_exception(error)
        else:
            future.add_done_callback(lambda _: _close_all(sent.fds))

    def _refuse(self, fds: tuple[int, ...], error: Exception) -> None:
        """Fail the command whose descriptors can't be sent."""
        session = self._session
        for sent in session.interrupted:
            if sent.fds is fds and sent.token is not None:
                if not sent.token.future.done():
                    sent.token.future.set_exception(error)
                session.withdraw(sent)

    def _set_timer(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._check_deadlines)

    def _check_deadlines(self) -> None:
        self._timer = None
        now = self._loop.time()
        earliest: float | None = None
        for sent in self._session.interrupted:
            call = sent.token
            if call is None or call.deadline is None or call.future.done():
                continue
            if call.deadline <= now:
                self._session.give_up(sent)
                error = TimeoutError(f"{sent.name} wasn't answered in {call.timeout} s")
                call.future.set_exception(error)
            elif earliest is None or call.deadline < earliest:
                earliest = call.deadline
        if earliest is not None:
            self._set_timer(earliest)

    # Events

    def events(
        self, *names: str, match: Match = None, limit: int = limits.EVENTS_SUBSCRIBED
    ) -> "AsyncEvents":
        """Subscribe to the events that come from now on.

        Args:
            names: Those wanted; none means all.
            match: Members that their data must have, or a function of the event.
            limit: How many may be unread before the oldest are dropped, and counted.

        Returns:
            An async iterator and context manager; it ends when the connection does.
        """
        return AsyncEvents(self, self._log.subscribe(names, match, limit))

    async def event_mark(self) -> int:
        """Take in what has arrived, and return a mark: "everything after now" for wait_event."""
        for _ in range(limits.MARK_TURNS):
            before = self._received
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if self._received == before:
                break
        return self._log.last

    async def wait_event(
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
        seconds = self.command_timeout if timeout is DEFAULT else timeout
        deadline = _Deadline(seconds)  # type: ignore[arg-type]
        matches = matcher(names, match)
        now = await self.event_mark()
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

        if not await self._wait(is_found, deadline):
            wanted = "an event" if names is None else f"event {names}"
            raise TimeoutError(f"{wanted} didn't come in {seconds} s")
        return found[0]

    async def _wait(self, is_done: Callable[[], bool], deadline: "_Deadline") -> bool:
        """Wait until is_done() or the deadline; False at that. Raise when the connection ends."""
        while not is_done():
            if self._end is not None:
                raise ConnectionClosed(self._end.reason) from self._end.__cause__
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

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    # StreamHandler

    def data_received(self, data: bytes, fds: Sequence[int]) -> None:
        """Take in what the server sent."""
        for fd in fds:
            os.close(fd)
        self._received += len(data)
        session = self._session
        occurrences = session.receive_data(data)
        if self._trace is not None:
            self._trace.received(occurrences)
        for happened in occurrences:
            if type(happened) is Completion:
                future = happened.token.future
                if future.done():
                    continue
                if happened.error is None:
                    future.set_result(happened.value)
                else:
                    future.set_exception(happened.error)
            else:
                self._log.add(happened)  # type: ignore[arg-type]
        if session.failure is not None:
            self._lose(session.failure)
            self._stream.abort()
        elif session.has_data_to_send and not self._is_flush_due:
            self._flush()
        if self._waiters:
            self._wake()

    def eof_received(self) -> None:
        """Take in that the server sends no more."""
        self._has_eof = True
        self._stream.close()

    def pause_writing(self) -> None:
        """Do nothing: what is unsent is the caller's own commands."""

    def resume_writing(self) -> None:
        """Do nothing, as pause_writing."""

    def connection_lost(self, error: OSError | None) -> None:
        """End what waits."""
        if self._launched is not None and self._end is None:
            waiting = self._loop.run_in_executor(None, self._launched.obituary)
            waiting.add_done_callback(lambda done: self._lose(error, done.result()))
        else:
            self._lose(error)
        if not self._lost.done():
            self._lost.set_result(None)

    def _lose(self, error: Exception | None, reason: str | None = None) -> None:
        if self._end is not None:
            return
        if reason is None:
            reason = "the server closed the connection" if error is None else str(error)
        session = self._session
        self._end = ConnectionClosed(reason)
        if self._trace is not None:
            self._trace.ended(reason)
        self._end.__cause__ = error
        has_left = error is None or isinstance(error, (ConnectionResetError, BrokenPipeError))
        for outcome in session.end(reason, has_left=has_left):
            future = outcome.token.future
            if future.done():
                continue
            if outcome.error is None:
                future.set_result(outcome.value)
            else:
                outcome.error.__cause__ = error
                future.set_exception(outcome.error)
                future.exception()  # it may have been sent without anybody waiting: be quiet then
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wake()

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

    async def close(self) -> None:
        """Close the connection, and end what `launch` started; doing so twice is fine."""
        self._lose(ConnectionClosed("the client was closed"))
        self._stream.close()
        await asyncio.shield(self._lost)
        if self._launched is not None:
            await asyncio.to_thread(self._launched.end)

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AsyncClient {'closed' if self._end else self._session.phase.value}>"


class AsyncEvents:
    """Iterate over the events of a subscription, until the connection ends.

    Example:
        >>> async with vm.events("STOP") as events:  # doctest: +SKIP
        ...     async for event in events:
        ...         print(event.timestamp)
    """

    def __init__(self, client: AsyncClient, queue: EventQueue) -> None:
        self._client = client
        self._queue = queue

    @property
    def dropped(self) -> int:
        """How many events were dropped since the subscription began, as they weren't read."""
        return self._queue.dropped

    async def next(self, timeout: float | None) -> Event:
        """Return the next event.

        Raises:
            TimeoutError: If none comes in time.
            ConnectionClosed: If the connection ends first.
        """
        deadline = _Deadline(timeout)
        while (event := self._queue.take()) is None:  # another task may have taken it
            if not await self._client._wait(lambda: len(self._queue) > 0, deadline):
                raise TimeoutError(f"no event came in {timeout} s")
        return event

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        event = self._queue.take()
        if event is not None:
            return event
        try:
            return await self.next(None)
        except ConnectionClosed:
            raise StopAsyncIteration from None

    def close(self) -> None:
        """End the subscription; what is unread can still be read."""
        self._queue.close()

    async def __aenter__(self) -> "AsyncEvents":
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class _Deadline:
    """Count down from a number of seconds, or from none."""

    __slots__ = ("_end", "_loop", "timeout")

    def __init__(self, timeout: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = None if timeout is None else self._loop.time() + timeout
        self.timeout = timeout

    def remaining(self) -> float | None:
        """Return the seconds left; None if there is no end."""
        return None if self._end is None else self._end - self._loop.time()


def _duplicates(fds: Sequence[int]) -> tuple[int, ...]:
    made: list[int] = []
    try:
        for fd in fds:
            made.append(os.dup(fd))
    except OSError:
        _close_all(made)
        raise
    return tuple(made)


def _close_all(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)
