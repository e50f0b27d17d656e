"""The structure of a JSON text, measured without parsing: brackets, nesting, tokens.

All counting is done by C functions, so it takes little time compared with parsing the text.
"""

import re
from collections.abc import Iterator, Sequence

from qmpeer import limits

_NOT_BRACKETS = bytes(set(range(256)).difference(b"[]{}"))
_ODD_NUMBERS = tuple(
    sign + word for word in (b"inf", b"nan", b"Infinity", b"NaN") for sign in (b"-", b"")
)
_PIECE = 64 * 1024
# Compiled on first use, which is rare: each compiled pattern delays a client's start.
_TOKEN = rb"[\[\]{},:]|[^\[\]{},: \r\n]++"
_CAN_BE_CUT_BEHIND = rb"[^A-Za-z\\-]"
_ESCAPE = rb"\\*+."


def _without_strings(text: bytes | bytearray) -> bytes:
    """Return a well-formed text with each string replaced by 0."""
    # Escaped backslashes go first: any backslash left before a quote then escapes that quote.
    return b"0".join(text.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])


def has_few_tokens(text: bytes | bytearray, openers: int) -> bool:
    """Return True if a text surely has no more tokens than a value may have.

    Args:
        text: The text, well-formed or not.
        openers: The number of opening braces and brackets in it.
    """
    # Every token is one of these, or is next to one; and at most two tokens share one of these.
    structure = 2 * openers + text.count(b",") + text.count(b":")
    return 2 * structure + 1 <= limits.TOKENS


def count_tokens(text: bytes) -> int:
    """Count the tokens of a well-formed text."""
    return sum(1 for _ in re.finditer(_TOKEN, _without_strings(text)))


def is_deeper(text: bytes | bytearray, most: int) -> bool:
    """Return whether a well-formed text has more than `most` levels."""
    if text.count(b"[") + text.count(b"{") <= most:
        return False
    brackets = _without_strings(text).translate(None, _NOT_BRACKETS)
    # Each pass removes the innermost brackets.
    for _ in range(most):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not brackets:
            return False
    return True


class Balance:
    """The number of open braces and brackets in a text that comes in parts."""

    __slots__ = ("_before", "_counted", "_is_in_string", "_open")

    def __init__(self) -> None:
        self._counted = 0  # parts
        self._open = 0
        self._is_in_string = False
        self._before = b""  # a backslash at the end of the counted text

    def is_even(self, parts: Sequence[bytes]) -> bool:
        """Return whether all brackets are closed again. Each part is counted once."""
        for part in parts[self._counted :]:
            text = (self._before + part).replace(b"\\\\", b"").replace(b'\\"', b"")
            self._before = b"\\" if text.endswith(b"\\") else b""
            pieces = text.split(b'"')
            outside = b"".join(pieces[self._is_in_string :: 2])
            self._open += outside.count(b"{") + outside.count(b"[")
            self._open -= outside.count(b"}") + outside.count(b"]")
            self._is_in_string ^= len(pieces) % 2 == 0
        self._counted = len(parts)
        return self._open <= 0 and not self._is_in_string


def may_have_odd_numbers(text: bytes) -> bool:
    """Return whether a text contains something like inf or nan."""
    return any(word in text for word in (b"inf", b"nan", b"Inf", b"NaN"))


def nulls_for_odd_numbers(text: bytes) -> Iterator[bytes]:
    """Yield a text in pieces, with each inf and nan outside of strings replaced by null.

    Spec: QEMU writes such doubles as C does, Python as Infinity and NaN; JSON has neither.
    """
    start, is_in_string = 0, False
    while start < len(text):
        piece = text[start : _cut(text, start + _PIECE)]
        start += len(piece)
        # Control bytes are safe as masks: no well-formed text holds any.
        masked = piece.replace(b"\\\\", b"\x01\x01").replace(b'\\"', b"\x02\x02")
        parts = masked.split(b'"')
        if may_have_odd_numbers(masked) and not _has_masks(piece):
            outside = b'"'.join(parts[is_in_string::2])
            for word in _ODD_NUMBERS:
                outside = outside.replace(word, b"null")
            parts[is_in_string::2] = outside.split(b'"') if parts[is_in_string:] else []
            masked = b'"'.join(parts)
            piece = masked.replace(b"\x01\x01", b"\\\\").replace(b"\x02\x02", b'\\"')
        is_in_string ^= len(parts) % 2 == 0
        yield piece


def _cut(text: bytes, position: int) -> int:
    """Return a position near the given one at which no word and no escape is cut."""
    match = re.compile(_CAN_BE_CUT_BEHIND).search(text, position, position + 32)
    if match is None and text[position - 1 : position] == b"\\":
        match = re.compile(_ESCAPE, re.DOTALL).match(text, position)
    return position if match is None else match.end()


def _has_masks(piece: bytes) -> bool:
    return b"\x01" in piece or b"\x02" in piece
