"""Colours, for terminals that have them and users who want them."""

from collections.abc import Mapping
from typing import Final


class Palette:
    """The colours of the kinds of text, as terminal sequences (SGR).

    Args:
        codes: The numbers of the sequences by kind; without them, text stays as it is.
    """

    def __init__(self, codes: Mapping[str, str]) -> None:
        self._codes = dict(codes)

    @property
    def is_coloured(self) -> bool:
        """True if there are colours."""
        return bool(self._codes)

    def paint(self, kind: str, text: str) -> str:
        """Return a text in the colour of a kind."""
        code = self._codes.get(kind)
        return f"\x1b[{code}m{text}\x1b[0m" if code and text else text


PLAIN: Final = Palette({})
"""The palette without colours."""
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
"""A palette of the sixteen colours that every terminal has; the user's theme sets their shades."""


def palette_for(is_terminal: bool, environment: Mapping[str, str]) -> Palette:
    """Return the palette for an output: no colours outside terminals, or if NO_COLOR is set."""
    if not is_terminal or environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return PLAIN
    return TERMINAL
