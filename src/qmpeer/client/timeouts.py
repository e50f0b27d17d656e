"""Deadlines: of one reply or event, and of a whole procedure."""

from collections.abc import Callable
from time import monotonic
from typing import Final, TypeAlias

from qmpeer import limits


class Default:
    """The type of `DEFAULT`, the value of a timeout that wasn't given."""

    def __repr__(self) -> str:
        return "the connection's own"


DEFAULT: Final = Default()
Timeout: TypeAlias = float | Default | None
"""Seconds, None to wait for ever, or `DEFAULT` for the connection's own timeout."""


class Deadline:
    """The end of one wait, on the monotonic clock.

    Attributes:
        timeout: The timeout in seconds; None waits for ever.
        end: The time at which the wait ends; None is never.
    """

    __slots__ = ("end", "timeout")

    def __init__(self, timeout: float | None) -> None:
        self.timeout: float | None = timeout
        self.end: float | None = None if timeout is None else monotonic() + timeout

    def remaining(self) -> float | None:
        """Return the seconds left, negative after the deadline; None if there is no deadline."""
        return None if self.end is None else self.end - monotonic()


class Countdown:
    """The deadline of a procedure of several commands and waits.

    Args:
        timeout: Seconds; None waits for ever.
        clock: A function that returns the time in seconds.

    Example:
        >>> time = 0.0
        >>> countdown = Countdown(10.0, lambda: time)
        >>> time = 4.0
        >>> countdown.remaining(), countdown.remaining(2.0), countdown.is_over
        (6.0, 2.0, False)
    """

    __slots__ = ("_clock", "_end", "timeout")

    def __init__(self, timeout: float | None, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._end = None if timeout is None else clock() + timeout
        self.timeout: float | None = timeout

    def remaining(self, at_most: float | None = None) -> float | None:
        """Return the seconds left, from 0 to `at_most`; None if neither limits the wait."""
        if self._end is None:
            return at_most
        left = max(0.0, self._end - self._clock())
        return left if at_most is None else min(left, at_most)

    @property
    def is_over(self) -> bool:
        """True if the time has run out. Timers fire slightly early, which is allowed for."""
        return self._end is not None and self._clock() >= self._end - limits.TIMER_EARLINESS
