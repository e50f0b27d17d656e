"""QEMU's words for a boolean option."""

from typing import Final

__all__ = ["on_or_off"]

_WORDS: Final = {
    **dict.fromkeys(("on", "yes", "true", "y"), True),
    **dict.fromkeys(("off", "no", "false", "n"), False),
}


def on_or_off(word: str) -> bool | None:
    """Return what a word says; None if it is none of these.

    Spec: QEMU, options and QAPI where it reads key=value.

    Example:
        >>> on_or_off("yes"), on_or_off("off"), on_or_off("On")
        (True, False, None)
    """
    return _WORDS.get(word)
