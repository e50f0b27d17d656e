"""Text for people: in the width, the encoding and the colours that an output has."""

from collections.abc import Sequence
from typing import Final

from qmpeer.display.colours import PLAIN, Palette
from qmpeer.display.safe_text import columns, cut, for_encoding, visible

ENDLESS: Final = 1_000_000
"""Columns of an output that is no terminal: nothing is cut there."""
_NARROWEST: Final = 20
_GAP: Final = "  "
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


class Page:
    """What lines for people are laid out for.

    Args:
        width: Columns of a line.
        encoding: The name of the output's encoding.
        palette: The colours that it has.

    Attributes:
        width: Columns of a line.
        encoding: The name of the output's encoding.
        palette: The colours that it has.
    """

    def __init__(
        self, width: int = ENDLESS, encoding: str = "utf-8", palette: Palette = PLAIN
    ) -> None:
        self.width: int = max(width, _NARROWEST)
        self.encoding: str = encoding
        self.palette: Palette = palette

    def encoded(self, text: str) -> str:
        """Return a text in letters that the output has."""
        try:
            text.encode(self.encoding)
        except (UnicodeError, LookupError):
            return for_encoding(text.replace("…", "~").replace("×", "x"), self.encoding)
        return text

    def fitted(self, text: str) -> str:
        """Return a text of any letters as one line that fits."""
        return cut(visible(text), self.width)

    def section(self, title: str, rows: Sequence[Sequence[str]], indent: int) -> list[str]:
        """Return lines: a title, and beside it rows whose columns stand below one another.

        Args:
            title: What the rows are about; it may be empty.
            rows: Texts, of any letters.
            indent: Columns of the title.
        """
        safe = [[visible(cell) for cell in row] for row in rows]
        widths = [max(map(columns, column)) for column in zip(*_even(safe), strict=True)]
        lines: list[str] = []
        for row in safe:
            last = len(row) - 1
            cells = (
                cell if n == last else cell + " " * (widths[n] - columns(cell))
                for n, cell in enumerate(row)
            )
            text = cut(_GAP.join(cells).rstrip(), max(self.width - indent, 4))
            head = "" if lines else title
            blank = " " * max(indent - columns(head), 1 if head else 0)
            lines.append(f"{self.palette.paint('heading', head)}{blank}{text}".rstrip())
        return lines


def _even(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Fill up short rows; a cell that has none behind it takes no part in its column's width."""
    most = max(map(len, rows), default=0)
    return [
        [row[n] if n < len(row) - 1 or n == most - 1 < len(row) else "" for n in range(most)]
        for row in rows
    ]


def size_text(size: object) -> str:
    """Return a number of bytes for people; "" if it is none.

    Example:
        >>> size_text(65536), size_text(1_500_000_000), size_text(0), size_text(None)
        ('64 KiB', '1.4 GiB', '0 B', '')
    """
    if not isinstance(size, int | float) or isinstance(size, bool):
        return ""
    value, unit = float(size), 0
    while abs(value) >= 1024 and unit < len(_UNITS) - 1:
        value /= 1024
        unit += 1
    digits = 0 if value == int(value) or value >= 100 or not unit else 1
    return f"{value:.{digits}f} {_UNITS[unit]}"


def rate_text(rate: float) -> str:
    """Return a number of bytes a second for people.

    Example:
        >>> rate_text(2048.0)
        '2 KiB/s'
    """
    return f"{size_text(rate)}/s"
