r"""The writer: JSON values out, in the form that QEMU gives them.

One value a line in pure ASCII, a space behind each comma and colon, upper-case digits in
``\uXXXX``, CR LF at the end; or pretty, four spaces a level, where empty containers take two
lines.
[Members leave in the order in which they came; QEMU's is that of its hash tables. Floats are
written as short as they read back the same. Infinity and NaN, which JSON can't say, leave as null:
QEMU writes inf.]
"""

import re
from collections.abc import Iterator
from re import Match

import msgspec

from qmpeer.values import JsonValue

__all__ = ["encode_compact", "encode_line", "encode_pretty"]

_encode = msgspec.json.Encoder().encode
_format = msgspec.json.format
# Compiled where they are needed first, which is seldom: a client's start waits for each.
_TO_ESCAPE = r"[\x7f-\U0010ffff]|\\\\|\\u[0-9a-f]{4}"
_EMPTY = rb"[\[{](?=[\]}],?(?:\n|\Z))"
_LONE_SURROGATE = "[\ud800-\udfff]"
_OPENERS, _CLOSERS = frozenset("[{"), frozenset("]}")


def encode_compact(value: JsonValue) -> bytes:
    """Return the shortest JSON text of a value, in UTF-8 and without a line's end.

    Spec: QEMU reads one byte at a time, so each one that isn't sent is time saved.

    Raises:
        TypeError: If there is something in it that JSON can't hold.
    """
    try:
        return _encode(value)
    except (RecursionError, UnicodeEncodeError):
        return "".join(_walk(value, ",", ":")).encode()


def encode_line(value: JsonValue) -> bytes:
    """Return a value as QEMU writes it, one line with CR LF at its end.

    Raises:
        TypeError: If there is something in it that JSON can't hold.
    """
    try:
        text = _format(_encode(value), indent=0)
    except (RecursionError, UnicodeEncodeError):
        text = "".join(_walk(value, ", ", ": ")).encode()
    if not text.isascii() or b"\x7f" in text or b"\\u00" in text:
        text = _to_ascii(text)
    return text + b"\r\n"


def encode_pretty(value: JsonValue) -> bytes:
    """Return a value as QEMU's pretty monitors write it, each line ended by CR LF.

    Raises:
        TypeError: If there is something in it that JSON can't hold.
    """
    try:
        text = _format(_encode(value), indent=4)
    except (RecursionError, UnicodeEncodeError):
        text = _indented(value)
    # Only a container's own brackets can end a line: a string ends with its quote.
    text = re.sub(_EMPTY, _opened, text)
    if not text.isascii() or b"\x7f" in text or b"\\u00" in text:
        text = _to_ascii(text)
    return text.replace(b"\n", b"\r\n") + b"\r\n"


def _opened(match: Match[bytes]) -> bytes:
    """Return an empty container's opener and what comes before its closer on a line of its own."""
    text, end = match.string, match.end()
    start = text.rfind(b"\n", 0, end) + 1
    line = text[start:end]
    return match[0] + b"\n" + b" " * (len(line) - len(line.lstrip(b" ")))


def _indented(value: JsonValue) -> bytes:
    pieces: list[str] = []
    level = 0
    for piece in _walk(value, ",", ": "):
        if piece in _CLOSERS:
            level -= 1
            if pieces[-1] in _OPENERS:
                pieces.append(piece)
                continue
        if pieces and (piece in _CLOSERS or pieces[-1] == "," or pieces[-1] in _OPENERS):
            pieces.append("\n" + "    " * level)
        if piece in _OPENERS:
            level += 1
        pieces.append(piece)
    return "".join(pieces).encode()


def _to_ascii(text: bytes) -> bytes:
    return re.sub(_TO_ESCAPE, _escape, text.decode()).encode("ascii")


def _escape(match: Match[str]) -> str:
    found = match[0]
    if found == "\\\\":
        return found
    if found[0] == "\\":
        return "\\u" + found[2:].upper()
    code = ord(found)
    if code > 0xFFFF:
        code -= 0x10000
        return f"\\u{0xD800 | code >> 10:04X}\\u{0xDC00 | code & 0x3FF:04X}"
    return f"\\u{code:04X}"


def _walk(value: JsonValue, comma: str, colon: str) -> Iterator[str]:
    """Give a value's text piece by piece, by a stack of our own: safe at any nesting."""
    stack: list[tuple[Iterator[object], str]] = []
    pending: object = value
    while True:
        if isinstance(pending, (dict, list, tuple)):
            is_object = isinstance(pending, dict)
            yield "{" if is_object else "["
            items = iter(pending.items() if isinstance(pending, dict) else pending)
            stack.append((items, "}" if is_object else "]"))
            is_first = True
        else:
            yield _scalar(pending)
            is_first = False
        while stack:
            items, end = stack[-1]
            try:
                pending = next(items)
            except StopIteration:
                yield end
                stack.pop()
                is_first = False
                continue
            if not is_first:
                yield comma
            if end == "}":
                assert isinstance(pending, tuple)  # the items of a dict are pairs
                yield _key(pending[0]) + colon
                pending = pending[1]
            break
        else:
            return


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a member's name must be a str, not {type(key).__name__}")
    return _scalar(key)


def _scalar(value: object) -> str:
    if isinstance(value, str):
        value = re.sub(_LONE_SURROGATE, "\ufffd", value)  # as QEMU writes what isn't UTF-8
    return _encode(value).decode()
