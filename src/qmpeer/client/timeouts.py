"""How a call says that its deadline is the connection's own."""

from typing import Final, TypeAlias

__all__ = ["DEFAULT", "Default", "Timeout"]


class Default:
    """Stands for a timeout that wasn't given."""

    def __repr__(self) -> str:
        return "the connection's own"


DEFAULT: Final = Default()
Timeout: TypeAlias = float | Default | None
"""Seconds, None for ever, or the connection's own."""
