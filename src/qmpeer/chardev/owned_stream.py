"""A stream on descriptors of a device's own: closed at its end."""

import os
from collections.abc import Callable

from qmpeer.transport.aio.stdio_stream import StdioStream


class OwnedStream(StdioStream):
    """Read one descriptor and write another, and close both at the end."""

    __slots__ = ("_close_fd",)

    def __init__(
        self, read_fd: int, write_fd: int, peer: str, close_fd: Callable[[int], None] = os.close
    ) -> None:
        super().__init__(read_fd, write_fd)
        self._peer = peer
        self._close_fd = close_fd

    def _release(self) -> None:
        for fd in {self._read_fd, self._write_fd}:
            self._close_fd(fd)
