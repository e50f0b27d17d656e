"""The queue of output that the kernel hasn't taken yet, with its descriptors."""

from collections import deque
from collections.abc import Sequence
from itertools import islice

from qmpeer import limits
from qmpeer.transport.descriptors import close_all, duplicates

_BytesWithFds = tuple[bytes, tuple[int, ...]]


class UnsentOutput:
    """A queue of bytes that are sent in batches and never copied.

    Its descriptors are duplicates of the caller's; the queue owns them until they are sent or
    dropped. Bytes with descriptors are always the first of their batch, so that the descriptors are
    sent with their own bytes.
    """

    __slots__ = ("_pieces", "_sent_of_first", "size")

    def __init__(self) -> None:
        self._pieces: deque[bytes | _BytesWithFds] = deque()
        self._sent_of_first = 0
        self.size: int = 0

    def append(self, data: bytes, sent: int, fds: Sequence[int]) -> None:
        """Add bytes; if the queue is empty, the first ``sent`` of them have been sent already.

        Raises:
            OSError: If a descriptor can't be duplicated; nothing is added then.
        """
        if fds:
            self._pieces.append((data, duplicates(fds)))
        else:
            self._pieces.append(data)
        if sent:
            self._sent_of_first = sent
        self.size += len(data) - sent

    def next_batch(self) -> tuple[list[bytes | memoryview], Sequence[int]]:
        """Return the next batch: its pieces, and the descriptors for the first piece."""
        first = self._pieces[0]
        if isinstance(first, tuple):
            return [first[0]], first[1]
        start = self._sent_of_first
        batch: list[bytes | memoryview] = [memoryview(first)[start:] if start else first]
        size = len(first) - start
        for piece in islice(self._pieces, 1, limits.BATCH_PIECES):
            if size >= limits.BATCH_SIZE or isinstance(piece, tuple):
                break
            batch.append(piece)
            size += len(piece)
        return batch, ()

    def remove(self, sent: int) -> None:
        """Remove sent bytes from the start of the last batch."""
        first = self._pieces[0]
        if isinstance(first, tuple) and sent:
            # The descriptors were sent with the first byte.
            close_all(first[1])
            self._pieces[0] = first[0]
        self.size -= sent
        sent += self._sent_of_first
        while sent:
            size = len(self._pieces[0])
            if sent < size:
                break
            self._pieces.popleft()
            sent -= size
        self._sent_of_first = sent

    def drop(self) -> None:
        """Drop all bytes and close the descriptors."""
        for piece in self._pieces:
            if isinstance(piece, tuple):
                close_all(piece[1])
        self._pieces.clear()
        self._sent_of_first = self.size = 0
