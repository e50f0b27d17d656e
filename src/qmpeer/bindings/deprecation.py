"""Deprecation warnings, each given once."""

import functools
import sys
import warnings
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

__all__ = ["deprecated", "warn_once"]

_ROOM: Final = __name__.rpartition(".")[0]
_given: Final[set[str]] = set()


def warn_once(text: str, *, calls: int) -> None:
    """Give a DeprecationWarning, unless the same one was given before.

    It points to the line that uses the deprecated item: by default, Python only shows warnings of
    lines in the main program.

    Args:
        text: The warning.
        calls: The number of calls between that line and this package; 1 for a generated function.
    """
    if text in _given:
        return
    _given.add(text)
    frame: FrameType | None = sys._getframe()
    level = 1
    # Skip the frames of this package, then the generated function's frame, as often as `calls`
    # says.
    for further in range(calls, -1, -1):
        while frame is not None and frame.f_globals.get("__name__", "").startswith(_ROOM):
            frame, level = frame.f_back, level + 1
        if further and frame is not None:
            frame, level = frame.f_back, level + 1
    warnings.warn(text, DeprecationWarning, stacklevel=level)


if TYPE_CHECKING:
    from typing_extensions import deprecated  # type checkers know it even if it isn't installed
else:

    def deprecated(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Mark a function as deprecated: its first call gives a warning."""

        def mark(function: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(function)
            def call(*args: Any, **kwargs: Any) -> Any:
                warn_once(text, calls=0)
                return function(*args, **kwargs)

            call.__deprecated__ = text
            return call

        return mark
