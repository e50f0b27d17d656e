"""Warnings of what a later release may no longer have, each given once."""

import functools
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

__all__ = ["deprecated", "warn_once"]

_given: Final[set[str]] = set()


def warn_once(text: str, *, stacklevel: int) -> None:
    """Give a DeprecationWarning, unless the same was given before."""
    if text not in _given:
        _given.add(text)
        warnings.warn(text, DeprecationWarning, stacklevel=stacklevel)


if TYPE_CHECKING:
    from typing_extensions import deprecated  # type checkers have it without its being installed
else:

    def deprecated(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Mark a function as deprecated: its first call gives a warning."""

        def mark(function: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(function)
            def call(*args: Any, **kwargs: Any) -> Any:
                warn_once(text, stacklevel=3)
                return function(*args, **kwargs)

            call.__deprecated__ = text
            return call

        return mark
