"""Edits of one raw message; all bytes that an edit isn't about stay as they are."""

import re
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(
    rb"[{}\[\],:]"
    rb'|"[^"\\]*+(?:\\.[^"\\]*+)*"?'
    rb"|'[^'\\]*+(?:\\.[^'\\]*+)*'?",
    re.DOTALL,
)
_BLANKS: Final = b" \t\r\n"


class _Member(NamedTuple):
    start: int
    """The position of its name."""
    value: int
    """The position of its value."""
    end: int
    """The position behind its value."""


def with_id(raw: bytes, id: bytes | None) -> bytes:
    """Return a message with another id, or without one.

    Args:
        raw: The message, an object.
        id: The id as JSON; None for none.

    Example:
        >>> with_id(b'{"return": {}, "id": 7}', b'8'), with_id(b'{"id": 7,"return": {}}', None)
        (b'{"return": {}, "id": 8}', b'{"return": {}}')
    """
    found = _find_member(raw, b"id")
    if found is None:
        end = raw.rfind(b"}")
        return raw if id is None or end < 0 else raw[:end] + b', "id": ' + id + raw[end:]
    if id is not None:
        return raw[: found.value] + id + raw[found.end :]
    before, behind = raw[: found.start], raw[found.end :]
    if behind.lstrip(_BLANKS)[:1] == b",":
        behind = behind.lstrip(_BLANKS)[1:].lstrip(_BLANKS)
    elif before.rstrip(_BLANKS)[-1:] == b",":
        before = before.rstrip(_BLANKS)[:-1]
    return before + behind


def with_invalid_utf8(raw: bytes, byte: int | None) -> bytes:
    """Return a message with bytes that aren't UTF-8, at a byte or in its first string."""
    if byte is None:
        byte = raw.find(b'"') + 1
    return raw[:byte] + b"\xc3\x28\xfe" + raw[byte:]


def _find_member(raw: bytes, name: bytes) -> _Member | None:
    """Return the place of a member of the outermost object."""
    depth = start = value = 0
    key = b""
    for match in _TOKEN.finditer(raw):
        token = match.group()
        if token in (b"{", b"["):
            depth += 1
            if depth == 1:
                start = match.end()
        elif depth == 1 and token in (b",", b"}"):
            if value and key == name:
                return _trimmed(raw, start, value, match.start())
            start, value, key = match.end(), 0, b""
            depth -= token == b"}"
        elif token in (b"}", b"]"):
            depth -= 1
        elif depth == 1 and token == b":" and not value:
            value = match.end()
            key = raw[start : match.start()].strip(_BLANKS)[1:-1]
    return None


def _trimmed(raw: bytes, start: int, value: int, end: int) -> _Member:
    while raw[start : start + 1] in (b" ", b"\t", b"\r", b"\n"):
        start += 1
    while raw[value : value + 1] in (b" ", b"\t", b"\r", b"\n"):
        value += 1
    while raw[end - 1 : end] in (b" ", b"\t", b"\r", b"\n"):
        end -= 1
    return _Member(start, value, end)
