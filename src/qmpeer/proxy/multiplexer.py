"""The multiplexer: whose in-band command is the next to go to the server. Without I/O.

The commands of one client keep their order; clients take turns. Only a few commands are at the
server at once, so who comes next waits for these few, however many another client has pipelined.

Spec: QEMU stops reading at eight queued commands, and an out-of-band one behind them then waits for
all of them. With at most seven in flight it overtakes.
"""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


class Lane(Generic[ItemT]):
    """One client's commands that wait, in order."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: deque[ItemT] = deque()

    def __len__(self) -> int:
        return len(self._waiting)


class Multiplexer(Generic[ItemT]):
    """The queue of all clients' in-band commands.

    Args:
        window: The commands that may be at the server at once, at least 1.

    Attributes:
        in_flight: The commands that are at the server.

    Example:
        >>> multiplexer = Multiplexer[str](window=2)
        >>> greedy, modest = Lane[str](), Lane[str]()
        >>> for item in ("a1", "a2", "a3"):
        ...     multiplexer.add(greedy, item)
        >>> multiplexer.add(modest, "b1")
        >>> multiplexer.take(), multiplexer.take(), multiplexer.take()
        ('a1', 'b1', None)
        >>> multiplexer.finished()
        >>> multiplexer.take()
        'a2'
    """

    __slots__ = ("_turns", "_window", "in_flight")

    def __init__(self, window: int) -> None:
        self._window = window
        self._turns: deque[Lane[ItemT]] = deque()  # the lanes that aren't empty
        self.in_flight: int = 0

    def add(self, lane: Lane[ItemT], item: ItemT) -> None:
        """Add a command behind the others of its lane."""
        lane._waiting.append(item)
        if len(lane._waiting) == 1:
            self._turns.append(lane)

    def take(self, may_go: Callable[[ItemT], bool] | None = None) -> ItemT | None:
        """Take the next command, which then is at the server; None if none may go.

        Args:
            may_go: Returns False for a command that has to wait, and with it those behind it in its
                lane. Other lanes go before it, and it keeps its place.
        """
        if not self._turns or self.in_flight >= self._window:
            return None
        if may_go is None:
            lane = self._turns.popleft()
        else:
            lanes = enumerate(self._turns)
            first = next((n for n, each in lanes if may_go(each._waiting[0])), None)
            if first is None:
                return None
            lane = self._turns[first]
            del self._turns[first]
        item = lane._waiting.popleft()
        if lane._waiting:
            self._turns.append(lane)
        self.in_flight += 1
        return item

    def finished(self) -> None:
        """Note that a command that was taken is at the server no more."""
        self.in_flight -= 1

    def remove(self, lane: Lane[ItemT]) -> list[ItemT]:
        """Remove what waits in a lane, and return it."""
        removed = list(lane._waiting)
        if removed:
            self._turns.remove(lane)
            lane._waiting.clear()
        return removed

    def withdraw(self, lane: Lane[ItemT], item: ItemT) -> None:
        """Remove one command that waits in a lane."""
        lane._waiting.remove(item)
        if not lane._waiting:
            self._turns.remove(lane)

    def reset(self) -> None:
        """Note that the server has gone, and with it what was there."""
        self.in_flight = 0
