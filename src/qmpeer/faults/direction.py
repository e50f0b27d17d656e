"""One direction of a connection: its bytes cut into messages, and put into its output.

Messages are held back until they are whole only while a fault waits for one. Otherwise their bytes
pass at once, and the direction only follows where one ends: an event can be inserted there.
"""

from collections.abc import Sequence
from enum import Enum
from math import inf

from qmpeer import limits
from qmpeer.faults.cutter import ValueCutter
from qmpeer.faults.output import Bytes, Item, Mark, Output, Pace
from qmpeer.faults.rule import Rule
from qmpeer.transcript.entries import Sender

_ITEM_SIZE = 256
"""About the bytes of memory that a piece of output takes, besides its own."""
HOLDING = frozenset(("coalesce", "delay", "drip", "slices", "stall"))
"""The faults that hold bytes back."""
COALESCE = 0.05
"""The default time of coalesce."""


class Mode(Enum):
    """The ways of a message that is coming in."""

    HOLD = "held back until it is whole"
    WATCH = "passed on at once, and kept until it is known"
    PASS = "passed on at once"


class Direction:
    """The bytes of one side.

    Attributes:
        sender: The side.
        output: Its output.
        cutter: Cuts its bytes into messages; None if no fault is about messages.
        mode: What happens to the message that is coming in.
        count: The number of whole messages so far.
        parts: The bytes of the message that is coming in, unless it only passes.
        size: The number of these bytes.
        fds: Descriptors that came with them.
        has_passed: True while a part of a message has been passed on and its end is to come.
        lacks_line_end: True if a message has ended, but its line hasn't.
        is_swallowing: True if the next line end belongs to a message that is lost or held back.
        waiting: What is to be inserted when the message that is passing has ended.
        overtaken: The message that the next one is to overtake.
        overtaken_until: The time until which it waits.
        stalled_until: The time until which the side isn't read.
        is_reading_paused: True if the shell was told not to read.
        pace: The pace of all bytes.
    """

    def __init__(self, sender: Sender, *, cuts: bool) -> None:
        self.sender: Sender = sender
        self.output: Output = Output()
        self.cutter: ValueCutter | None = ValueCutter() if cuts else None
        self.mode: Mode = Mode.PASS
        self.count: int = 0
        self.parts: list[bytes] = []
        self.size: int = 0
        self.fds: tuple[int, ...] = ()
        self.has_passed: bool = False
        self.lacks_line_end: bool = False
        self.is_swallowing: bool = False
        self.waiting: list[Item] = []
        self.overtaken: list[Item] = []
        self.overtaken_until: float = inf
        self.stalled_until: float = 0.0
        self.is_reading_paused: bool = False
        self.pace: Pace | None = None
        self._byte_rules: list[tuple[int, Rule]] = []
        self._delays: list[Rule] = []
        self._window = 0.0
        self._last_due = -inf

    @property
    def held(self) -> int:
        """The number of bytes that are held back."""
        overtaken = sum(len(item.data) for item in self.overtaken if isinstance(item, Bytes))
        return self.output.size + self.size + overtaken

    def add_delay(self, rule: Rule) -> None:
        """Delay all bytes from now on."""
        self._delays.append(rule)

    def wait_for_byte(self, byte: int, rule: Rule) -> None:
        """Let a fault happen when so many bytes more have passed."""
        self._byte_rules.append((byte, rule))
        self._byte_rules.sort(key=lambda entry: entry[0])

    def forget(self, rule: Rule) -> None:
        """End what a fault does to the bytes from now on, and what it holds back."""
        self._delays = [each for each in self._delays if each is not rule]
        self._byte_rules = [each for each in self._byte_rules if each[1] is not rule]
        if rule.word in ("drip", "slices"):
            self.pace = None
            self.output.set_pace(None)
        if rule.word in HOLDING:
            self.stalled_until = 0.0
            self.output.release()

    def put(self, data: bytes, now: float, fds: tuple[int, ...] = ()) -> None:
        """Put bytes into the output, with the faults at their bytes."""
        at = 0
        while self._byte_rules and self._byte_rules[0][0] <= len(data):
            byte, rule = self._byte_rules.pop(0)
            if byte > at:
                self._put(data[at:byte], now, fds)
                at, fds = byte, ()
            self.output.put(Mark(rule))
        if self._byte_rules:
            self._byte_rules = [(byte - len(data), rule) for byte, rule in self._byte_rules]
        if at < len(data) or fds:
            self._put(data[at:] if at else data, now, fds)

    def put_all(self, items: Sequence[Item], now: float) -> None:
        """Put items into the output, bytes with the faults at them."""
        for item in items:
            if isinstance(item, Bytes):
                self.put(item.data, now, item.fds)
            else:
                self.output.put(item)

    def insert(self, items: Sequence[Item], now: float) -> None:
        """Put something between two messages, as soon as there is a place."""
        if self.has_passed:
            if len(self.waiting) < limits.FAULTS_WAITING:
                self.waiting += items
            return
        if self.lacks_line_end:
            # The line's own end, which is still to come, goes away.
            self.put(self.sender.line_end, now)
            self.lacks_line_end, self.is_swallowing = False, True
        self.put_all(items, now)

    def insert_line_end(self, now: float) -> None:
        """End the line of a message that was inserted without one."""
        self.put(self.sender.line_end, now)

    def end_line(self, line_end: bytes, now: float) -> None:
        """End the line of a message; if the end isn't there yet, it will come as a gap."""
        self.lacks_line_end = not line_end
        if line_end:
            self.put(line_end, now)

    def lose_line(self, line_end: bytes) -> None:
        """Lose the end of a line together with its message."""
        self.lacks_line_end, self.is_swallowing = False, not line_end

    def insert_waiting(self, now: float) -> None:
        """Insert what has waited for the end of a message."""
        waiting, self.waiting = self.waiting, []
        if waiting:
            self.insert(waiting, now)

    def take_message(self) -> tuple[bytes, tuple[int, ...]]:
        """Return the kept message, with its descriptors."""
        raw = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        fds, self.fds = self.fds, ()
        self.parts, self.size = [], 0
        return raw, fds

    def take_overtaken(self) -> list[Item]:
        """Return the message that was held back to be overtaken."""
        items, self.overtaken = self.overtaken, []
        self.overtaken_until = inf
        return items

    def after_lost_line(self, gap: bytes) -> bytes:
        """Return the rest of a gap behind the line end that goes away."""
        if not self.is_swallowing:
            return gap
        end = gap.find(b"\n") + 1
        if not end:
            return b""
        self.is_swallowing = False
        return gap[end:]

    @property
    def is_full(self) -> bool:
        """True if the sender isn't to be read: too much is held back."""
        most = limits.FAULT_HELD // 4 if self.is_reading_paused else limits.FAULT_HELD
        return self.output.size + _ITEM_SIZE * self.output.count > most

    def _put(self, data: bytes, now: float, fds: tuple[int, ...]) -> None:
        self.output.put(Bytes(data, fds, self._due(now) if self._delays else -inf))

    def _due(self, now: float) -> float:
        """Return the time at which bytes that come now are sent; it never goes back."""
        due = now
        for rule in self._delays:
            seconds = rule.fault.number("seconds", COALESCE)
            if rule.word == "coalesce":
                if self._window <= now:
                    self._window = now + seconds
                due = max(due, self._window)
            else:
                due += jittered(rule)
        self._last_due = max(self._last_due, due)
        return self._last_due


def jittered(rule: Rule) -> float:
    """Return the seconds of a delay, with its jitter."""
    seconds, jitter = rule.fault.number("seconds", COALESCE), rule.fault.number("jitter")
    return max(0.0, seconds + (rule.random.uniform(-jitter, jitter) if jitter else 0.0))
