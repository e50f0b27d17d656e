"""How long a client waits between two attempts to connect anew."""

from qmpeer import limits
from qmpeer.client.timeouts import Countdown
from qmpeer.errors import ConnectionClosed


class Patience:
    """How long is waited for the next attempt to connect anew, and when that is given up.

    Args:
        seconds: From the first attempt to the last; None never gives up.

    Attributes:
        countdown: Counts them.

    Example:
        >>> patience = Patience(60.0)
        >>> [patience.next_delay() for _ in range(8)]
        [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    """

    __slots__ = ("_delay", "countdown")

    def __init__(self, seconds: float | None) -> None:
        self.countdown: Countdown = Countdown(seconds)
        self._delay = limits.RECONNECT_DELAY

    def next_delay(self) -> float:
        """Return the seconds until the next attempt."""
        delay = self.countdown.remaining(self._delay)
        assert delay is not None
        self._delay = min(2 * self._delay, limits.RECONNECT_DELAY_MOST)
        return delay

    def exhausted(self, error: Exception) -> ConnectionClosed:
        """Return the end of a client that has given up, for what the last attempt met with."""
        closed = ConnectionClosed(
            f"the connection was lost, and not made anew in {self.countdown.timeout} s: {error}"
        )
        closed.__cause__ = error
        return closed
