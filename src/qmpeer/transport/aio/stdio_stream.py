"""A stream on two descriptors of any kind: pipes, a socket, a terminal, files.

Standard input and output belong to the process and stay open. While the stream is open, they are in
non-blocking mode, which affects all processes that share them; close() and abort() restore the
mode. A terminal keeps its settings.

Spec: on a terminal QEMU leaves echo and canonical mode on for control monitors.
"""

import errno
import os
from collections.abc import Callable, Sequence

from qmpeer import limits
from qmpeer.transport.aio.descriptor_stream import DescriptorStream
from qmpeer.transport.aio.stream import NO_FDS


class StdioStream(DescriptorStream):
    """A stream on a descriptor for reading and one for writing, which may be the same.

    Args:
        read_fd: The descriptor for reading.
        write_fd: The descriptor for writing.
        peer: The peer's name in logs.
        close_fd: Closes the descriptors at the end; without it they stay open.
    """

    __slots__ = ("_close_fd", "_is_plain_input", "_was_blocking")

    def __init__(
        self,
        read_fd: int,
        write_fd: int,
        peer: str = "stdio",
        close_fd: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__(read_fd, write_fd, peer)
        self._close_fd = close_fd
        self._is_plain_input = False
        self._was_blocking = [(fd, os.get_blocking(fd)) for fd in (read_fd, write_fd)]
        os.set_blocking(read_fd, False)
        os.set_blocking(write_fd, False)

    def _readable(self) -> bool:
        if self._is_paused or not self._is_reading:
            self._unwatch_reading()
            return False
        try:
            data = os.read(self._read_fd, limits.READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            if error.errno != errno.EIO:
                self._finish(error)
                return False
            data = b""  # EIO: the terminal has hung up
        # The loop doesn't watch such input, so the next read is scheduled here.
        if self._is_plain_input and data:
            self._loop.call_soon(self._readable)
        return self._hand_over(data, NO_FDS)

    def _watch_reading(self) -> None:
        if not self._is_plain_input:
            try:
                super()._watch_reading()
                return
            except PermissionError:
                # epoll refuses regular files and /dev/null, which are always readable.
                self._is_plain_input = True
        self._has_reader = True
        self._loop.call_soon(self._readable)

    def _unwatch_reading(self) -> None:
        if self._is_plain_input:
            self._has_reader = False
        else:
            super()._unwatch_reading()

    def _transmit(self, pieces: Sequence[bytes | memoryview], fds: Sequence[int]) -> int:
        return os.writev(self._write_fd, pieces)

    def _release(self) -> None:
        if self._close_fd is not None:
            for fd in {self._read_fd, self._write_fd}:
                self._close_fd(fd)
            return
        for fd, was_blocking in reversed(self._was_blocking):
            try:
                os.set_blocking(fd, was_blocking)
            except OSError:
                pass  # closed by other code
