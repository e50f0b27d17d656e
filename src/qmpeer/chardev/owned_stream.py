"""A stream on descriptors of a device's own: closed at its end."""

import os

from qmpeer.transport.aio.stdio_stream import StdioStream


class OwnedStream(StdioStream):
    """Read one descriptor and write another, and close both at the end."""

    __slots__ = ()

    def __init__(self, read_fd: int, write_fd: int, peer: str) -> None:
        super().__init__(read_fd, write_fd)
        self._peer = peer

    def _release(self) -> None:
        for fd in {self._read_fd, self._write_fd}:
            os.close(fd)
