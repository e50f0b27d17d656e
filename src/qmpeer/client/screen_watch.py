"""The condition that ends a wait for the screen, checked picture by picture."""

from collections.abc import Callable
from time import monotonic

from qmpeer.display.pictures import Picture


class ScreenWatch:
    """A condition on successive pictures: it changes from one, then stands still.

    Args:
        since: A former picture, from which the screen must differ; None if it needn't change.
        still: Seconds for which it must not change; None if it needn't stand still.
        region: The part to look at: x, y, width, height; None for the whole screen.
        tolerance: The share of pixels that may change unnoticed.
        clock: A function that returns the time in seconds.

    Raises:
        ValueError: If there is nothing to wait for, or a number is out of range.

    Example:
        >>> black, white, time = Picture(1, 1, bytes(3)), Picture(1, 1, b"abc"), 0.0
        >>> watch = ScreenWatch(black, 2.0, clock=lambda: time)
        >>> watch.is_satisfied_by(black), watch.is_satisfied_by(white)
        (False, False)
        >>> time = 2.0
        >>> watch.is_satisfied_by(white)
        True
    """

    def __init__(
        self,
        since: Picture | None,
        still: float | None,
        region: tuple[int, int, int, int] | None = None,
        tolerance: float = 0.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        if since is None and still is None:
            raise ValueError("found nothing to wait for, expected since, still or both")
        if still is not None and not still > 0:
            raise ValueError(f"found still={still}, expected a positive number of seconds")
        if not 0 <= tolerance < 1:
            raise ValueError(f"found tolerance={tolerance}, expected 0 or more, and less than 1")
        self._still = still
        self._region = region
        self._tolerance = tolerance
        self._clock = clock
        self._mark = None if since is None else self._part(since)
        self._before: Picture | None = None
        self._began = 0.0
        self._difference = 0.0

    def _part(self, picture: Picture) -> Picture:
        return picture if self._region is None else picture.region(*self._region)

    def is_satisfied_by(self, picture: Picture) -> bool:
        """Look at the next picture; return True if it ends the wait.

        Raises:
            ValueError: If the region isn't within the picture.
        """
        part = self._part(picture)
        if self._mark is not None:
            self._difference = part.difference(self._mark)
            if self._difference <= self._tolerance:
                return False
            self._mark = None  # it has changed; what comes after may be the same again
        if self._still is None:
            return True
        now = self._clock()
        # Compared with the picture at the beginning, so that slow changes add up.
        if self._before is not None:
            self._difference = part.difference(self._before)
        if self._before is None or self._difference > self._tolerance:
            self._before, self._began = part, now
        return now - self._began >= self._still

    def late(self, seconds: float) -> str:
        """Describe, after a timeout, what hasn't happened."""
        if self._mark is not None:
            what = "the screen didn't change"
        else:
            what = f"the screen didn't stand still for {self._still:g} s"
        return (
            f"{what} within {seconds:.4g} s; a share of {self._difference:.3g} of its pixels "
            f"differed in the last picture (tolerance {self._tolerance:.3g})"
        )
