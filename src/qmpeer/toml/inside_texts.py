"""The place of a character inside a text, as it stands in the file: with quotes and escapes.

Spec: TOML 1.0, "String".
"""

from collections.abc import Iterator
from typing import Final

_LONG_ESCAPES: Final = {"u": 6, "U": 10, "x": 4}


def place_inside(source: str, offset: int) -> tuple[int, int]:
    r"""Return where a character of a text is in the text's source.

    Args:
        source: The file from the opening quote on; what follows the text may be there, too.
        offset: The number of characters of the value before that one.

    Returns:
        The lines before it, and the characters before it in its line, both counted in `source`.

    Example:
        >>> place_inside("'abc'", 1)
        (0, 2)
        >>> place_inside('"a\\tb"', 2)
        (0, 4)
    """
    at = next(
        (start for number, start in enumerate(_characters(source)) if number == offset), len(source)
    )
    before = source[:at]
    return before.count("\n"), len(before.rpartition("\n")[2])


def _characters(source: str) -> Iterator[int]:
    """Give where each character of the value begins, and where the text ends."""
    quote = source[:1]
    is_long = source[:3] == quote * 3
    end = quote * 3 if is_long else quote
    at = len(end)
    if is_long:
        at += 2 if source.startswith("\r\n", at) else source.startswith("\n", at)
    while at < len(source) and not source.startswith(end, at):
        step = 2 if source.startswith("\r\n", at) else 1
        if quote == '"' and source[at] == "\\":
            escape = source[at + 1 : at + 2]
            if escape.isspace():  # a line that goes on below, without its blanks
                rest = source[at + 1 :].lstrip()
                at = len(source) - len(rest)
                continue
            step = _LONG_ESCAPES.get(escape, 2)
        yield at
        at += step
    yield at
