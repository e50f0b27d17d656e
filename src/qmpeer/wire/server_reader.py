r"""The server's reader, which parses requests exactly as QEMU does.

It reads ahead by one chunk at most.

`_decode_alike` reads a whole chunk with msgspec, some fifty
times as fast as the tolerant reader, and gives up where the two might differ:

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

The tolerant reader reads what `_decode_alike` gives up on: QEMU may accept it, and if it doesn't,
the error must be QEMU's.
"""

import re
from typing import TYPE_CHECKING

import msgspec

from qmpeer import limits
from qmpeer.values import JsonValue
from qmpeer.wire.structure import has_few_tokens

if TYPE_CHECKING:
    from qmpeer.wire.tolerant import Item, TolerantReader


_decode_lines = msgspec.json.Decoder().decode_lines
_encode = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode
_DOUBTFUL_ESCAPE = re.compile(rb"\\u(?:[dD][89a-fA-F]|[fF][dDfF])")
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_ENDS = (b"\n", b"}")
# A number, because `bytes in bytes` first tries to convert the operand to one, which takes longer
# than the search.
_BACKSLASH = ord("\\")


def _decode_alike(data: bytes) -> list[JsonValue] | None:
    """Return the objects in a text if the tolerant reader would return the same, else None."""
    if not data.isascii() or data.find(b"0e") >= 0 or data.find(b"0E") >= 0:
        return None
    if len(data) > limits.SMALL_TEXT and not _is_within_limits(data):
        return None
    try:
        values: list[JsonValue] = _decode_lines(data)
        # MessagePack refuses integers past 64 bits, which QEMU would read as doubles.
        _pack(values)
        again = _encode(values)
    except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError, RecursionError):
        return None
    for value in values:
        if type(value) is not dict:
            return None
    if _BACKSLASH in data:
        if _DOUBTFUL_ESCAPE.search(data) is not None:
            return None
        data = _ESCAPE.sub(b"", data)
        again = _ESCAPE.sub(b"", again)
    # A duplicate member, an error in QEMU, is lost in the dict, so the new text has fewer quotes.
    if data.count(b'"') != again.count(b'"'):
        return None
    return values


def _tolerant_reader() -> "TolerantReader":
    """Return a new tolerant reader, imported on first use: compiling its patterns takes a while."""
    from qmpeer.wire.tolerant import TolerantReader  # start: 5 ms

    return TolerantReader()


def _is_within_limits(data: bytes) -> bool:
    openers = data.count(b"{") + data.count(b"[")
    if openers > limits.NESTING or len(data) > limits.TOKEN_SIZE:
        return False
    return has_few_tokens(data, openers)


class ServerReader:
    """A reader of a client's requests, in the way of QEMU's monitor.

    Spec: JSON as QEMU's monitor reads it. A newline isn't necessary: an object is complete at its
    closing brace. Only top-level numbers and keywords need a following byte.
    """

    __slots__ = ("_received", "_tolerant")

    def __init__(self) -> None:
        self._received = 0
        self._tolerant: TolerantReader | None = None  # made on first use

    @property
    def is_idle(self) -> bool:
        """True if no value is unfinished."""
        return self._tolerant is None or self._tolerant.is_idle

    @property
    def held_size(self) -> int:
        """The approximate memory of an unfinished value, in bytes."""
        return 0 if self._tolerant is None else self._tolerant.held_size

    def receive_data(self, data: bytes) -> "list[Item]":
        """Receive bytes and return the values and errors that they complete, in order.

        Errors are items of the result; nothing is raised.
        """
        tolerant = self._tolerant
        self._received += len(data)
        if tolerant is None or tolerant.is_idle:
            if data.endswith(_ENDS) and (values := _decode_alike(data)) is not None:
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
