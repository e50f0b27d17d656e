"""Colours, where the terminal has them and the user wants them."""

from collections.abc import Mapping
from typing import Final


class Palette:
    """The sequences that begin each kind of text, and the one that ends all.

    Args:
        codes: The numbers of SGR sequences by their kinds; none leaves texts as they are.
    """

    def __init__(self, codes: Mapping[str, str]) -> None:
        self._codes = dict(codes)

    @property
    def is_coloured(self) -> bool:
        """There are colours."""
        return bool(self._codes)

    def paint(self, kind: str, text: str) -> str:
        """Return a text in the colour of a kind."""
        code = self._codes.get(kind)
        return f"\x1b[{code}m{text}\x1b[0m" if code and text else text


PLAIN: Final = Palette({})
"""No colours."""
TERMINAL: Final = Palette(
    {
        "name": "34",
        "string": "32",
        "number": "36",
        "constant": "35",
        "event": "33;1",
        "time": "2",
        "error": "31;1",
        "hint": "33",
        "note": "2",
        "heading": "1",
    }
)
"""The sixteen colours that every terminal has, in its own shades."""


def palette_for(is_terminal: bool, environment: Mapping[str, str]) -> Palette:
    """Return the colours for an output: none if it is no terminal, or NO_COLOR says so."""
    if not is_terminal or environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return PLAIN
    return TERMINAL
