"""Two descriptors as a stream, whatever they are: pipes, a socket, a terminal, files.

Those of standard input and output are the process's and stay open. While the stream lives they
don't block, which everyone notices who shares them; close() and abort() put that back. A terminal
keeps its settings.

Spec: on a terminal QEMU leaves echo and canonical mode on for control monitors.
"""

import errno
import os
from collections.abc import Callable, Sequence

from qmpeer import limits
from qmpeer.transport.aio.descriptor_stream import DescriptorStream
from qmpeer.transport.aio.stream import NO_FDS


class StdioStream(DescriptorStream):
    """A descriptor to read and one to write, which may be the same.

    Args:
        read_fd: The one to read.
        write_fd: The one to write.
        peer: Who is at the other end, for logs.
        close_fd: Closes each of them at the end; without it they stay open.
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
            data = b""  # a terminal that hung up
        if self._is_plain_input and data:
            self._loop.call_soon(self._readable)
        return self._hand_over(data, NO_FDS)

    def _watch_reading(self) -> None:
        if not self._is_plain_input:
            try:
                super()._watch_reading()
                return
            except PermissionError:
                # Regular files and /dev/null can't be watched, and never let anybody wait.
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
                pass  # closed by somebody else
