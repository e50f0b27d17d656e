r"""The cutter of one direction's bytes into JSON values, whatever the chunks.

Theory of operation. Whole lines, and texts that end with a brace, are tried as values at once;
that is nearly all there is. Any other text is scanned for the ends of values, so a value is found
on many lines, and several on one line. The scan reads each byte once, and remains in a value until
that ends, whole or torn.

A value's piece includes the blanks before it and the line end behind it. If the line end hasn't
come yet, the value is *ended*, and is given out with whatever comes next.
"""

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from qmpeer import limits
from qmpeer.wire.value_end import ValueEnd

NO_VALUE: Final = object()
"""What a reader returns for a text that isn't exactly one value."""

_BLANK_LINE: Final = re.compile(rb"[ \t\r\xff]*\n")
_BLANKS: Final = re.compile(rb"[ \t\r\xff]*")
_LINE_END: Final = re.compile(rb"[ \t\r]*\n")
_LINE_END_TO_COME: Final = re.compile(rb"[ \t\r]*\Z")
_NOISE: Final = re.compile(rb"[^\n{\[\xff]*\n?")
_OPENERS: Final = b"{["
_BEGINNINGS: Final = (b"{", b"[")
_WAITING: Final = 1024 * 1024
"""Bytes of an unfinished text above which it is scanned while it comes."""
_SMALL: Final = 4096
"""Bytes of unfinished noise that are kept until its line ends."""


class Piece(NamedTuple):
    """A piece of one direction's bytes.

    Attributes:
        data: The bytes; without those of a value that passed the limit.
        value: What the reader returned for them, `NO_VALUE` for noise and blank lines.
        dropped: The bytes of a value that passed the limit.
    """

    data: bytes
    value: Any
    dropped: int = 0

    @property
    def is_noise(self) -> bool:
        """True unless this is a value or a blank line."""
        return self.value is NO_VALUE and _BLANK_LINE.fullmatch(self.data) is None


