r"""The two readers of a connection: values out of bytes, by the fast path where it may be taken.

Both read ahead of what is used, by one chunk at the most.

The server's reader follows QEMU's law to the letter. `_decode_alike` reads a whole chunk with
msgspec, some fifty times as fast as the tolerant reader, and gives up where the two could differ:

====================================  =========================================================
msgspec accepts                       how it is noticed
====================================  =========================================================
a member twice                        written out again, the text has fewer quotes
integers past 64 bits                 MessagePack can't hold them
``0e1``                               the bytes ``0e`` or ``0E``
noncharacters, C0 80 (it refuses)     text outside ASCII, or a ``\u`` escape of D8…DF, FDxx, xxFx
values without a gap, ``truefalse``   something that isn't an object
1024 nested, 2 Mi tokens              counts of what could open or separate
====================================  =========================================================

What it refuses the tolerant reader takes: what is wrong may be right for QEMU, and if it isn't, its
error is QEMU's. The client's reader accepts more, since it must never lose a server's message for a
formality, and takes the tolerant path only where msgspec refuses.
"""

import re
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from qmpeer import limits
from qmpeer.errors import LimitError
from qmpeer.values import JsonValue
from qmpeer.wire.structure import has_few_tokens

if TYPE_CHECKING:
    from qmpeer.wire.tolerant import Item, TolerantReader

__all__ = ["ClientReader", "ServerReader"]

T = TypeVar("T")

_decode_lines = msgspec.json.Decoder().decode_lines
_encode = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode
_DOUBTFUL_ESCAPE = re.compile(rb"\\u(?:[dD][89a-fA-F]|[fF][dDfF])")
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_NO_NUMBERS = (b"nan", b"inf", b"NaN", b"Infinity")
# Compiled where they are needed first, which is seldom: a client's start waits for each.
_LONE_BRACE = rb"\n\}\r?\n"
_SMALL = 2 * limits.NESTING
"""No text of fewer bytes can pass a limit."""


def _decode_alike(data: bytes) -> list[JsonValue] | None:
    """Return the objects in a text if the tolerant reader would return the same, else None."""
    if not data.isascii() or b"0e" in data or b"0E" in data:
        return None
    if len(data) > _SMALL and not _is_within_limits(data):
        return None
    try:
        values: list[JsonValue] = _decode_lines(data)
        _pack(values)
        again = _encode(values)
    except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError, RecursionError):
        return None
    for value in values:
        if type(value) is not dict:
            return None
    if b"\\" in data:
        if _DOUBTFUL_ESCAPE.search(data) is not None:
            return None
        data = _ESCAPE.sub(b"", data)
        again = _ESCAPE.sub(b"", again)
    if data.count(b'"') != again.count(b'"'):
        return None
    return values


def _tolerant_reader() -> "TolerantReader":
    """Return a new one; its patterns cost a program's start more than most ever need of it."""
    from qmpeer.wire.tolerant import TolerantReader

    return TolerantReader()


def _is_within_limits(data: bytes) -> bool:
    openers = data.count(b"{") + data.count(b"[")
    if openers > limits.NESTING or len(data) > limits.TOKEN_SIZE:
        return False
    return has_few_tokens(data, openers)


class ServerReader:
    """Read what a client sends, as QEMU's monitor does.

    Spec: JSON as QEMU's monitor reads it. It needs no newline: an object counts at its closing
    brace; only top-level numbers and keywords need a following byte.
    """

    __slots__ = ("_received", "_tolerant")

    def __init__(self) -> None:
        self._received = 0
        self._tolerant: TolerantReader | None = None  # made when it is needed first

    @property
    def is_idle(self) -> bool:
        """No value is under way."""
        return self._tolerant is None or self._tolerant.is_idle

    @property
    def held_size(self) -> int:
        """Bytes of memory that a value under way takes, about."""
        return 0 if self._tolerant is None else self._tolerant.held_size

    def receive_data(self, data: bytes) -> "list[Item]":
        """Take in bytes and return the values and errors that they complete, in order.

        Errors are items of the result; nothing is raised.
        """
        tolerant = self._tolerant
        self._received += len(data)
        if tolerant is None or tolerant.is_idle:
            if data[-1:] in b"\n}" and (values := _decode_alike(data)) is not None:
                return values  # type: ignore[return-value]  # lists are invariant
            return self._receive_by_lines(data)
        return tolerant.receive_data(data)

    def _receive_by_lines(self, data: bytes) -> "list[Item]":
        tolerant = self._tolerant
        if tolerant is None:
            tolerant = self._tolerant = _tolerant_reader()
        tolerant.position = self._received - len(data)
        head = data[: data.rfind(b"\n") + 1]
        if head and len(head) < len(data) and (values := _decode_alike(head)) is not None:
            tolerant.position += len(head)
            return values + tolerant.receive_data(data[len(head) :])
        items: list[Item] = []
        for line in data.splitlines(keepends=True) if head else (data,):
            if tolerant.is_idle and line.endswith((b"}\n", b"}\r\n")):
                values = _decode_alike(line)
                if values is not None:
                    items += values
                    tolerant.position += len(line)
                    continue
            items += tolerant.receive_data(line)
        return items


def _after_lone_brace(text: bytes) -> int:
    """Return where the last line ends that is but a closing brace; 0 if there is none."""
    end = 0
    for match in re.finditer(_LONE_BRACE, text):
        end = match.end()
    return end


