"""The characters of a line: escapes for bytes, and blanks for the controls in a text."""

import re
from re import Match
from typing import Final

_ESCAPE: Final = re.compile(rb"\\x([0-9a-f]{2})")
_TO_ESCAPE: Final = re.compile(rb"[^\x20-\x7e]|\\(?=x[0-9a-f]{2})|\\\Z| \Z")

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
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


def without_controls(text: str) -> str:
    """Return a text for people with a blank in place of control characters and line ends."""
    return text if text.isprintable() else _CONTROLS.sub(" ", text)
