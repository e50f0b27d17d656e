"""A cutter of JSON values out of a stream, which keeps every byte.

Bytes between values are gaps. A cutter keeps no bytes between two calls, only where it is.
"""

import re
from enum import Enum
from typing import Final

from qmpeer.wire.value_end import ValueEnd


class Part(Enum):
    """The kinds of pieces of a stream."""

    GAP = "between values"
    OPEN = "the beginning of a value, or its middle"
    LAST = "the end of a value, or all of it"


_OPENER: Final = re.compile(rb"[{\[]")


class ValueCutter:
    """A cutter of one direction's bytes."""

    __slots__ = ("_end",)

    def __init__(self) -> None:
        self._end = ValueEnd()

    @property
    def is_inside(self) -> bool:
        """True if a value has begun and not ended."""
        return self._end.is_inside

    def cut(self, data: bytes) -> list[tuple[Part, bytes]]:
        r"""Cut bytes into pieces, in order; joined, they are the bytes again.

        Example:
            >>> [(part.name, piece) for part, piece in ValueCutter().cut(b'{"a": "}"}\r\n{')]
            [('LAST', b'{"a": "}"}'), ('GAP', b'\r\n'), ('OPEN', b'{')]
        """
        pieces: list[tuple[Part, bytes]] = []
        end, at = self._end, 0
        while at < len(data):
            start = at
            if not end.is_inside:
                opener = _OPENER.search(data, at)
                at = opener.start() if opener else len(data)
                if at > start:
                    pieces.append((Part.GAP, data[start:at]))
                    start = at
                if opener is None:
                    break
            at = end.find(data, at)
            piece = data if at - start == len(data) else data[start:at]
            pieces.append((Part.OPEN if end.is_inside else Part.LAST, piece))
        return pieces
