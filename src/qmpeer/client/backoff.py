"""The delays between a client's attempts to reconnect."""

from qmpeer import limits
from qmpeer.client.timeouts import Countdown
from qmpeer.errors import ConnectionClosed


class Backoff:
    """Exponential back-off between attempts to reconnect, with a deadline.

    Args:
        seconds: The time to keep trying; None never gives up.

    Attributes:
        countdown: The deadline for the last attempt.

    Example:
        >>> backoff = Backoff(60.0)
        >>> [backoff.next_delay() for _ in range(8)]
        [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    """

    __slots__ = ("_delay", "countdown")

    def __init__(self, seconds: float | None) -> None:
        self.countdown: Countdown = Countdown(seconds)
        self._delay = limits.RECONNECT_DELAY

    def next_delay(self) -> float:
        """Return the seconds to wait before the next attempt."""
        delay = self.countdown.remaining(self._delay)
        assert delay is not None
        self._delay = min(2 * self._delay, limits.RECONNECT_DELAY_MOST)
        return delay

    def exhausted(self, error: Exception) -> ConnectionClosed:
        """Return the error that ends a client after its last attempt failed with `error`."""
        closed = ConnectionClosed(
            f"the connection was lost, and not made anew in {self.countdown.timeout} s: {error}"
        )
        closed.__cause__ = error
        return closed
