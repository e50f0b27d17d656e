r"""The end of a JSON value in a stream, found by counting brackets.

Neither a line end nor valid JSON is needed. A value begins with an opening brace or bracket and
ends with the closing one that evens the count; strings are skipped, in double quotes and in the
single ones that QEMU accepts too. FE and FF, and in a string any control byte, end a torn value, as
in QEMU's lexer. So an open quote can't swallow a whole stream.

The time is linear in the bytes, whatever the chunks, and no byte is kept: a string that is cut off
is continued where the next data begins.
"""

import re
from typing import Final

_BODY: Final = rb"[^%b\\\x00-\x1f\xfe\xff]*+(?:\\[\x20-\xfd][^%b\\\x00-\x1f\xfe\xff]*+)*(%b)?"
_STRING: Final = {ord(quote): re.compile(_BODY % ((quote,) * 3)) for quote in (b'"', b"'")}
"""The rest of a string as far as it comes; the group is the end quote."""
_STRUCTURE: Final = re.compile(
    rb"\{|\[|\}|\]|\xfe|\xff|" + b"|".join(quote + _BODY % ((quote,) * 3) for quote in (b'"', b"'"))
)
_BACKSLASH: Final = ord("\\")


class ValueEnd:
    """The search for the end of one value after another.

    Attributes:
        is_inside: True if a value has begun and not ended.
        is_torn: True if the last value ended before a byte that no value can hold.
    """

    __slots__ = ("_depth", "_is_escaped", "_quote", "is_inside", "is_torn")

    def __init__(self) -> None:
        self._depth = 0
        self._quote = 0  # the byte that ends the string in which the data ended
        self._is_escaped = False
        self.is_inside: bool = False
        self.is_torn: bool = False

    def find(self, data: bytes, at: int) -> int:
        """Return the position behind the value, or the length of the data if it goes on.

        Args:
            data: The bytes that came.
            at: Where the value begins in them, with a bracket, or where it continues.

        Example:
            >>> end = ValueEnd()
            >>> end.find(b'{"a": "}', 0), end.find(b'"} {}', 0), end.is_inside
            (8, 2, False)
        """
        if not self.is_inside:
            self.is_inside, self.is_torn = True, False
        elif self._quote:
            at = self._end_of_string(data, at)
            if self._quote or not self.is_inside:
                return at
        depth = self._depth
        for match in _STRUCTURE.finditer(data, at):
            byte = data[match.start()]
            if byte in b"{[":
                depth += 1
            elif byte in b"}]":
                depth -= 1
                if depth <= 0:
                    return self._end(match.end())
            elif byte >= 0xFE:
                return self._tear(match.start())
            elif match.lastindex is None:
                self._depth, self._quote = depth, byte
                return self._cut_off(data, match.end())
        self._depth = depth
        return len(data)

    def _end_of_string(self, data: bytes, at: int) -> int:
        """Continue in a string; return the position behind it."""
        if self._is_escaped and at < len(data):
            self._is_escaped = False
            if 0x20 <= data[at] < 0xFE:
                at += 1
        match = _STRING[self._quote].match(data, at)
        assert match
        if match.lastindex is None:
            return self._cut_off(data, match.end())
        self._quote = 0
        return match.end()

    def _cut_off(self, data: bytes, at: int) -> int:
        """Return where a string that lacks its end quote stops: with the data, or torn."""
        if at < len(data) and data[at] == _BACKSLASH:
            at += 1
            self._is_escaped = at == len(data)
        return at if at == len(data) else self._tear(at)

    def _tear(self, at: int) -> int:
        self.is_torn = True
        return self._end(at)

    def _end(self, at: int) -> int:
        self._depth = self._quote = 0
        self.is_inside = False
        return at
