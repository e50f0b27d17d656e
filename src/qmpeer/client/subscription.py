"""A subscription to events, for the blocking client."""

from collections.abc import Callable, Iterator
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar, Union

from qmpeer.client.channel import Channel, remaining_of
from qmpeer.client.events import EventQueue
from qmpeer.errors import ConnectionClosed
from qmpeer.messages import Event

if TYPE_CHECKING:
    from qmpeer.client.reconnecting_channel import ReconnectingChannel

__all__ = ["AnyChannel", "Events"]

AnyChannel: TypeAlias = Union[Channel, "ReconnectingChannel"]
"""What a client stands on: one connection, or one after the other."""

E = TypeVar("E")


class Events(Generic[E]):
    """Iterate over the events of a subscription, until the connection ends.

    Example:
        >>> with vm.events("JOB_STATUS_CHANGE") as jobs:  # doctest: +SKIP
        ...     for event in jobs:
        ...         print(event.data["status"])
    """

    def __init__(
        self, channel: AnyChannel, queue: EventQueue, hand_out: Callable[[Event], E]
    ) -> None:
        self._channel = channel
        self._queue = queue
        self._hand_out = hand_out

    @property
    def dropped(self) -> int:
        """How many events were dropped since the subscription began, as they weren't read."""
        return self._queue.dropped

    def next(self, timeout: float | None) -> E:
        """Return the next event.

        Raises:
            TimeoutError: If none comes in time.
            ConnectionClosed: If the connection ends first.
        """
        deadline = None if timeout is None else monotonic() + timeout
        while (event := self._queue.take()) is None:  # another thread may have taken it
            if not self._channel.wait(
                lambda: self._queue.has_something, remaining_of(deadline), deadline
            ):
                raise TimeoutError(f"no event came in {timeout:.4g} s")
        return self._hand_out(event)

    def __iter__(self) -> Iterator[E]:
        return self

    def __next__(self) -> E:
        event = self._queue.take()
        if event is not None:
            return self._hand_out(event)
        try:
            return self.next(None)
        except ConnectionClosed:
            raise StopIteration from None

    def close(self) -> None:
        """End the subscription; what is unread can still be read."""
        with self._channel.lock:
            self._queue.close()

    def __enter__(self) -> "Events[E]":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
