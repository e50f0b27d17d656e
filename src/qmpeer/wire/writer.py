r"""The writer of JSON values in QEMU's format.

A line holds one value in pure ASCII, with a space after each comma and colon, upper-case digits in
``\uXXXX``, and CR LF at the end. The pretty format indents by four spaces a level, and empty
containers take two lines. [Members keep the order of the value; QEMU's is that of its hash tables.
Floats are written in the shortest form that reads back the same. Infinity and NaN, which JSON can't
express, are written as null: QEMU writes inf.]

How it works. msgspec writes into a buffer that can't grow, because a view holds it. So no value,
not even one that contains itself, takes more time or memory than the buffer allows. A value that
doesn't fit is written in pieces: as many members at once as fit, and a member that doesn't fit
alone is written by itself in the same way. The open containers are known at that point, so a value
that contains itself is detected.
"""

import re
import sys
from collections.abc import Iterator
from itertools import islice
from re import Match
from typing import Any

import msgspec

from qmpeer import limits
from qmpeer.errors import LimitError
from qmpeer.values import JsonValue
from qmpeer.wire.ascii_text import to_ascii
from qmpeer.wire.structure import is_deeper

_encoder = msgspec.json.Encoder()
_encode, _encode_into = _encoder.encode, _encoder.encode_into
_format = msgspec.json.format
_PIECE = limits.READ_SIZE
"""The size of a piece in bytes before it is made ASCII, and the characters of a string in one."""
_UNFIT = (BufferError, RecursionError, ValueError)
"""The exceptions of msgspec that make a value be written in pieces: it is too large, nested too
deep, or holds lone surrogates."""
_PRETTY_LEVELS = 32
"""The number of levels that msgspec indents in one call: each level makes every line longer."""
_IS_C_DEEPER = sys.version_info >= (3, 12)
"""True if msgspec nests deeper than a reader accepts: Python 3.12 counts C levels separately."""
# Numbers, because `bytes in bytes` first tries to convert the operand to one, which takes longer
# than the search.
_BACKSLASH, _DEL = ord("\\"), 0x7F
# Compiled on first use, which is rare: each compiled pattern delays a client's start.
_EMPTY = rb"[\[{](?=[\]}],?(?:\n|\Z))"
_LONE_SURROGATE = "[\ud800-\udfff]"


def encode_compact(value: JsonValue, *, is_exact: bool = False) -> bytes:
    """Return the shortest JSON text of a value, in UTF-8 and without a line ending.

    Args:
        value: Any JSON value.
        is_exact: Refuse lone surrogates instead of writing them as U+FFFD.

    Raises:
        UnicodeEncodeError: If is_exact is true and the value holds a lone surrogate.
        TypeError: If the value holds something that JSON can't express, or itself.
        LimitError: If the value is nested deeper than any reader accepts, or too long.
    """
    try:
        return bytes(_bounded(value, limits.SMALL_TEXT))
    except _UNFIT:
        return b"".join(_Pieces(b",", b":", is_exact=is_exact).of(value))


def encode_line(value: JsonValue) -> bytes:
    """Return a value as QEMU writes it, on one line that ends with CR LF.

    Raises:
        TypeError: If the value holds something that JSON can't express, or itself.
        LimitError: If the value is nested deeper than any reader accepts, or too long.
    """
    return small_line(value) or b"".join(line_pieces(value))


def small_line(value: JsonValue) -> bytes | None:
    """Return the same as `encode_line` for a short value without oddities, else None."""
    buffer = bytearray(limits.SMALL_TEXT)
    view = memoryview(buffer)  # noqa: F841 - keeps the buffer from growing
    try:
        _encode_into(value, buffer)
        text = _format(buffer, indent=0)
    except _UNFIT:
        return None
    if not text.isascii() or _DEL in text or (_BACKSLASH in text and b"\\u" in text):
        text = to_ascii(text)
    return text + b"\r\n"


def encode_pretty(value: JsonValue) -> bytes:
    """Return a value as QEMU's pretty monitors write it, with CR LF at each line's end.

    Raises:
        TypeError: If the value holds something that JSON can't express, or itself.
        LimitError: If the value is nested deeper than any reader accepts, or too long.
    """
    return b"".join(pretty_pieces(value))


def line_pieces(value: JsonValue) -> Iterator[bytes]:
    """Yield the same as `encode_line`, in pieces.

    The value must not change before the last piece.
    """
    for piece in _Pieces(b", ", b": ", 0).of(value):
        yield to_ascii(piece)
    yield b"\r\n"


def pretty_pieces(value: JsonValue) -> Iterator[bytes]:
    """Yield the same as `encode_pretty`, in pieces."""
    for piece in _Pieces(b",", b": ", 4).of(value):
        yield to_ascii(piece).replace(b"\n", b"\r\n")
    yield b"\r\n"


def begun(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes] | None]:
    """Return the beginning of a text, about `limits.SLICE` bytes, and an iterator over the rest."""
    first: list[bytes] = []
    size = 0
    for piece in pieces:
        first.append(piece)
        size += len(piece)
        if size > limits.SLICE:
            return b"".join(first), pieces
    return b"".join(first), None


def _bounded(value: Any, room: int) -> bytearray:
    """Return a value's text of at most `room` bytes.

    Raises:
        BufferError: If it is longer.
        RecursionError: If it is nested deeper than msgspec supports.
        UnicodeEncodeError: If it holds lone surrogates.
        TypeError: If it holds something that JSON can't express.
    """
    buffer = bytearray(room)
    view = memoryview(buffer)  # noqa: F841 - keeps the buffer from growing
    _encode_into(value, buffer)
    return buffer


