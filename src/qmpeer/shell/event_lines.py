"""Events as lines above the prompt: which ones, and no more than a person can follow."""

import re
from datetime import datetime

from qmpeer import display, limits
from qmpeer.display.colours import PLAIN, Palette
from qmpeer.display.safe_text import cut, visible
from qmpeer.messages import Event


class EventFilter:
    """Decide which events are shown: all, none, or those whose line a pattern is found in.

    Attributes:
        is_on: Some are.
        pattern: The pattern; None for all.
    """

    def __init__(self, *, is_on: bool = True) -> None:
        self.is_on: bool = is_on
        self.pattern: re.Pattern[str] | None = None

    def set(self, word: str) -> None:
        """Set it to on, off, or a regular expression.

        Raises:
            re.error: If it is none.
        """
        if word in ("on", "off"):
            self.is_on, self.pattern = word == "on", None
        else:
            self.pattern = re.compile(word)
            self.is_on = True

    def takes(self, event: Event) -> bool:
        """Return whether an event is shown."""
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
    """Let through as many as can be read in a period, and count the others.

    Time comes in as an argument.

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
        """Return whether one more may be shown."""
        if now - self._begin >= self._period:
            self._begin, self._count = now, 0
        self._count += 1
        if self._count <= self._limit:
            return True
        self.omitted += 1
        return False

    def take_omitted(self) -> int:
        """Return how many were left out since this was last asked."""
        count, self.omitted = self.omitted, 0
        return count


def event_line(event: Event, palette: Palette = PLAIN) -> str:
    """Return an event as one line: when it was made, its name, its data."""
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
    except (OverflowError, OSError, ValueError):  # no server's clock is like this
        return f"{seconds}.{microseconds:06d}"[:30]
