"""The output of one direction: bytes and marks in order, sent when they are due.

Each byte stays behind all bytes that came before it. What delays one delays all that follow.
A mark is a fault that happens when everything before it has been sent. Bytes that a fault adds are
made while they are sent, so a flood of a gigabyte takes no memory.
"""

from collections import deque
from math import inf, nextafter
from typing import TypeAlias

import msgspec

from qmpeer import limits
from qmpeer.faults.rule import Rule


class Bytes(msgspec.Struct):
    """Bytes to send at a time or later, with their descriptors."""

    data: bytes
    fds: tuple[int, ...] = ()
    due: float = -inf


class Filler(msgspec.Struct):
    """Bytes that a fault adds: a head, and one piece again and again.

    Attributes:
        head: The first bytes.
        piece: The bytes that follow, repeated; not empty if there are any.
        left: How many bytes of the repeated ones are still to send.
    """

    head: bytes
    piece: bytes
    left: int

    def take(self) -> bytes:
        """Return the next bytes, whole pieces where it can."""
        if self.head:
            data, self.head = self.head, b""
            return data
        repeated = max(1, limits.FAULT_PIECE // len(self.piece)) * self.piece
        data = repeated[: self.left]
        self.left -= len(data)
        return data

    @property
    def is_over(self) -> bool:
        """True if all of it was taken."""
        return not (self.head or self.left)


class Mark(msgspec.Struct, frozen=True):
    """A fault that happens when everything before it has been sent."""

    rule: Rule


class EndOfPace(msgspec.Struct, frozen=True):
    """The end of the bytes that are sent slowly or in slices."""


class Moment(msgspec.Struct, frozen=True):
    """A moment for which a fault has waited: a message has been sent.

    Attributes:
        rule: The fault.
        lacks_line_end: True if the message's line hasn't ended.
    """

    rule: Rule
    lacks_line_end: bool = False


class End(msgspec.Struct, frozen=True):
    """The end of this direction."""


Item: TypeAlias = Bytes | Filler | Mark | EndOfPace | Moment | End


class Pace(msgspec.Struct, frozen=True):
    """Pieces of so many bytes, with so many seconds in between, or at so many bytes a second."""

    size: int
    pause: float


class Output:
    """The output of one direction.

    Attributes:
        size: The number of bytes that wait; added bytes don't count.
        is_paused: True while the receiver takes no more.
        is_ended: True once nothing more is sent.
    """

    __slots__ = ("_items", "_pace", "_ready", "is_ended", "is_paused", "size")

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._ready = -inf  # nothing is sent earlier
        self._pace: Pace | None = None
        self.size: int = 0
        self.is_paused: bool = False
        self.is_ended: bool = False

    def put(self, item: Item) -> None:
        """Add an item behind all others."""
        if isinstance(item, Bytes):
            self.size += len(item.data)
        self._items.append(item)

    def put_first(self, item: Item) -> None:
        """Add an item before all others."""
        self._items.appendleft(item)

    def hold(self, until: float) -> None:
        """Send nothing until a time; inf for ever."""
        self._ready = max(self._ready, until)

    def release(self) -> None:
        """End what `hold` has begun."""
        self._ready = -inf

    def is_held(self, now: float) -> bool:
        """Return True if nothing is sent at a time because of `hold`."""
        return self._ready > now

    def set_pace(self, pace: Pace | None) -> None:
        """Send the following bytes in pieces, or as they come."""
        self._pace = pace

    def end(self) -> tuple[int, ...]:
        """Send nothing any longer; return the descriptors that were to be sent."""
        fds = tuple(fd for item in self._items if isinstance(item, Bytes) for fd in item.fds)
        self._items.clear()
        self.size = 0
        self.is_ended = True
        return fds

    @property
    def count(self) -> int:
        """The number of items that wait."""
        return len(self._items)

    @property
    def next_due(self) -> float:
        """The time at which `take` has something; inf if only another call can change that."""
        if not self._items or self.is_paused:
            return inf
        first = self._items[0]
        return max(self._ready, first.due) if isinstance(first, Bytes) else self._ready

    def take(self, now: float) -> Item | None:
        """Return the next item that is due, or None.

        Bytes that are due together are one item, if they have no descriptors and no pace.
        """
        if self.next_due > now:
            return None
        first = self._items[0]
        if isinstance(first, Filler):
            item = Bytes(first.take())
            if first.is_over:
                self._items.popleft()
            if self._pace is not None or not first.is_over:
                self._wait_behind(item, now)
            return item
        if not isinstance(first, Bytes):
            return self._items.popleft()
        if self._pace is not None:
            return self._take_slice(first, self._pace, now)
        self._items.popleft()
        pieces = [first.data]
        while self._items and not first.fds:
            following = self._items[0]
            if not isinstance(following, Bytes) or following.fds or following.due > now:
                break
            pieces.append(following.data)
            self._items.popleft()
        data = b"".join(pieces) if len(pieces) > 1 else first.data
        self.size -= len(data)
        return Bytes(data, first.fds)

    def take_mark(self, now: float) -> Item | None:
        """Return the next item if it is due and a fault rather than bytes, or None."""
        is_mark = bool(self._items) and isinstance(self._items[0], Mark | Moment | EndOfPace)
        return self.take(now) if is_mark else None

    def _take_slice(self, first: Bytes, pace: Pace, now: float) -> Bytes:
        piece = Bytes(first.data[: pace.size], first.fds)
        first.data, first.fds = first.data[pace.size :], ()
        if not first.data:
            self._items.popleft()
        self.size -= len(piece.data)
        self._wait_behind(piece, now)
        return piece

    def _wait_behind(self, piece: Bytes, now: float) -> None:
        """Wait after a piece, at least for a turn: others want to be served in between."""
        pace = self._pace
        pause = 0.0 if pace is None else pace.pause * max(1, len(piece.data) / pace.size)
        self.hold(nextafter(now + pause, inf))
