"""The async client's reconnecting channel: a task makes the next connection."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from qmpeer import limits
from qmpeer.client.aio.channel import AsyncChannel, AsyncOnLost
from qmpeer.client.aio.reply import Reply, execute_on_loop, reply_from
from qmpeer.client.backoff import Backoff
from qmpeer.client.events import EventLog
from qmpeer.client.reconnection import ConnectionSeries, late_to_connect
from qmpeer.client.timeouts import Deadline
from qmpeer.errors import ConnectionClosed, QMPError
from qmpeer.protocol import CLOSED_BY_US
from qmpeer.transport import AddressLike
from qmpeer.transport.descriptors import close_all, duplicates
from qmpeer.transport.forking import own
from qmpeer.values import JsonObject

AsyncOpenChannel: TypeAlias = Callable[
    [float | None, EventLog, AsyncOnLost | None], Awaitable[AsyncChannel]
]
"""A function that connects and negotiates, within a timeout in seconds."""


class AsyncReconnectingChannel(ConnectionSeries[AsyncChannel]):
    """The series of an async client's connections. `begin` makes the first."""

    end: ConnectionClosed | None

    def __init__(
        self, address: AddressLike, open_channel: AsyncOpenChannel, seconds: float | None
    ) -> None:
        super().__init__(address, seconds)
        self._loop = asyncio.get_running_loop()
        self._open = open_channel
        self._task: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        own(self)

    async def begin(self, timeout: float | None) -> None:
        """Make the first connection, within `timeout` seconds."""
        self._adopt(await self._open(timeout, self.log, self._lost))

    def _lost(self, channel: AsyncChannel) -> None:
        super()._lost(channel)
        if self.end is None and channel is self._current:
            self._task = self._loop.create_task(self._reconnect())

    def execute(
        self,
        command: str,
        arguments: JsonObject | None,
        timeout: float | None,
        is_oob: bool,
        fds: Sequence[int],
    ) -> Reply[Any]:
        """Send one command, as described at `AsyncClient.execute`, once there is a connection."""
        if asyncio._get_running_loop() is not self._loop:
            return execute_on_loop(self, self._loop, command, arguments, timeout, is_oob, fds)
        if self.end is not None:
            raise ConnectionClosed(self.end.reason) from self.end.__cause__
        if self.current.end is None:
            return self.current.execute(command, arguments, timeout, is_oob, fds)
        # Duplicate the descriptors: the caller may close its own while we wait for a connection.
        later = self._execute_later(
            command, arguments, Deadline(timeout), is_oob, duplicates(fds) if fds else ()
        )
        task = self._loop.create_task(later)
        return reply_from(task, command, lambda value: value)

    async def _execute_later(
        self,
        command: str,
        arguments: JsonObject | None,
        deadline: Deadline,
        is_oob: bool,
        fds: tuple[int, ...],
    ) -> Any:
        try:
            while True:
                await self.connected(deadline)
                try:
                    remaining = deadline.remaining()
                    execution = self.current.execute(command, arguments, remaining, is_oob, fds)
                except ConnectionClosed:  # lost again before the command was sent
                    continue
                return await execution
        finally:
            close_all(fds)

    async def wait(self, is_done: Callable[[], bool], deadline: Deadline) -> bool:
        """Wait for is_done(); return False at the deadline, raise if reconnecting ends."""
        while True:
            try:
                return await self.current.wait(is_done, deadline)
            except ConnectionClosed:
                try:
                    await self.connected(deadline)
                except TimeoutError:
                    return is_done()

    def check_waits(self) -> None:
        """Let every wait check its condition."""
        self.current.check_waits()

    async def take_in_what_has_arrived(self) -> None:
        """Let the loop read until nothing more arrives."""
        await self.current.take_in_what_has_arrived()

    async def connected(self, deadline: Deadline) -> AsyncChannel:
        """Return the current connection, or wait for a new one.

        Raises:
            TimeoutError: If there is none in time.
            ConnectionClosed: If the client has given up or was closed.
        """
        while self.end is None and self.current.end is not None:
            remaining = deadline.remaining()
            assert self._task is not None
            done, _ = await asyncio.wait(
                (self._task,), timeout=None if remaining is None else max(0.0, remaining)
            )
            if not done:
                raise late_to_connect(self._failure)
        if self.end is not None:
            raise ConnectionClosed(self.end.reason) from self.end.__cause__
        return self.current

    async def _reconnect(self) -> None:
        """Try to reconnect until it succeeds or the back-off's deadline passes."""
        backoff = Backoff(self._seconds)
        while self.end is None:
            try:
                # Each attempt is bounded: a server that is stopped accepts connections but never
                # greets.
                most = backoff.countdown.remaining(limits.CONNECT_TIMEOUT)
                channel = await self._open(most, self.log, self._lost)
            except (OSError, QMPError) as error:
                self._failure = error
                if backoff.countdown.is_over:
                    self.end = backoff.exhausted(error)
                else:
                    await asyncio.sleep(backoff.next_delay())
            except Exception as error:  # trying again wouldn't help
                self.end = backoff.exhausted(error)
            else:
                self._task = None
                self._adopt(channel)
                return
        self._task = None

    def _disown(self, reason: str) -> None:
        """End the series in a forked child: the connection belongs to the parent."""
        self._task = None
        if self.end is None:
            self.end = ConnectionClosed(reason)

    async def close(self) -> None:
        """Close the connection and stop reconnecting."""
        if self.end is None:
            self.end = ConnectionClosed(CLOSED_BY_US)
        if self._task is not None:
            # Wait for the cancelled task, or it could still open a connection after we return.
            self._task.cancel()
            await asyncio.wait((self._task,))
        await self.current.close()


AnyAsyncChannel: TypeAlias = AsyncChannel | AsyncReconnectingChannel
"""A client's channel: a single connection, or a series of them."""