class Cutter:
    """A cutter of the bytes of one direction.

    Args:
        read: Returns the value that a text is, or `NO_VALUE`.
    """

    __slots__ = (
        "_blanks",
        "_ended",
        "_is_dropping",
        "_is_waiting",
        "_parts",
        "_read",
        "_value_end",
        "size",
    )

    def __init__(self, read: Callable[[bytes], Any]) -> None:
        self._read = read
        self._ended: Piece | None = None
        self._blanks = b""  # behind the ended value
        self._parts: list[bytes] = []  # of the unfinished text
        self.size: int = 0
        """The bytes of the unfinished text."""
        self._is_waiting = False  # the unfinished text may be a value, and hasn't been scanned
        self._value_end = ValueEnd()  # of the value in which the scan is
        self._is_dropping = False

    def receive(self, data: bytes) -> list[Piece]:
        """Receive bytes, and return the pieces that they complete."""
        found: list[Piece] = []
        if self._ended is not None:
            data = self._go_on(self._ended, data, found)
        if self.size and not self._is_waiting:
            self._scan(data, found)
        elif data:
            self._take(data, found)
        return found

    @property
    def is_settled(self) -> bool:
        """True if `settle` has nothing to do."""
        return self._ended is None and not self._is_waiting

    def settle(self) -> list[Piece]:
        """Return the values that have ended, without waiting for a line end."""
        found: list[Piece] = []
        if self._is_waiting:
            self._scan_waiting(found)
        if self._ended is not None:
            found.append(self._ended._replace(data=self._ended.data + self._blanks))
            self._ended = None
        return found

    def end(self) -> list[Piece]:
        """Return all that is left: no more will come."""
        found = self.settle()
        if self._parts or self._is_dropping:
            dropped = self.size if self._is_dropping else 0
            found.append(Piece(b"".join(self._parts), NO_VALUE, dropped))
        self._forget()
        self._value_end = ValueEnd()
        return found

    @property
    def held(self) -> int:
        """The memory of the unfinished text, in bytes."""
        return 0 if self._is_dropping else self.size

    def drop(self) -> list[Piece]:
        """Free the memory of the unfinished value, and keep only its size.

        Returns the pieces that were whole.
        """
        found = self.settle()
        if self._value_end.is_inside:
            self._drop()
        return found

    def _drop(self) -> None:
        self._is_dropping = True
        self._parts.clear()

    def _forget(self) -> None:
        self._parts.clear()
        self.size = 0
        self._is_dropping = self._is_waiting = False

    def _end_with(self, piece: Piece, blanks: bytes) -> None:
        """Keep a value until its line end, or anything else, comes."""
        self._ended, self._blanks = piece, blanks

    def _go_on(self, ended: Piece, data: bytes, found: list[Piece]) -> bytes:
        """Give out the ended value, with its line end if it is there; return the other bytes."""
        data = self._blanks + data
        match = _LINE_END.match(data)
        if match is None and len(data) <= _SMALL and _LINE_END_TO_COME.match(data):
            self._blanks = data
            return b""
        size = match.end() if match else 0
        found.append(ended._replace(data=ended.data + data[:size]))
        self._ended = None
        return data[size:]

    # Texts that are probably whole

    def _take(self, data: bytes, found: list[Piece]) -> None:
        """Take bytes outside of a scan."""
        if self._is_waiting:
            self._parts.append(data)
            self.size += len(data)
            if data[-1:] != b"}" and data.find(b"\n") < 0 and _may_wait(self.size):
                return
            data = b"".join(self._parts)
            self._forget()
        start = 0
        while end := data.find(b"\n", start) + 1:
            line = data if end - start == len(data) else data[start:end]
            value = self._read(line)
            if value is NO_VALUE:
                self._scan(data[start:] if start else data, found)
                return
            found.append(Piece(line, value))
            start = end
        if start < len(data):
            self._take_rest(data[start:] if start else data, found)

    def _take_rest(self, data: bytes, found: list[Piece]) -> None:
        """Take bytes without a line end."""
        if data[-1:] == b"}":
            value = self._read(data)
            if value is not NO_VALUE:
                self._end_with(Piece(data, value), b"")
                return
        else:
            blanks = _BLANKS.match(data)
            begin = blanks.end() if blanks else 0
            if data[begin : begin + 1] in _BEGINNINGS and _may_wait(len(data)):
                self._keep(data)
                self._is_waiting = True
                return
        self._scan(data, found)

    def _keep(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > limits.RECORDED_VALUE:
            self._drop()
        if not self._is_dropping:
            self._parts.append(data)

    # Any other text

    def _scan_waiting(self, found: list[Piece]) -> None:
        """Scan the text that waits for its end."""
        data = b"".join(self._parts)
        self._forget()
        self._scan(data, found)

    def _scan(self, data: bytes, found: list[Piece]) -> None:
        """Take bytes by looking for the ends of values."""
        end = self._value_end
        if not end.is_inside and self._parts:  # noise, or blanks, without a line end
            data = b"".join((*self._parts, data))
            self._forget()
        start = 0
        while start < len(data):
            position = start
            if not end.is_inside:
                start, position = self._scan_outside(data, start, found)
                if position < 0:
                    return
            position = end.find(data, position)
            self._keep(data[start:position])
            if end.is_inside:
                return
            start = self._end_value(data, position, found)

    def _scan_outside(self, data: bytes, start: int, found: list[Piece]) -> tuple[int, int]:
        """Give out blank lines and noise; return where a value's piece and its value begin.

        The second number is -1 if no value begins in this data.
        """
        while start < len(data):
            if blank := _BLANK_LINE.match(data, start):
                found.append(Piece(blank[0], NO_VALUE))
                start = blank.end()
                continue
            blanks = _BLANKS.match(data, start)
            begin = blanks.end() if blanks else start
            if begin < len(data) and data[begin] in _OPENERS:
                return start, begin
            noise = _NOISE.match(data, begin)
            end = noise.end() if noise else begin
            is_whole = end < len(data) or data[end - 1 : end] == b"\n"
            if not is_whole and end - start <= _SMALL:
                self._keep(data[start:])
                break
            text = data[start:end]
            # A number, say, is a value; alone on its line it could come here in parts.
            found.append(Piece(text, self._read(text) if len(text) <= _SMALL else NO_VALUE))
            start = end
        return start, -1

    def _end_value(self, data: bytes, position: int, found: list[Piece]) -> int:
        """Give out the value, or torn value, that ends here; return where the next piece begins."""
        text, dropped = b"".join(self._parts), self.size if self._is_dropping else 0
        self._forget()
        value = NO_VALUE if self._value_end.is_torn or dropped else self._read(text)
        if match := _LINE_END.match(data, position):
            found.append(Piece(text + match[0], value, dropped))
            return match.end()
        rest = data[position:]
        if len(rest) <= _SMALL and _LINE_END_TO_COME.match(rest):
            self._end_with(Piece(text, value, dropped), rest)
            return len(data)
        found.append(Piece(text, value, dropped))
        return position


def _may_wait(size: int) -> bool:
    """Return whether a text may wait for its end before it is scanned."""
    return size <= min(_WAITING, limits.RECORDED_VALUE)
