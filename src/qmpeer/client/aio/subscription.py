"""A subscription to events, for the async client."""

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from qmpeer import limits
from qmpeer.client.events import EventQueue, Match
from qmpeer.client.timeouts import Deadline
from qmpeer.errors import ConnectionClosed
from qmpeer.messages import Event

if TYPE_CHECKING:
    from qmpeer.client.aio.reconnecting_channel import AnyAsyncChannel


E = TypeVar("E")


class AsyncEvents(Generic[E]):
    """An async iterator over the events of a subscription.

    The iteration ends with the connection, or when the subscription is closed.

    Example:
        >>> async with vm.events("STOP") as events:  # doctest: +SKIP
        ...     async for event in events:
        ...         print(event.timestamp)
    """

    def __init__(
        self, channel: "AnyAsyncChannel", queue: EventQueue, hand_out: Callable[[Event], E]
    ) -> None:
        self._channel = channel
        self._queue = queue
        self._hand_out = hand_out

    @property
    def dropped(self) -> int:
        """The number of unread events dropped since the subscription began."""
        return self._queue.dropped

    async def next(self, timeout: float | None) -> E:
        """Return the next event.

        Raises:
            TimeoutError: If none comes in time.
            ConnectionClosed: If the connection ends first, or the subscription is closed.
        """
        deadline = Deadline(timeout)
        while (event := self._queue.take()) is None:  # another reader may have taken it
            if not await self._channel.wait(lambda: self._queue.has_something, deadline):
                raise TimeoutError(f"no event came in {timeout:.4g} s")
        return self._hand_out(event)

    def __aiter__(self) -> AsyncIterator[E]:
        return self

    async def __anext__(self) -> E:
        try:
            event = self._queue.take()
            if event is None:
                return await self.next(None)
        except ConnectionClosed:
            raise StopAsyncIteration from None
        return self._hand_out(event)

    def close(self) -> None:
        """End the subscription; unread events can still be read.

        A reader that waits for an event ends, too.
        """
        self._queue.close()
        self._channel.check_waits()

    async def __aenter__(self) -> "AsyncEvents[E]":
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()


async def events_of_this_connection(
    channel: "AnyAsyncChannel", names: tuple[str, ...], match: Match, timeout: float | None
) -> AsyncEvents[Event]:
    """Subscribe to events of the current connection; the subscription ends with it."""
    current = await channel.connected(Deadline(timeout))
    queue = current.log.subscribe(names, match, limits.EVENTS_SUBSCRIBED)
    return AsyncEvents(current, queue, lambda event: event)
