"""Procedure deadlines that a test holds back until everything before them has happened."""

import pytest

from qmpeer.client.timeouts import Countdown
from tests.patience import PATIENCE

__all__ = ["Hourglass"]


class Hourglass:
    """A replacement for the countdowns of a client's procedures, which a test starts one by one.

    They are started in the order in which they were made. A started one counts from the time when
    it was made, so it may be over at once; its procedure notices that at the next event.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._made: list[Countdown] = []
        self._let_go = 0
        make, remaining = Countdown.__init__, Countdown.remaining
        is_over = Countdown.__dict__["is_over"].__get__

        def note(countdown: Countdown, timeout: float | None) -> None:
            make(countdown, timeout)
            self._made.append(countdown)

        def held_remaining(countdown: Countdown, at_most: float | None = None) -> float | None:
            if self._is_held(countdown):
                return PATIENCE if at_most is None else at_most
            return remaining(countdown, at_most)

        def held_is_over(countdown: Countdown) -> bool:
            return not self._is_held(countdown) and bool(is_over(countdown))

        monkeypatch.setattr(Countdown, "__init__", note)
        monkeypatch.setattr(Countdown, "remaining", held_remaining)
        monkeypatch.setattr(Countdown, "is_over", property(held_is_over))

    def let_go(self) -> None:
        """Start the next countdown."""
        self._let_go += 1

    def _is_held(self, countdown: Countdown) -> bool:
        return not any(each is countdown for each in self._made[: self._let_go])
