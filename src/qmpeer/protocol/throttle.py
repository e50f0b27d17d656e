"""The rate limit of events. The caller passes the time in.

The first event of a kind is sent at once and starts a period. Events within the period replace one
another. The last of them is sent when the period ends, with its own time stamp, and starts the next
period. After a period without an event the limit is off. All connections share one state.

Spec: QEMU 7.2: one second, for seven events. Some are limited per value of one member.
"""

from typing import Any

from qmpeer import limits
from qmpeer.values import JsonObject

THROTTLED_EVENTS: dict[str, str | None] = {
    "RTC_CHANGE": None,
    "WATCHDOG": None,
    "BALLOON_CHANGE": None,
    "QUORUM_REPORT_BAD": "node-name",
    "QUORUM_FAILURE": None,
    "VSERPORT_CHANGE": "id",
    "MEMORY_DEVICE_SIZE_CHANGE": "qom-path",
}
"""Each limited event, and the member of its data that distinguishes kinds."""

_Held = tuple[str, JsonObject | None, Any]


class Throttle:
    """The rate limiter of one server's events.

    Args:
        period: Seconds between two events of one kind.
        events: The table; by default QEMU's.
    """

    __slots__ = ("_events", "_period", "_state")

    def __init__(
        self,
        period: float = limits.THROTTLE_PERIOD,
        events: dict[str, str | None] | None = None,
    ) -> None:
        self._period = period
        self._events = THROTTLED_EVENTS if events is None else events
        self._state: dict[tuple[str, str], tuple[float, _Held | None]] = {}

    def passes(self, name: str, data: JsonObject | None, stamped: Any, now: float) -> bool:
        """Return whether to send an event at once. If not, it is kept for `due`.

        Args:
            name: The event's name.
            data: Its data, or at least the member that distinguishes kinds.
            stamped: Its time stamp, or any value to keep with it.
            now: Seconds of a monotonic clock.
        """
        if name not in self._events:
            return True
        member = self._events[name]
        kind = (name, str((data or {}).get(member, "")) if member else "")
        state = self._state.get(kind)
        if state is None:
            if len(self._state) < limits.THROTTLE_KEYS:
                self._state[kind] = (now + self._period, None)
            return True
        self._state[kind] = (state[0], (name, data, stamped))
        return False

    @property
    def next_due(self) -> float | None:
        """The time of the next call to `due`, by the clock of ``now``; None if nothing is kept."""
        return min((end for end, _ in self._state.values()), default=None)

    def due(self, now: float) -> list[_Held]:
        """Return the kept events whose period has ended, each as it was given to `passes`."""
        events: list[_Held] = []
        for kind, (end, held) in list(self._state.items()):
            if end > now:
                continue
            if held is None:
                del self._state[kind]
            else:
                events.append(held)
                self._state[kind] = (now + self._period, None)
        return events
