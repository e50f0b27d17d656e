"""A cutter of JSON values out of a stream, which keeps every byte.

A value begins with an opening brace or bracket and ends with the last closing one. Neither a line
end nor valid JSON is needed: clients may send values without a gap, pretty servers spread one over
many lines, and either may send nonsense. Bytes between values are gaps.

Strings are skipped, in double quotes and in the single ones that QEMU accepts too. A control byte
can't be in a string; where there is one, the value ends as it does for QEMU's reader. So an open
quote can't swallow a whole stream.

The time is linear in the bytes. A cutter keeps three numbers between two calls and no bytes.
"""

import re
from enum import Enum
from typing import Final


class Part(Enum):
    """The kinds of pieces of a stream."""

    GAP = "between values"
    OPEN = "the beginning of a value, or its middle"
    LAST = "the end of a value, or all of it"


_OPENER: Final = re.compile(rb"[{\[]")
_STRUCTURE: Final = re.compile(
    rb"[{}\[\]]"
    rb'|"(?:[^"\\\x00-\x1f]++|\\[^\x00-\x1f])*+"'
    rb"|'(?:[^'\\\x00-\x1f]++|\\[^\x00-\x1f])*+'"
    rb"|[\"']"
)
_STRING_END: Final = {
    ord('"'): re.compile(rb'(?:[^"\\\x00-\x1f]++|\\[^\x00-\x1f])*+'),
    ord("'"): re.compile(rb"(?:[^'\\\x00-\x1f]++|\\[^\x00-\x1f])*+"),
}
_BACKSLASH: Final = ord("\\")
_OPENING: Final = frozenset(b"{[")
_CLOSING: Final = frozenset(b"}]")


class ValueCutter:
    """A cutter of one direction's bytes.

    Attributes:
        is_inside: True if a value has begun and not ended.
    """

    __slots__ = ("_depth", "_is_escaped", "_quote", "is_inside")

    def __init__(self) -> None:
        self._depth = 0
        self._quote = 0  # the byte that ends the string in which the data ended
        self._is_escaped = False
        self.is_inside: bool = False

    def cut(self, data: bytes) -> list[tuple[Part, bytes]]:
        r"""Cut bytes into pieces, in order; joined, they are the bytes again.

        Example:
            >>> [(part.name, piece) for part, piece in ValueCutter().cut(b'{"a": "}"}\r\n{')]
            [('LAST', b'{"a": "}"}'), ('GAP', b'\r\n'), ('OPEN', b'{')]
        """
        pieces: list[tuple[Part, bytes]] = []
        at = 0
        while at < len(data):
            start = at
            if not self.is_inside:
                opener = _OPENER.search(data, at)
                at = opener.start() if opener else len(data)
                if at > start:
                    pieces.append((Part.GAP, data[start:at]))
                self.is_inside = opener is not None
                continue
            at = self._end_of_value(data, at)
            piece = data if at - start == len(data) else data[start:at]
            pieces.append((self._part(), piece))
        return pieces

    def _part(self) -> Part:
        return Part.OPEN if self.is_inside else Part.LAST

    def _end_of_value(self, data: bytes, at: int) -> int:
        """Return the end of the value in the data, or the data's end if it isn't there."""
        if self._quote:
            at = self._end_of_string(data, at)
            if at == len(data) or not self.is_inside:
                return at
        depth = self._depth
        for match in _STRUCTURE.finditer(data, at):
            first = data[match.start()]
            if first in _OPENING:
                depth += 1
            elif first in _CLOSING:
                depth -= 1
                if depth <= 0:
                    self._depth = 0
                    self.is_inside = False
                    return match.end()
            elif match.end() - match.start() == 1:  # a string whose end isn't in order
                self._depth = depth
                self._quote = first
                # Either the data ends in the string, or the value ends at a control byte.
                return self._end_of_string(data, match.end())
        self._depth = depth
        return len(data)

    def _end_of_string(self, data: bytes, at: int) -> int:
        """Continue in a string; return the position behind it."""
        if self._is_escaped:
            self._is_escaped = False
            if data[at] >= 0x20:
                at += 1
        match = _STRING_END[self._quote].match(data, at)
        end = match.end() if match else at
        if end == len(data):
            return end
        if data[end] == self._quote:
            self._quote = 0
            return end + 1
        if data[end] == _BACKSLASH and end + 1 == len(data):
            self._is_escaped = True
            return len(data)
        # A control byte: the value is broken and ends before it.
        self._quote = self._depth = 0
        self.is_inside = False
        return end if data[end] != _BACKSLASH else end + 1
