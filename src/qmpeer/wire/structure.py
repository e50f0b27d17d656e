"""What a JSON text shows of its structure without being read: brackets, nesting, tokens.

All of it is counted by C, so that it costs little beside reading the text.
"""

import re

from qmpeer import limits

__all__ = ["count_tokens", "has_few_tokens", "is_deeper"]

_NOT_BRACKETS = bytes(set(range(256)).difference(b"[]{}"))
# Compiled where it is needed first, which is seldom: a client's start waits for each.
_TOKEN = rb"[\[\]{},:]|[^\[\]{},: \r\n]++"


def _without_strings(text: bytes | bytearray) -> bytes:
    """Return a well-formed text with 0 for each string."""
    return b"0".join(text.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])


def has_few_tokens(text: bytes | bytearray, openers: int) -> bool:
    """Tell whether a text can't have more tokens than one value may, whatever is in its strings.

    Args:
        text: Well-formed or not.
        openers: How many braces and brackets are opened in it.
    """
    # Every token is one of these, or stands next to one that it shares with one other at the most.
    structure = 2 * openers + text.count(b",") + text.count(b":")
    return 2 * structure + 1 <= limits.TOKENS


def count_tokens(text: bytes) -> int:
    """Count the tokens of a well-formed text."""
    return sum(1 for _ in re.finditer(_TOKEN, _without_strings(text)))


def is_deeper(text: bytes | bytearray, most: int) -> bool:
    """Tell whether a well-formed text is nested deeper."""
    if text.count(b"[") + text.count(b"{") <= most:
        return False
    brackets = _without_strings(text).translate(None, _NOT_BRACKETS)
    for _ in range(most):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not brackets:
            return False
    return True
