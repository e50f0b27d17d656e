"""The widths of characters, for which prompt_toolkit imports wcwidth, which can wait.

The import is a fifteenth of the time to the prompt, and the width of ASCII is known. What stands in
for it imports it when the first other character is shown.
"""

import contextlib
import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any, Final

__all__ = ["late_widths"]

_NAME: Final = "wcwidth"


class _StandIn(ModuleType):
    """Be wcwidth as far as its one function goes; for all else hand out what it has itself."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what the import system asks for
            raise AttributeError(name)
        if sys.modules.get(_NAME) is self:
            del sys.modules[_NAME]
        return getattr(import_module(_NAME), name)

    @staticmethod
    def wcwidth(char: str) -> int:
        """Return how many columns a character takes."""
        if " " <= char <= "~":
            return 1
        width: int = import_module(_NAME).wcwidth(char)
        return width


@contextlib.contextmanager
def late_widths() -> Iterator[None]:
    """Let what is imported in this block have a stand-in for wcwidth."""
    if _NAME in sys.modules:
        yield
        return
    stand_in = _StandIn(_NAME)
    sys.modules[_NAME] = stand_in
    try:
        yield
    finally:
        if sys.modules.get(_NAME) is stand_in:
            del sys.modules[_NAME]
