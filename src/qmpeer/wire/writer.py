r"""The writer: JSON values out, in the form that QEMU gives them.

One value a line in pure ASCII, a space behind each comma and colon, upper-case digits in
``\uXXXX``, CR LF at the end; or pretty, four spaces a level, where empty containers take two
lines.
[Members leave in the order in which they came; QEMU's is that of its hash tables. Floats are
written as short as they read back the same. Infinity and NaN, which JSON can't say, leave as null:
QEMU writes inf.]

How it works.  msgspec writes into a buffer that can't grow, as a view holds it: so nothing in a
value, be it that it holds itself, takes more time or memory than the buffer has room for. What
doesn't fit is written in pieces: some members at once, as many as fit, and by itself whatever
doesn't even alone. The containers that are open then are known, which tells a value that holds
itself.
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
"""Bytes of a piece before it is made ASCII, and characters of a string in one."""
_UNFIT = (BufferError, RecursionError, ValueError)
"""What comes of a value that has to be written in pieces: for its size, for its nesting, and for
lone surrogates."""
_PRETTY_LEVELS = 32
"""Levels that are indented by msgspec in one go: each makes every line of it longer."""
_IS_C_DEEPER = sys.version_info >= (3, 12)
"""Whether msgspec goes deeper than a reader: there the interpreter counts C's levels apart."""
# As numbers: with bytes, `in` first tries to take them for one, which costs more than the search.
_BACKSLASH, _DEL = ord("\\"), 0x7F
# Compiled where they are needed first, which is seldom: a client's start waits for each.
_EMPTY = rb"[\[{](?=[\]}],?(?:\n|\Z))"
_LONE_SURROGATE = "[\ud800-\udfff]"


def encode_compact(value: JsonValue, *, is_exact: bool = False) -> bytes:
    """Return the shortest JSON text of a value, in UTF-8 and without a line's end.

    Args:
        value: Any.
        is_exact: Refuse lone surrogates; else they are written as U+FFFD.

    Raises:
        UnicodeEncodeError: If it is to be exact, and there is a lone surrogate in it.
        TypeError: If there is something in it that JSON can't hold, or it holds itself.
        LimitError: If it is nested deeper than anybody reads, or endlessly long.
    """
    try:
        return bytes(_bounded(value, limits.SMALL_TEXT))
    except _UNFIT:
        return b"".join(_Pieces(b",", b":", is_exact=is_exact).of(value))


def encode_line(value: JsonValue) -> bytes:
    """Return a value as QEMU writes it, one line with CR LF at its end.

    Raises:
        TypeError: If there is something in it that JSON can't hold, or it holds itself.
        LimitError: If it is nested deeper than anybody reads, or endlessly long.
    """
    return small_line(value) or b"".join(line_pieces(value))


def small_line(value: JsonValue) -> bytes | None:
    """Return the same as `encode_line` if it is short and has nothing odd in it."""
    buffer = bytearray(limits.SMALL_TEXT)
    view = memoryview(buffer)  # noqa: F841 - while it is there the buffer can't grow
    try:
        _encode_into(value, buffer)
        text = _format(buffer, indent=0)
    except _UNFIT:
        return None
    if not text.isascii() or _DEL in text or (_BACKSLASH in text and b"\\u" in text):
        text = to_ascii(text)
    return text + b"\r\n"


def encode_pretty(value: JsonValue) -> bytes:
    """Return a value as QEMU's pretty monitors write it, each line ended by CR LF.

    Raises:
        TypeError: If there is something in it that JSON can't hold, or it holds itself.
        LimitError: If it is nested deeper than anybody reads, or endlessly long.
    """
    return b"".join(pretty_pieces(value))


def line_pieces(value: JsonValue) -> Iterator[bytes]:
    """Return the same as `encode_line`, piece by piece.

    The value mustn't be changed until the last one.
    """
    for piece in _Pieces(b", ", b": ", 0).of(value):
        yield to_ascii(piece)
    yield b"\r\n"


def pretty_pieces(value: JsonValue) -> Iterator[bytes]:
    """Return the same as `encode_pretty`, piece by piece, as `line_pieces` does."""
    for piece in _Pieces(b",", b": ", 4).of(value):
        yield to_ascii(piece).replace(b"\n", b"\r\n")
    yield b"\r\n"


def begun(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes] | None]:
    """Return a text's beginning, as much as is written at once, and what gives the rest."""
    first: list[bytes] = []
    size = 0
    for piece in pieces:
        first.append(piece)
        size += len(piece)
        if size > limits.SLICE:
            return b"".join(first), pieces
    return b"".join(first), None


def _bounded(value: Any, room: int) -> bytearray:
    """Return a value's text.

    Raises:
        BufferError: If it has more bytes than that.
        RecursionError: If it is nested deeper than msgspec goes.
        UnicodeEncodeError: If there are lone surrogates in it.
        TypeError: If there is something in it that JSON can't hold.
    """
    buffer = bytearray(room)
    view = memoryview(buffer)  # noqa: F841 - while it is there the buffer can't grow
    _encode_into(value, buffer)
    return buffer


class _Level:
    """A container under way: the members that are still to be written, and how many at once."""

    __slots__ = ("batches", "container", "count", "is_begun", "is_object", "items")

    def __init__(self, container: Any) -> None:
        self.container = container  # kept, so that no other gets its id
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
    """A text in pieces.

    Args:
        comma: What stands between two members of a container.
        colon: What stands behind a member's name.
        indent: Spaces a level, on lines of their own; 0 for a single line, None for no space.
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
        """Return the pieces of a value, in UTF-8."""
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
        """Return a value's text, or that of a batch in its brackets; None if it is unfit."""
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
        """Write a value that doesn't fit: a long string, or a container's opener."""
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
                # As QEMU writes what isn't UTF-8.
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
    """Return an empty container's opener and what comes before its closer on a line of its own."""
    text, end = match.string, match.end()
    start = text.rfind(b"\n", 0, end) + 1
    line = text[start:end]
    return match[0] + b"\n" + b" " * (len(line) - len(line.lstrip(b" ")))
