"""The escapes by which a line of printable ASCII holds any bytes."""

import re
from re import Match
from typing import Final

_ESCAPE: Final = re.compile(rb"\\x([0-9a-f]{2})")
_TO_ESCAPE: Final = re.compile(rb"[^\x20-\x7e]|\\(?=x[0-9a-f]{2})|\\\Z| \Z")

_LAST: Final = ("\\", " ")


def escaped(data: bytes) -> str:
    r"""Return bytes as printable ASCII, with neither a blank nor a backslash at its end.

    Example:
        >>> escaped(b"\xff ")
        '\\xff\\x20'
    """
    if data.isascii():
        text = data.decode("ascii")
        if text.isprintable() and text[-1:] not in _LAST and "\\x" not in text:
            return text
    return _TO_ESCAPE.sub(_escape, data).decode("ascii")


def _escape(match: Match[bytes]) -> bytes:
    return b"\\x%02x" % match[0][0]


def unescaped(text: bytes) -> bytes:
    """Return the bytes that a text stands for."""
    return _ESCAPE.sub(_byte, text) if b"\\x" in text else text


def _byte(match: Match[bytes]) -> bytes:
    return bytes((int(match[1], 16),))
