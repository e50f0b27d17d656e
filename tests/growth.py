"""Checks of how CPU time grows with size; the load of other processes doesn't count."""

import time
from collections.abc import Callable

__all__ = ["assert_linear", "assert_linear_time", "cpu_time", "is_linear"]

RATIO = 8
"""The size of the large case in units of the small one."""
MOST = 24
"""The most that its cost may be, in units of the small one; quadratic cost would be 64."""
LEAST_SECONDS = 0.005
"""The least cost assumed for the small case, in seconds; less is mostly noise."""


def assert_linear(run: Callable[[int], object], size: int) -> None:
    """Check that a run of this size costs about eight times as much as one of an eighth.

    Args:
        run: A function that does the work for a size.
        size: The large size; the work for its square must take seconds.
    """
    assert_linear_time(lambda size: cpu_time(lambda: run(size)), size)


def assert_linear_time(seconds: Callable[[int], float], size: int) -> None:
    """Check the same where only part of a run counts.

    Args:
        seconds: A function that does the work for a size, and returns the CPU time that counts.
        size: The large size.
    """
    small, spent = _measure(seconds, size)
    assert spent <= MOST * small, f"size / {RATIO} took {small:.3f} s, size took {spent:.3f} s"


def is_linear(seconds: Callable[[int], float], size: int) -> bool:
    """Return whether the cost grows linearly, as `assert_linear_time` checks."""
    small, spent = _measure(seconds, size)
    return spent <= MOST * small


def _measure(seconds: Callable[[int], float], size: int) -> tuple[float, float]:
    """Return the cost of the small case, the median of three, and that of the large case."""
    small = max(LEAST_SECONDS, sorted(seconds(size // RATIO) for _ in range(3))[1])
    spent = seconds(size)
    for _ in range(2):
        if spent > MOST * small:  # another process got in the way
            spent = min(spent, seconds(size))
    return small, spent


def cpu_time(call: Callable[[], object]) -> float:
    """Return the CPU seconds of a call in this process."""
    begin = time.process_time()
    call()
    return time.process_time() - begin
