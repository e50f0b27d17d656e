"""A channel that outlives its connections, for the async client: a task sees to the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from qmpeer import limits
from qmpeer.client.aio_channel import (
    AsyncChannel,
    Deadline,
    close_all,
    duplicates,
)
from qmpeer.client.events import EventLog
from qmpeer.client.reconnection import (
    Interruption,
    Interruptions,
    Patience,
    check_can_be_dialled_again,
)
from qmpeer.client.reply import Reply, reply_from
from qmpeer.errors import ConnectionClosed, QMPError
from qmpeer.protocol import ClientSession
from qmpeer.transport import AddressLike
from qmpeer.transport.forking import own
from qmpeer.values import JsonObject

__all__ = ["AsyncOpenChannel", "AsyncReconnectingChannel"]

AsyncOpenChannel: TypeAlias = Callable[[float | None, EventLog], Awaitable[AsyncChannel]]
"""Makes a channel that has negotiated, within so many seconds."""


class AsyncReconnectingChannel:
    """Send and receive for an async client, over one connection after the other.

    Make one with `open`.

    Attributes:
        log: The events that have come, over all of them.
        end: Why no more will come, once that is so.
        launched: Nothing: what was launched can't be connected to again.
    """

    current: AsyncChannel

    def __init__(self, open_channel: AsyncOpenChannel, seconds: float | None) -> None:
        self.log: EventLog = EventLog()
        self.end: ConnectionClosed | None = None
        self.launched: None = None
        self._open = open_channel
        self._seconds = seconds
        self._interruptions = Interruptions()
        self._task: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        own(self)

    @classmethod
    async def open(
        cls,
        address: AddressLike,
        open_channel: AsyncOpenChannel,
        timeout: float | None,
        seconds: float | None,
    ) -> "AsyncReconnectingChannel":
        """Make one, and its first connection.

        Args:
            address: Where the server is.
            open_channel: Makes the next connection.
            timeout: Seconds for the first.
            seconds: For how long another is tried for before all ends; None for ever.

        Raises:
            ValueError: If the address is good for one connection only.
        """
        check_can_be_dialled_again(address)
        channel = cls(open_channel, seconds)
        channel._adopt(await open_channel(timeout, channel.log))
        return channel

    def _adopt(self, channel: AsyncChannel) -> None:
        self.current = channel
        channel.on_lost = self._lost
        if channel.end is not None:
            self._lost(channel.end.reason, ())

    def _lost(self, reason: str, commands: tuple[str, ...]) -> None:
        if self.end is None and self._task is None:
            self._interruptions.add(reason, self.log.last, commands)
            self._task = asyncio.get_running_loop().create_task(self._reconnect())

    @property
    def interruptions(self) -> tuple[Interruption, ...]:
        """The connections that were lost."""
        return self._interruptions.known

    @property
    def session(self) -> ClientSession[Reply[Any]]:
        """The protocol's side of the connection that there is, or was at last."""
        return self.current.session

    def execute(
        self,
        command: str,
        arguments: JsonObject | None,
        timeout: float | None,
        is_oob: bool,
        fds: Sequence[int],
    ) -> Reply[Any]:
        """Send one command, as `AsyncClient.execute` says, once there is a connection."""
        if self.end is not None:
            raise ConnectionClosed(self.end.reason) from self.end.__cause__
        if self.current.end is None:
            return self.current.execute(command, arguments, timeout, is_oob, fds)
        later = self._execute_later(
            command, arguments, Deadline(timeout), is_oob, duplicates(fds) if fds else ()
        )
        task = asyncio.get_running_loop().create_task(later)
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
                except ConnectionClosed:  # lost again before the command could be sent
                    continue
                return await execution
        finally:
            close_all(fds)

    async def wait(self, is_done: Callable[[], bool], deadline: Deadline) -> bool:
        """Wait until is_done() or the deadline; False at that. Raise when all ends."""
        while True:
            try:
                return await self.current.wait(is_done, deadline)
            except ConnectionClosed:
                try:
                    await self.connected(deadline)
                except TimeoutError:
                    return is_done()

    async def take_in_what_has_arrived(self) -> None:
        """Let the loop read until nothing more is there."""
        await self.current.take_in_what_has_arrived()

    async def connected(self, deadline: Deadline) -> AsyncChannel:
        """Return the connection that there is, or wait for a new one.

        Raises:
            TimeoutError: If there is none in time.
            ConnectionClosed: If there won't be one.
        """
        while self.end is None and self.current.end is not None:
            remaining = deadline.remaining()
            assert self._task is not None
            done, _ = await asyncio.wait(
                (self._task,), timeout=None if remaining is None else max(0.0, remaining)
            )
            if not done:
                raise TimeoutError(f"the connection was lost, and isn't made anew: {self._failure}")
        if self.end is not None:
            raise ConnectionClosed(self.end.reason) from self.end.__cause__
        return self.current

    async def _reconnect(self) -> None:
        """Try to connect anew until that is done, or patience is at its end."""
        patience = Patience(self._seconds)
        while self.end is None:
            try:
                most = patience.countdown.remaining(limits.CONNECT_TIMEOUT)
                channel = await self._open(most, self.log)
            except (OSError, QMPError) as error:
                self._failure = error
                if patience.countdown.is_over:
                    self._give_up(error)
                else:
                    await asyncio.sleep(patience.next_delay())
            except Exception as error:  # nothing that trying again would mend
                self._give_up(error)
            else:
                self._task = None
                self._adopt(channel)
                return
        self._task = None

    def _give_up(self, error: Exception) -> None:
        reason = f"the connection was lost, and not made anew in {self._seconds} s: {error}"
        self.end = ConnectionClosed(reason)
        self.end.__cause__ = error

    def _disown(self, reason: str) -> None:
        """Take in that this is a forked child: the connection is its parent's."""
        self._task = None
        if self.end is None:
            self.end = ConnectionClosed(reason)

    async def close(self) -> None:
        """Close the connection, and make no other."""
        if self.end is None:
            self.end = ConnectionClosed("the client was closed")
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        await self.current.close()
