"""Text for people, laid out for the width, the encoding and the colours of an output."""

from collections.abc import Sequence
from typing import Final

from qmpeer.display.colours import PLAIN, Palette
from qmpeer.display.safe_text import columns, cut, for_encoding, visible

ENDLESS: Final = 1_000_000
"""The width of an output that is no terminal, where nothing is cut."""
_NARROWEST: Final = 20
_GAP: Final = "  "
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


class Layout:
    """The width, the encoding and the colours for which text is laid out.

    Args:
        width: The columns of a line.
        encoding: The name of the output's encoding.
        palette: The output's colours.

    Attributes:
        width: The columns of a line, at least 20.
        encoding: The name of the output's encoding.
        palette: The output's colours.
    """

    def __init__(
        self, width: int = ENDLESS, encoding: str = "utf-8", palette: Palette = PLAIN
    ) -> None:
        self.width: int = max(width, _NARROWEST)
        self.encoding: str = encoding
        self.palette: Palette = palette

    def encoded(self, text: str) -> str:
        """Return a text with replacements for characters that the output's encoding lacks."""
        try:
            text.encode(self.encoding)
        except (UnicodeError, LookupError):
            # Our own signs have readable replacements; all other characters become escapes.
            return for_encoding(text.replace("…", "~").replace("×", "x"), self.encoding)
        return text

    def fitted(self, text: str) -> str:
        """Return a text as one line that fits the width and can't steer a terminal."""
        return cut(visible(text), self.width)

    def section(self, title: str, rows: Sequence[Sequence[str]], indent: int) -> list[str]:
        """Return lines with a title on the left and, beside it, rows with aligned columns.

        Args:
            title: The title of the rows; it may be empty.
            rows: The cells of each row; they may contain any characters.
            indent: The columns kept for the title.
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
    """Return rows of equal length, with empty cells for measuring the widths of columns.

    The last cell of a short row becomes empty, too: it may reach into the columns to its right,
    so it doesn't widen its own.
    """
    most = max(map(len, rows), default=0)
    return [
        [row[n] if n < len(row) - 1 or n == most - 1 < len(row) else "" for n in range(most)]
        for row in rows
    ]


def size_text(size: object) -> str:
    """Format a number of bytes for people; return "" for anything but a number.

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
    """Format a number of bytes per second for people.

    Example:
        >>> rate_text(2048.0)
        '2 KiB/s'
    """
    return f"{size_text(rate)}/s"
