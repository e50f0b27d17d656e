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
    """The queue of all clients' in-band commands, and the count of those at the server.

    Args:
        window: The commands that may be at the server at once, at least 1.

    Attributes:
        in_flight: The commands that are at the server.

    Example:
        >>> multiplexer = Multiplexer[str](window=2)
        >>> multiplexer.open()
        >>> greedy, modest = Lane[str](), Lane[str]()
        >>> [multiplexer.add(greedy, item) for item in ("a1", "a2", "a3", "a4")]
        [True, True, False, False]
        >>> multiplexer.add(modest, "b1")
        False
        >>> multiplexer.finished()
        >>> multiplexer.finished()
        >>> multiplexer.take(), multiplexer.take(), multiplexer.take()
        ('a3', 'b1', None)
    """

    __slots__ = ("_is_held", "_is_open", "_turns", "_window", "in_flight")

    def __init__(self, window: int) -> None:
        self._window = window
        self._is_open = False
        self._is_held: Callable[[ItemT], bool] | None = None
        self._turns: deque[Lane[ItemT]] = deque()  # the lanes that aren't empty
        self.in_flight: int = 0

    def add(self, lane: Lane[ItemT], item: ItemT) -> bool:
        """Add a command.

        Returns:
            True if it is at the server now, because no other waits and there is room. False if it
            waits, behind the others of its lane.
        """
        has_room = self._is_open and not self._turns and self.in_flight < self._window
        if has_room and (self._is_held is None or not self._is_held(item)):
            self.in_flight += 1
            return True
        lane._waiting.append(item)
        if len(lane._waiting) == 1:
            self._turns.append(lane)
        return False

    def hold_back(self, is_held: Callable[[ItemT], bool] | None) -> None:
        """Let no command go for which a function returns True, and none behind it in its lane.

        Commands of other lanes go before it, and it keeps its place. None lets all go again.
        """
        self._is_held = is_held

    @property
    def is_holding(self) -> bool:
        """True if commands are held back: then one that is added may have to be taken at once."""
        return self._is_held is not None

    def take(self) -> ItemT | None:
        """Take the next command, which then is at the server; None if none may go."""
        if not self._turns or not self._is_open or self.in_flight >= self._window:
            return None
        if (is_held := self._is_held) is None:
            lane = self._turns.popleft()
        else:
            lanes = enumerate(self._turns)
            first = next((n for n, each in lanes if not is_held(each._waiting[0])), None)
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
        """Note that a command is at the server no more."""
        if self._is_open:  # the end of a server has ended them all
            self.in_flight -= 1

    def remove(self, lane: Lane[ItemT]) -> list[ItemT]:
        """Remove what waits in a lane, and return it."""
        removed = list(lane._waiting)
        if removed:
            self._turns.remove(lane)
            lane._waiting.clear()
        return removed

    def withdraw(self, lane: Lane[ItemT], item: ItemT) -> None:
        """Remove one command, if it waits in a lane."""
        if item in lane._waiting:
            lane._waiting.remove(item)
            if not lane._waiting:
                self._turns.remove(lane)

    def open(self) -> None:
        """Note that there is a server; until then everything waits."""
        self._is_open = True

    def close(self) -> None:
        """Note that the server has gone, and with it what was there."""
        self._is_open = False
        self._is_held = None
        self.in_flight = 0
