# Generated from aio/subscription.py by scripts/blocking_client.py: `make fix` writes it anew.
"""A subscription to events, for the blocking client."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

from qmpeer import limits
from qmpeer.client.events import EventQueue, Match
from qmpeer.client.timeouts import Deadline
from qmpeer.errors import ConnectionClosed
from qmpeer.messages import Event

if TYPE_CHECKING:
    from qmpeer.client.blocking.reconnecting_channel import AnyChannel


E = TypeVar("E")


class Events(Generic[E]):
    """An iterator over the events of a subscription.

    The iteration ends with the connection, or when the subscription is closed.

    Example:
        >>> with vm.events("STOP") as events:  # doctest: +SKIP
        ...     for event in events:
        ...         print(event.timestamp)
    """

    def __init__(
        self, channel: "AnyChannel", queue: EventQueue, hand_out: Callable[[Event], E]
    ) -> None:
        self._channel = channel
        self._queue = queue
        self._hand_out = hand_out

    @property
    def dropped(self) -> int:
        """The number of unread events dropped since the subscription began."""
        return self._queue.dropped

    def next(self, timeout: float | None) -> E:
        """Return the next event.

        Raises:
            TimeoutError: If none comes in time.
            ConnectionClosed: If the connection ends first, or the subscription is closed.
        """
        deadline = Deadline(timeout)
        while (event := self._queue.take()) is None:  # another reader may have taken it
            if not self._channel.wait(lambda: self._queue.has_something, deadline):
                raise TimeoutError(f"no event came in {timeout:.4g} s")
        return self._hand_out(event)

    def __iter__(self) -> Iterator[E]:
        return self

    def __next__(self) -> E:
        try:
            event = self._queue.take()
            if event is None:
                return self.next(None)
        except ConnectionClosed:
            raise StopIteration from None
        return self._hand_out(event)

    def close(self) -> None:
        """End the subscription; unread events can still be read.

        A reader that waits for an event ends, too.
        """
        self._queue.close()
        self._channel.check_waits()

    def __enter__(self) -> "Events[E]":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def events_of_this_connection(
    channel: "AnyChannel", names: tuple[str, ...], match: Match, timeout: float | None
) -> Events[Event]:
    """Subscribe to events of the current connection; the subscription ends with it."""
    current = channel.connected(Deadline(timeout))
    queue = current.log.subscribe(names, match, limits.EVENTS_SUBSCRIBED)
    return Events(current, queue, lambda event: event)
