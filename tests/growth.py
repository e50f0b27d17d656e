"""The growth of a cost with its size, in CPU time, so other processes don't count."""

import gc
import time
from collections.abc import Callable

__all__ = ["assert_linear", "assert_linear_time", "cpu_time", "is_linear"]

RATIO = 8
"""The ratio of the large case to the small one."""
MOST = 24
"""The highest allowed ratio of their costs; quadratic growth would give 64."""
LEAST_SECONDS = 0.005
"""The least cost of the small case; less is mostly noise."""


def assert_linear(run: Callable[[int], object], size: int) -> None:
    """Check that a run of this size costs about eight times as much as a run of an eighth.

    Args:
        run: A function that does the work for a size.
        size: The large size; the work for its square must take seconds.
    """
    assert_linear_time(lambda size: cpu_time(lambda: run(size)), size)


def assert_linear_time(seconds: Callable[[int], float], size: int) -> None:
    """Check the same for a part of a run.

    Args:
        seconds: Does the work for a size, and returns the CPU time of the part that counts.
        size: The large size.
    """
    small, spent = _measure(seconds, size)
    assert spent <= MOST * small, f"size / {RATIO} took {small:.3f} s, size took {spent:.3f} s"


def is_linear(seconds: Callable[[int], float], size: int) -> bool:
    """Return True if `assert_linear_time` passes."""
    small, spent = _measure(seconds, size)
    return spent <= MOST * small


def _measure(seconds: Callable[[int], float], size: int) -> tuple[float, float]:
    """Return the cost of the small case, the median of three, and the cost of the large one."""
    small = max(LEAST_SECONDS, sorted(seconds(size // RATIO) for _ in range(3))[1])
    spent = seconds(size)
    for _ in range(2):
        if spent > MOST * small:  # another load may have disturbed it
            spent = min(spent, seconds(size))
    return small, spent


def cpu_time(call: Callable[[], object]) -> float:
    """Return the CPU seconds of a call in this process.

    The garbage collector looks only at what the call makes: a full collection of all that the test
    process holds takes longer than the call. What has been frozen stays so, because collecting it
    again before each call would take as long.
    """
    gc.collect()
    gc.freeze()
    begin = time.process_time()
    call()
    return time.process_time() - begin
