"""Events as lines above the prompt, filtered, and limited to a rate that a person can follow."""

import re
from datetime import datetime

from qmpeer import display, limits
from qmpeer.display.colours import PLAIN, Palette
from qmpeer.display.safe_text import cut, visible
from qmpeer.messages import Event


class EventFilter:
    """A filter for events: all, none, or those whose line matches a pattern.

    Attributes:
        is_on: True if the filter lets events through.
        pattern: A regular expression, searched for in the line; None for all events.
    """

    def __init__(self, *, is_on: bool = True) -> None:
        self.is_on: bool = is_on
        self.pattern: re.Pattern[str] | None = None

    def set(self, word: str) -> None:
        """Set the filter: "on", "off", or a regular expression.

        Raises:
            re.error: If the expression is invalid.
        """
        if word in ("on", "off"):
            self.is_on, self.pattern = word == "on", None
        else:
            self.pattern = re.compile(word)
            self.is_on = True

    def takes(self, event: Event) -> bool:
        """Return whether the filter lets an event through."""
        if not self.is_on:
            return False
        if self.pattern is None:
            return True
        text = f"{event.name} {display.one_line(event.data) if event.data else ''}"
        return self.pattern.search(text[: limits.SHELL_EVENT_TEXT]) is not None

    def __str__(self) -> str:
        if not self.is_on:
            return "off"
        return "on" if self.pattern is None else f"those that match {self.pattern.pattern}"


class EventRateLimit:
    """A limit of events in each period, with a count of those beyond it.

    The caller passes the time.

    Example:
        >>> rate_limit = EventRateLimit(2, 1.0)
        >>> [rate_limit.take(0.1 * n) for n in range(4)], rate_limit.omitted
        ([True, True, False, False], 2)
        >>> rate_limit.take(1.5)
        True
    """

    def __init__(
        self,
        limit: int = limits.SHELL_EVENT_LINES,
        period: float = limits.SHELL_EVENT_PERIOD,
    ) -> None:
        self._limit = limit
        self._period = period
        self._begin = float("-inf")
        self._count = 0
        self.omitted: int = 0

    def take(self, now: float) -> bool:
        """Count an event, and return whether it may be shown."""
        if now - self._begin >= self._period:
            self._begin, self._count = now, 0
        self._count += 1
        if self._count <= self._limit:
            return True
        self.omitted += 1
        return False

    def take_omitted(self) -> int:
        """Return the number of events left out since the last call."""
        count, self.omitted = self.omitted, 0
        return count


def event_line(event: Event, palette: Palette = PLAIN) -> str:
    """Return an event as one line: time, name and data."""
    when = ""
    if event.timestamp is not None and event.timestamp.seconds >= 0:
        when = _time(event.timestamp.seconds, event.timestamp.microseconds)
    data = display.one_line(event.data) if event.data else ""
    parts = (
        palette.paint("time", when),
        palette.paint("event", visible(event.name[: limits.SHELL_EVENT_TEXT])),
        cut(data, limits.SHELL_EVENT_TEXT),
    )
    return " ".join(part for part in parts if part)


def _time(seconds: int, microseconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds):%H:%M:%S}.{microseconds // 1000:03d}"
    except (OverflowError, OSError, ValueError):  # e.g. beyond the year 9999
        return f"{seconds}.{microseconds:06d}"[:30]
