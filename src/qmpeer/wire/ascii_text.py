r"""JSON text converted from UTF-8 to QEMU's form: ASCII, with upper-case digits in ``\uXXXX``.

Python code never handles single characters: each step is one pass of C over the whole text, and
Python's "backslashreplace" does most of the work. Control bytes, which JSON text never holds,
protect text from a step: 01 replaces a literal backslash, 02 to 07 replace the letters a to f. So
the only letters a to f left are digits of new escapes.

Characters past U+FFFF are written as surrogates, which no codec escapes one by one. So their first
digit D is replaced by another one, which no other character of the text has, and is restored in the
escapes.
"""

import re
from re import Match

_BACKSLASH = b"\x01"
_MASK = bytes.maketrans(b"abcdef", b"\x02\x03\x04\x05\x06\x07")
_UNMASK = bytes.maketrans(b"\x02\x03\x04\x05\x06\x07abcdef", b"abcdefABCDEF")
_LOWER = tuple(b"\\u%04x" % code for code in (0x0B, 0x0E, 0x0F, *range(0x1A, 0x20)))
_SURROGATES = bytes(range(0xD8, 0xE0))
"""The high bytes of surrogates."""
_PLACES = tuple(
    (digit, bytes(range(16 * digit, 16 * digit + 16)))
    for digit in (*range(15, 13, -1), *range(12, 0, -1))
)
"""The first digits of code points, except 0 and D, with all high bytes that begin with them."""
_PAST_16_BITS = "[\U00010000-\U0010ffff]+"


def to_ascii(text: bytes) -> bytes:
    """Return a JSON text with everything escaped that isn't printable ASCII.

    Args:
        text: The text as msgspec writes it; its tokens may be separated by line feeds.
    """
    has_backslash = b"\\" in text
    if has_backslash:
        text = text.replace(b"\\\\", _BACKSLASH)
        if b"\\u00" in text:
            for escape in _LOWER:
                text = text.replace(escape, b"\\u" + escape[2:].upper())
    if not text.isascii():
        text = _escaped(text.translate(_MASK).decode()).translate(_UNMASK)
    if has_backslash:
        text = text.replace(_BACKSLASH, b"\\\\")
    return text.replace(b"\x7f", b"\\u007F")


def _escaped(text: str) -> bytes:
    """Escape a text. Digits are upper-case only in escapes that are final."""
    units = text.encode("utf-16-le")
    if len(units) == 2 * len(text):
        return _lower_escapes(text)
    high = units[1::2]
    for digit, row in _PLACES:
        if len(high.translate(None, row)) == len(high):
            moved = bytearray(units)
            moved[1::2] = high.translate(bytes.maketrans(_SURROGATES, row[8:]))
            escaped = _lower_escapes(moved.decode("utf-16-le"))
            return escaped.replace(b"\\u%x" % digit, b"\\uD")
    return _lower_escapes(re.sub(_PAST_16_BITS, _pairs, text))  # the text uses all first digits


def _lower_escapes(text: str) -> bytes:
    return text.encode("ascii", "backslashreplace").replace(b"\\x", b"\\u00")


def _pairs(match: Match[str]) -> str:
    return "\\u" + match[0].encode("utf-16-be").hex("\\", 2).replace("\\", "\\u")
