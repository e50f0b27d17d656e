"""The async client: the same names as the blocking one, with await."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from qmpeer import limits
from qmpeer.client.aio_channel import AsyncChannel, Call, Deadline
from qmpeer.client.events import EventQueue, Match, Names, matcher
from qmpeer.client.timeouts import DEFAULT, Default, Timeout
from qmpeer.errors import ConnectionClosed
from qmpeer.messages import Event, Greeting
from qmpeer.protocol import ClientSession
from qmpeer.transport import AddressLike
from qmpeer.transport.aio import Stream, open_stream, start_listening
from qmpeer.values import JsonObject

if TYPE_CHECKING:
    import subprocess

    from qmpeer.client.launching import Launched

__all__ = ["AsyncClient", "AsyncEvents"]


class AsyncClient:
    """Drive a QMP server from asyncio.

    Make one with `connect`, `accept` or `launch`, and use it as an async context manager. It
    belongs to the loop that it was made on.

    Attributes:
        command_timeout: Seconds for a command and for wait_event unless they say otherwise.
    """

    def __init__(self, channel: AsyncChannel, command_timeout: float | None) -> None:
        self.command_timeout = command_timeout
        self._channel = channel

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
        deadline = Deadline(timeout)
        make = _channels(negotiate, capabilities, max_in_flight)
        _, channel = await open_stream(
            address, make, timeout=timeout, wait_for_socket=wait_for_socket
        )
        assert isinstance(channel, AsyncChannel)
        await channel.negotiate(deadline)
        return cls(channel, command_timeout)

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
        deadline = Deadline(timeout)
        arrived: asyncio.Future[AsyncChannel] = asyncio.get_running_loop().create_future()
        make = _channels(negotiate, capabilities, max_in_flight)

        def arrive(stream: Stream) -> AsyncChannel:
            channel = make(stream)
            arrived.set_result(channel)
            return channel

        listener = await start_listening(address, arrive)
        try:
            channel = await asyncio.wait_for(arrived, timeout)
        except TimeoutError:
            raise TimeoutError(f"nobody connected in {timeout} s") from None
        finally:
            listener.close()
        await channel.negotiate(deadline)
        return cls(channel, command_timeout)

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

        deadline = Deadline(timeout)
        launched = await asyncio.to_thread(Launched, argv, monitor, stderr)
        try:
            make = _channels(True, capabilities, max_in_flight, launched)
            _, channel = await open_stream(launched.socket, make, timeout=timeout)
            assert isinstance(channel, AsyncChannel)
            await channel.negotiate(deadline)
            return cls(channel, command_timeout)
        except BaseException:
            await asyncio.to_thread(launched.end)
            raise

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
        seconds = self.command_timeout if isinstance(timeout, Default) else timeout
        return self._channel.execute(command, arguments, seconds, oob, fds)

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
        return AsyncEvents(self._channel, self._channel.log.subscribe(names, match, limit))

    async def event_mark(self) -> int:
        """Take in what has arrived, and return a mark: "everything after now" for wait_event."""
        await self._channel.take_in_what_has_arrived()
        return self._channel.log.last

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
        seconds = self.command_timeout if isinstance(timeout, Default) else timeout
        deadline = Deadline(seconds)
        log = self._channel.log
        matches = matcher(names, match)
        now = await self.event_mark()
        mark = now if since is None else since
        found: list[Event] = []

        def is_found() -> bool:
            nonlocal mark
            if found or mark == log.last:
                return bool(found)
            event = log.first_after(mark, matches)
            mark = log.last
            if event is not None:
                found.append(event)
            return event is not None

        if not await self._channel.wait(is_found, deadline):
            wanted = "an event" if names is None else f"event {names}"
            raise TimeoutError(f"{wanted} didn't come in {seconds} s")
        return found[0]

    # The rest

    @property
    def greeting(self) -> Greeting | None:
        """What the server said at first; None where nothing was negotiated."""
        return self._channel.session.greeting

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The capabilities that are enabled."""
        return self._channel.session.capabilities

    @property
    def process(self) -> "subprocess.Popen[bytes] | None":
        """The process that `launch` started."""
        launched = self._channel.launched
        return None if launched is None else launched.process

    @property
    def is_closed(self) -> bool:
        """The connection has ended."""
        return self._channel.end is not None

    async def close(self) -> None:
        """Close the connection, and end what `launch` started; doing so twice is fine."""
        await self._channel.close()

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
        return (
            f"<AsyncClient {'closed' if self._channel.end else self._channel.session.phase.value}>"
        )


class AsyncEvents:
    """Iterate over the events of a subscription, until the connection ends.

    Example:
        >>> async with vm.events("STOP") as events:  # doctest: +SKIP
        ...     async for event in events:
        ...         print(event.timestamp)
    """

    def __init__(self, channel: AsyncChannel, queue: EventQueue) -> None:
        self._channel = channel
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
        deadline = Deadline(timeout)
        while (event := self._queue.take()) is None:  # another task may have taken it
            if not await self._channel.wait(lambda: len(self._queue) > 0, deadline):
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


def _channels(
    negotiate: bool,
    capabilities: Sequence[str] | None,
    max_in_flight: int | None,
    launched: "Launched | None" = None,
) -> Callable[[Stream], AsyncChannel]:
    """Return what makes the channel of a new stream."""
    session: ClientSession[Call] = ClientSession(
        negotiate=negotiate,
        capabilities=capabilities,
        max_in_flight=max_in_flight,
        first_id=int.from_bytes(os.urandom(2), "little"),
    )
    return lambda stream: AsyncChannel(stream, session, launched)
