"""The times at which a client's delayed messages leave, without a clock of its own."""

import heapq
from collections.abc import Sequence
from typing import Final, TypeAlias

from qmpeer.messages import CommandMessage
from qmpeer.replay.conversations import RecordedEvent, RecordedReply, Step

RECORDED: Final = "recorded"
NO_DELAYS: Final = "none"

Delays: TypeAlias = str | float
"""The rule for delays: "none", "recorded", or the seconds before each event."""


class Schedule:
    """Steps that wait for their time.

    With recorded delays, each step comes as long after the one before it as in the recording. With
    a number, an event comes so many seconds after the step before it, and a reply at once. Replies
    to in-band commands keep the order of the commands, whatever their delays.

    Args:
        delays: The rule.
    """

    __slots__ = ("_delays", "_heap", "_last_reply", "_number")

    def __init__(self, delays: Delays) -> None:
        self._delays = delays
        self._heap: list[tuple[float, int, Step, CommandMessage | None]] = []
        self._number = 0
        self._last_reply = 0.0

    def add(
        self, steps: Sequence[Step], to: CommandMessage | None, now: float, *, is_oob: bool = False
    ) -> None:
        """Schedule the steps that answer a command; `to` is returned with each."""
        due = now
        for step in steps:
            due += self._delay(step)
            if isinstance(step, RecordedReply) and not is_oob:
                due = self._last_reply = max(due, self._last_reply)
            self._number += 1
            heapq.heappush(self._heap, (due, self._number, step, to))

    def _delay(self, step: Step) -> float:
        if self._delays == RECORDED:
            return step.delay
        if isinstance(self._delays, str) or not isinstance(step, RecordedEvent):
            return 0.0
        return self._delays

    def due(self, now: float) -> list[tuple[Step, CommandMessage | None]]:
        """Remove the steps whose time has come, and return them in order."""
        found = []
        while self._heap and self._heap[0][0] <= now:
            _, _, step, to = heapq.heappop(self._heap)
            found.append((step, to))
        return found

    @property
    def next_due(self) -> float | None:
        """The time of the next step; None if none waits."""
        return self._heap[0][0] if self._heap else None
