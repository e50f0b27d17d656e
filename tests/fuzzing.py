"""How often the fuzz targets are tried: shortly in the tests, 100,000 times by ``make fuzz``."""

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import settings

__all__ = ["fuzz_target"]

_Test = TypeVar("_Test", bound=Callable[..., Any])


def fuzz_target(test: _Test) -> _Test:
    """Try a property 150 times, or 100,000 in the long profile."""
    is_long = settings().max_examples > 1000
    return settings(max_examples=100_000 if is_long else 150)(test)
