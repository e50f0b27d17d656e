"""Text that can't steer a terminal, whoever sent it."""

import re
from typing import Final

from qmpeer.values import JsonValue

__all__ = ["columns", "cut", "for_encoding", "one_line", "visible", "visible_lines"]

_NEWLINES: Final = re.compile(r"\r+\n")


def visible(text: str) -> str:
    r"""Return a text with what isn't printable as an escape.

    Example:
        >>> visible("a\x1b[2Jb\x9bé")
        'a\\u001b[2Jb\\u009bé'
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def visible_lines(text: str) -> str:
    """Return a text of several lines with what isn't printable, but newlines and tabs, escaped."""
    text = _NEWLINES.sub("\n", text).replace("\t", "        ")
    return "\n".join(map(visible, text.split("\n")))


def _escaped(char: str) -> str:
    code = ord(char)
    if code > 0xFFFF:
        code -= 0x10000
        return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
    return f"\\u{code:04x}"


def columns(text: str) -> int:
    """Return how many columns a visible text takes on a terminal."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(
        0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text
    )


def cut(text: str, width: int) -> str:
    """Return a visible text, cut to so many columns with a sign that it was.

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


def for_encoding(text: str, encoding: str | None) -> str:
    """Return a text as an output with such an encoding can take it."""
    name = encoding or "utf-8"
    try:
        return text.encode(name, "backslashreplace").decode(name)
    except LookupError:
        return text.encode("ascii", "backslashreplace").decode("ascii")


def one_line(value: JsonValue) -> str:
    """Return a value as JSON on one line, fit for a terminal."""
    import json

    try:
        return visible(json.dumps(value, ensure_ascii=False))
    except RecursionError:
        from qmpeer.wire import encode_line

        return encode_line(value).decode("ascii").rstrip()
