"""Text from unknown senders, made safe: control characters become visible escapes."""

import re
from collections.abc import Iterator
from typing import Final
from unicodedata import combining, east_asian_width

_NEWLINES: Final = re.compile(r"\r+\n")
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_WORD: Final = re.compile(r" *(?:\[[^\]]{1,30}\]|[^ ])+")
"""A word with the blanks before it; text in square brackets counts as one word."""


def visible(text: str) -> str:
    r"""Return a text with every character that isn't printable as an escape.

    Example:
        >>> visible("a\x1b[2Jb\x9bé")
        'a\\u001b[2Jb\\u009bé'
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def visible_lines(text: str) -> str:
    """Return a text of several lines with unprintable characters escaped; tabs become blanks."""
    text = _NEWLINES.sub("\n", text).replace("\t", "        ")
    return "\n".join(map(visible, text.split("\n")))


def _escaped(char: str) -> str:
    code = ord(char)
    if code > 0xFFFF:  # two surrogates, as JSON writes it
        code -= 0x10000
        return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
    return f"\\u{code:04x}"


def columns(text: str) -> int:
    """Return the number of columns that a visible text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text
    )


def cut(text: str, width: int) -> str:
    """Return a visible text that takes at most so many columns; "…" marks where it was cut.

    Example:
        >>> cut("0123456789", 5)
        '0123…'
    """
    if columns(text) <= width:
        return text
    kept, room = [], max(width - 1, 0)
    for char in text:
        room -= columns(char)
        if room < 0:
            break
        kept.append(char)
    return "".join(kept) + "…"


def wrapped(line: str, width: int) -> Iterator[str]:
    """Break a visible line, coloured or not, at blanks; indent all parts but the first.

    Example:
        >>> list(wrapped("set [timing on|off] [pager on|off]", 24))
        ['set [timing on|off]', '    [pager on|off]']
    """
    indent = " " * min(len(line) - len(line.lstrip(" ")) + 4, width // 2)
    row = ""
    for word in _WORD.findall(line):
        if row and columns(_COLOUR.sub("", row + word)) > width:
            yield row
            row = indent + word.lstrip(" ")
        else:
            row += word
    yield row


def for_encoding(text: str, encoding: str | None) -> str:
    """Return a text with escapes for characters that an encoding lacks."""
    name = encoding or "utf-8"
    try:
        return text.encode(name, "backslashreplace").decode(name)
    except LookupError:
        return text.encode("ascii", "backslashreplace").decode("ascii")
