"""Reduced limits, inputs that reach them, and a check of the time to read these."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import pytest

from qmpeer import limits
from tests.growth import RATIO, assert_linear_time, cpu_time

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
"""What the limits are divided by for the small input."""

T = TypeVar("T")


def with_limits(text: str) -> str:
    """Return a text with the names of limits replaced by their values."""
    return text.format_map(vars(limits))


@contextmanager
def smaller_limits(divisor: int) -> Iterator[None]:
    """Divide every limit of a schema's size."""
    with pytest.MonkeyPatch.context() as patch:
        for name in SIZES:
            patch.setattr(limits, name, getattr(limits, name) // divisor)
        yield


def check_growth(make: Callable[[], T], read: Callable[[T], None]) -> None:
    """Check that reading an input takes time in proportion to its size, not to its square.

    Args:
        make: A function that makes an input of the limits' size.
        read: A function that reads it.
    """

    def seconds(size: int) -> float:
        with smaller_limits(SMALL // size):
            made = make()
            return cpu_time(lambda: read(made))

    assert_linear_time(seconds, RATIO)
