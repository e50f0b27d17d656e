"""Limits made small, with the inputs that fill them, and how long those take to be read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import process_time
from typing import Final, TypeVar

import pytest

from qmpeer import limits

__all__ = ["check_growth", "smaller_limits", "with_limits"]

SIZES: Final = (
    "ANSWER_VALUES",
    "SCHEMA_DEFINITIONS",
    "SCHEMA_FILE_SIZE",
    "SCHEMA_MEMBERS",
    "SCHEMA_SIZE",
    "SCHEMA_VALUES",
)
SMALL: Final = 64
GROWTH: Final = 8
NOTHING: Final = 0.02
"""Seconds of CPU time that are too few to tell anything."""
ATTEMPTS: Final = 4

T = TypeVar("T")


def with_limits(text: str) -> str:
    """Return a text with the limits in the places that bear their names."""
    return text.format_map(vars(limits))


@contextmanager
def smaller_limits(divisor: int) -> Iterator[None]:
    """Divide every limit of a schema's size."""
    with pytest.MonkeyPatch.context() as patch:
        for name in SIZES:
            patch.setattr(limits, name, getattr(limits, name) // divisor)
        yield


def check_growth(make: Callable[[], T], read: Callable[[T], None]) -> None:
    """Check that an input takes time in proportion to its size, not to its square.

    Args:
        make: Makes an input of the size that the limits have.
        read: Reads it.
    """
    ratio = 0.0
    for _ in range(ATTEMPTS):  # others use the same caches
        before, after = (_seconds(make, read, divisor) for divisor in (SMALL, SMALL // GROWTH))
        if after < NOTHING or (ratio := after / before) < 1.5 * GROWTH:
            return
    raise AssertionError(f"an input {GROWTH} times as large takes {ratio:.1f} times as long")


def _seconds(make: Callable[[], T], read: Callable[[T], None], divisor: int) -> float:
    with smaller_limits(divisor):
        made = make()
        start = process_time()
        read(made)
        return process_time() - start
