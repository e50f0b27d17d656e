"""Numbers of examples for properties: few in the tests, many more with ``make fuzz``."""

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import settings

__all__ = ["fuzz_target", "tried"]

_Test = TypeVar("_Test", bound=Callable[..., Any])


def tried(times: float, *, long: float | None = None) -> Callable[[_Test], _Test]:
    """Try a property with more or fewer examples than others.

    Args:
        times: The factor on the profile's number.
        long: The factor in the long profile; None for the same factor.
    """
    count = settings().max_examples
    is_long = count > 1000
    return settings(max_examples=round(count * (long if is_long and long else times)))


fuzz_target = tried(1.5, long=20)
"""Tries a property 150 times, or 100,000 in the long profile."""
