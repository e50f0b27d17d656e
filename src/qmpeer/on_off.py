"""QEMU's words for a boolean option."""

from collections.abc import Mapping
from typing import Final

__all__ = ["WHOLE_WORDS", "on_or_off"]

WHOLE_WORDS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("on", "yes", "true"), True),
    **dict.fromkeys(("off", "no", "false"), False),
}
"""Those that are no mere letters, which may as well be names."""
_WORDS: Final = {**WHOLE_WORDS, "y": True, "n": False}


def on_or_off(word: str) -> bool | None:
    """Return what a word says; None if it is none of these.

    Spec: QEMU, options and QAPI where it reads key=value.

    Example:
        >>> on_or_off("yes"), on_or_off("off"), on_or_off("On")
        (True, False, None)
    """
    return _WORDS.get(word)