def _with_nulls(text: bytes) -> bytes:
    """Return a text with null for each double that JSON can't say; strings stay as they are."""
    if b"\0" in text or b"\1" in text:  # no JSON, and to stand for escapes here
        return text
    pieces = text.replace(rb"\\", b"\0").replace(rb"\"", b"\1").split(b'"')
    outside = b'"'.join(pieces[::2])
    for word in _NO_NUMBERS:
        outside = outside.replace(b"-" + word, b"null").replace(word, b"null")
    pieces[::2] = outside.split(b'"')
    return b'"'.join(pieces).replace(b"\1", rb"\"").replace(b"\0", rb"\\")


class ClientReader(Generic[T]):
    """Read what a server sends: values that end with a line, or without one.

    Each message is decoded into the type of the decoder given; where that refuses, into a plain
    value. LF alone ends a line as well as CR LF, a value may go over many lines (as pretty monitors
    write), bytes FF between values are passed over (the guest agent sends them), and the inf and
    nan that QEMU writes for some doubles are null, as are Python's Infinity and NaN.
    """

    __slots__ = ("_balance", "_decoder", "_is_pretty", "_parts", "_size", "_tolerant")

    def __init__(self, decoder: "msgspec.json.Decoder[T]") -> None:
        self._decoder = decoder
        self._tolerant: TolerantReader | None = None
        self._parts: list[bytes] = []
        self._forget()

    def _forget(self) -> None:
        self._parts.clear()
        self._size = 0
        self._balance = 0
        self._is_pretty = False

    def receive_data(self, data: bytes) -> "list[T | Item]":
        """Take in bytes and return the messages and errors that they complete, in order.

        Errors are items of the result; nothing is raised. A message longer than
        ``limits.MESSAGE_SIZE`` gives a LimitError and is dropped.
        """
        if not self._parts and data[-1:] == b"\n" and (self._tolerant is None):
            try:
                return self._decoder.decode_lines(data)  # type: ignore[return-value]
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                return self._receive_line_end(data, b"")
        if self._tolerant is not None:
            return self._receive_tolerantly(data)
        return self._receive_part(data)

    def _receive_part(self, data: bytes) -> "list[T | Item]":
        cut = self._cut(data)
        if cut:
            head = b"".join((*self._parts, data[:cut]))
            rest = data[cut:]
            self._forget()
            return self._receive_line_end(head, rest)
        self._parts.append(data)
        self._size += len(data)
        if self._size > limits.MESSAGE_SIZE:
            self._forget()
            name, most = "MESSAGE_SIZE", limits.MESSAGE_SIZE
            return [LimitError(f"a message is longer than {most} bytes", name, most)]
        self._balance += data.count(b"{") - data.count(b"}")
        if data.endswith(b"}") and (self._balance == 0 or self._size <= limits.READ_SIZE):
            text = b"".join(self._parts).lstrip(b"\xff")
            try:
                items = self._decode(text)
            except (msgspec.ValidationError, RecursionError):
                if self._balance == 0:  # it is whole, as likely as not, and odd
                    self._forget()
                    return self._receive_line_end(text, b"")
            except (msgspec.MsgspecError, UnicodeDecodeError):
                pass
            else:
                self._forget()
                return items  # type: ignore[return-value]  # lists are invariant
        return []

    def _cut(self, data: bytes) -> int:
        """Return how many of these bytes end a line; in pretty output, a line with a lone brace."""
        if not self._is_pretty:
            return data.rfind(b"\n") + 1
        before = b"".join(self._parts[-3:])[-3:]  # what such a line may have begun with
        return max(0, _after_lone_brace(before + data) - len(before))

    def _receive_line_end(self, head: bytes, rest: bytes) -> "list[T | Item]":
        """Take in whole lines, then the part of a line."""
        items: list[T | Item] = []
        try:
            items += self._decoder.decode_lines(head)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            items += self._receive_lines(head)
        if rest:
            items += self.receive_data(rest)
        return items

    def _receive_lines(self, head: bytes) -> "list[T | Item]":
        """Take in whole lines of which one at least isn't a message."""
        items: list[T | Item] = []
        lines = head.splitlines(keepends=True)
        for number, line in enumerate(lines):
            if self._tolerant is not None:
                items += self._receive_tolerantly(line)
                continue
            line = line.lstrip(b"\xff")
            try:
                items += self._decode(line)
                continue
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                pass
            if line.rstrip() == b"{":
                rest = b"".join((line, *lines[number + 1 :]))
                return items + self._receive_pretty(rest)
            self._tolerant = _tolerant_reader()
            items += self._receive_tolerantly(line)
        return items

    def _receive_pretty(self, text: bytes) -> "list[T | Item]":
        cut = _after_lone_brace(text)
        items: list[T | Item] = []
        if cut:
            try:
                items += self._decode(text[:cut])
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                self._tolerant = _tolerant_reader()
                return self._receive_tolerantly(text)
        if cut < len(text):
            rest = text[cut:]
            self._is_pretty = True
            self._parts.append(rest)
            self._size = len(rest)
            self._balance = rest.count(b"{") - rest.count(b"}")
        return items

    def _decode(self, text: bytes) -> list[T]:
        """Decode messages, even if QEMU has written a double in them that JSON can't say."""
        try:
            return self._decoder.decode_lines(text)
        except msgspec.DecodeError:
            if not any(word in text for word in _NO_NUMBERS):
                raise
            return self._decoder.decode_lines(_with_nulls(text))

    def _receive_tolerantly(self, data: bytes) -> "list[T | Item]":
        tolerant = self._tolerant
        assert tolerant is not None
        items = tolerant.receive_data(data)
        if tolerant.is_idle:
            self._tolerant = None
        return items  # type: ignore[return-value]