class _Level:
    """A partly written container: its remaining members, and how many to write at once."""

    __slots__ = ("batches", "container", "count", "is_begun", "is_object", "items")

    def __init__(self, container: Any) -> None:
        self.container = container  # referenced, so that its identity can be compared
        self.is_object = isinstance(container, dict)
        self.items: Iterator[Any] = iter(container.items() if self.is_object else container)
        self.batches: list[list[Any]] = []
        self.count = 1024
        self.is_begun = False

    def next_batch(self) -> list[Any]:
        return self.batches.pop() if self.batches else list(islice(self.items, self.count))

    def split(self, batch: list[Any]) -> None:
        self.count = half = len(batch) // 2
        self.batches += (batch[half:], batch[:half])


class _Pieces:
    """A writer of a text in pieces.

    Args:
        comma: The text between two members of a container.
        colon: The text after a member's name.
        indent: The spaces per level, on separate lines; 0 for a single line, None for no spaces.
        is_exact: Refuse lone surrogates.
    """

    def __init__(
        self, comma: bytes, colon: bytes, indent: int | None = None, *, is_exact: bool = False
    ) -> None:
        self._is_exact = is_exact
        self._comma = comma
        self._colon = colon
        self._indent = indent
        self._levels: list[_Level] = []

    def of(self, value: Any) -> Iterator[bytes]:
        """Yield the pieces of a value, in UTF-8."""
        for room in (limits.SMALL_TEXT, limits.SLICE):
            text = self._fitted(value, room)
            if text is not None:
                yield text
                return
        size = 0
        for piece in self._of_large(value):
            size += len(piece)
            if size > limits.WRITTEN_SIZE:
                raise _exceeded("is longer", "WRITTEN_SIZE", limits.WRITTEN_SIZE, "bytes")
            yield piece

    def _of_large(self, value: Any) -> Iterator[bytes]:
        levels = self._levels
        yield from self._by_itself(value)
        while levels:
            level = levels[-1]
            batch = level.next_batch()
            if not batch:
                levels.pop()
                yield self._new_line() + (b"}" if level.is_object else b"]")
                continue
            before = self._comma if level.is_begun else b""
            text = self._fitted(dict(batch) if level.is_object else batch, _PIECE)
            if text is not None:
                yield before + text[1 : text.rfind(b"\n") if self._indent else -1]
                if len(text) < _PIECE // 2:
                    level.count = 2 * len(batch)
            elif len(batch) > 1:
                level.split(batch)
                continue
            else:
                item = batch[0]
                before += self._new_line()
                if level.is_object:
                    before += self._key(item[0]) + self._colon
                    item = item[1]
                yield before
                yield from self._by_itself(item)
            level.is_begun = True

    def _new_line(self) -> bytes:
        return b"\n" + b" " * (self._indent * len(self._levels)) if self._indent else b""

    def _fitted(self, value: Any, room: int) -> bytes | None:
        """Return the text of a value, or of a batch in brackets; None if it must go in pieces."""
        outer = max(0, len(self._levels) - 1)
        try:
            text: bytes | bytearray = _bounded(value, room)
            if self._indent == 4:
                if is_deeper(text, min(_PRETTY_LEVELS, limits.NESTING - outer)):
                    return None
                text = re.sub(_EMPTY, _opened, _format(text, indent=4))
                return text.replace(b"\n", b"\n" + b"    " * outer)
            if (_IS_C_DEEPER or outer) and is_deeper(text, limits.NESTING - outer):
                raise _exceeded("is nested deeper", "NESTING", limits.NESTING, "levels")
            return bytes(text) if self._indent is None else _format(text, indent=0)
        except _UNFIT:
            return None

    def _by_itself(self, value: Any) -> Iterator[bytes]:
        """Write a value that doesn't fit: a long string, or a container's opening bracket."""
        if isinstance(value, str):
            yield from self._string(value)
        elif isinstance(value, (dict, list, tuple)):
            levels = self._levels
            if any(level.container is value for level in levels):
                raise TypeError(f"found a {type(value).__name__} that holds itself")
            if len(levels) >= limits.NESTING:
                raise _exceeded("is nested deeper", "NESTING", limits.NESTING, "levels")
            levels.append(_Level(value))
            yield b"{" if levels[-1].is_object else b"["
        else:
            try:
                yield _encode(value)
            except (RecursionError, ValueError) as error:
                kind = type(value).__name__
                raise TypeError(f"found a {kind} that JSON can't hold: {error}") from None

    def _string(self, text: str) -> Iterator[bytes]:
        yield b'"'
        for at in range(0, len(text), _PIECE):
            piece = text[at : at + _PIECE]
            try:
                encoded = _encode(piece)
            except UnicodeEncodeError:
                if self._is_exact:
                    raise
                # QEMU writes U+FFFD for anything that isn't UTF-8.
                encoded = _encode(re.sub(_LONE_SURROGATE, "\ufffd", piece))
            yield encoded[1:-1]
        yield b'"'

    def _key(self, key: object) -> bytes:
        if isinstance(key, str):
            return b"".join(self._string(key))
        return _encode({key: None})[1:-6]  # without :null and the braces


def _exceeded(found: str, limit: str, most: int, unit: str) -> LimitError:
    return LimitError(f"a value {found} than {most} {unit}", limit, most)


def _opened(match: Match[bytes]) -> bytes:
    """Return an empty container's opening bracket, a new line, and the closing one's indent."""
    text, end = match.string, match.end()
    start = text.rfind(b"\n", 0, end) + 1
    line = text[start:end]
    return match[0] + b"\n" + b" " * (len(line) - len(line.lstrip(b" ")))
