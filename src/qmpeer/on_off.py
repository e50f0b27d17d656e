"""QEMU's words for a boolean option."""

from collections.abc import Mapping
from typing import Final

__all__ = ["WHOLE_WORDS", "on_or_off"]

WHOLE_WORDS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("on", "yes", "true"), True),
    **dict.fromkeys(("off", "no", "false"), False),
}
"""Words of more than one letter. A single letter may just as well be a name."""
_WORDS: Final = {**WHOLE_WORDS, "y": True, "n": False}


def on_or_off(word: str) -> bool | None:
    """Return the boolean that a word stands for; None if it stands for none.

    Spec: QEMU's options, and QAPI values in key=value syntax.

    Example:
        >>> on_or_off("yes"), on_or_off("off"), on_or_off("On")
        (True, False, None)
    """
    return _WORDS.get(word)
