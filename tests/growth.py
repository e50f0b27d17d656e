"""How the cost of something grows with its size, in CPU time: other processes don't count."""

import time
from collections.abc import Callable

__all__ = ["assert_linear", "assert_linear_time", "cpu_time", "is_linear"]

RATIO = 8
"""How much larger the large case is than the small one."""
MOST = 24
"""How much dearer it may be: the square would be 64 times."""
LEAST_SECONDS = 0.005
"""What the small case counts at least; less is mostly noise."""


def assert_linear(run: Callable[[int], object], size: int) -> None:
    """Check that a run of this size costs about eight times as much as one of an eighth.

    Args:
        run: Does the work for a size.
        size: The large size; the work for its square must take seconds.
    """
    assert_linear_time(lambda size: cpu_time(lambda: run(size)), size)


def assert_linear_time(seconds: Callable[[int], float], size: int) -> None:
    """Check the same where not all of a run counts.

    Args:
        seconds: Does the work for a size, and returns the CPU time of what counts.
        size: The large size.
    """
    small, spent = _measure(seconds, size)
    assert spent <= MOST * small, f"size / {RATIO} took {small:.3f} s, size took {spent:.3f} s"


def is_linear(seconds: Callable[[int], float], size: int) -> bool:
    """Return what `assert_linear_time` checks."""
    small, spent = _measure(seconds, size)
    return spent <= MOST * small


def _measure(seconds: Callable[[int], float], size: int) -> tuple[float, float]:
    """Return what the small case counts, the middle one of three, and what the large one takes."""
    small = max(LEAST_SECONDS, sorted(seconds(size // RATIO) for _ in range(3))[1])
    spent = seconds(size)
    for _ in range(2):
        if spent > MOST * small:  # something else was in the way
            spent = min(spent, seconds(size))
    return small, spent


def cpu_time(call: Callable[[], object]) -> float:
    """Return the seconds that the processor needed for a call, in this process."""
    begin = time.process_time()
    call()
    return time.process_time() - begin
