"""The file that a device's output is written to as well (``logfile=``, ``logappend=``).

A log must never stop what it logs: when the disk is full, one line says so, and the device goes on;
when there is room again, so does the log.

Spec: QEMU logs what a front end writes, not what it reads.
"""

import logging
import os
from collections.abc import Callable, Sequence
from typing import Final

from qmpeer.errors import ChardevError
from qmpeer.transport.aio import Stream

_logger: Final = logging.getLogger("qmpeer.chardev")


class LogFile:
    """Append to a file, and never complain twice."""

    def __init__(self, path: str, appends: bool, open_path: Callable[[str, int], int]) -> None:
        """Open or create it.

        Raises:
            ChardevError: If that can't be done, in QEMU's words.
        """
        self._path = path
        self._has_failed = False
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if appends else os.O_TRUNC)
        try:
            self._fd: int | None = open_path(path, flags)
        except OSError as error:
            raise ChardevError(f"Could not create '{path}': {error.strerror}") from error

    def write(self, data: bytes) -> None:
        """Write all of it, or lose the rest."""
        if self._fd is None:
            return
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            if not self._has_failed:
                self._has_failed = True
                _logger.error("%s can't be written, and goes on without: %s", self._path, error)
            return
        if self._has_failed:
            self._has_failed = False
            _logger.info("%s can be written again", self._path)

    def close(self) -> None:
        """Close it; what is written afterwards is lost."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class LoggedStream(Stream):
    """Be another stream, and log what is written to it."""

    __slots__ = ("_log", "_stream")

    def __init__(self, stream: Stream, log: LogFile) -> None:
        self._stream = stream
        self._log = log

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Send bytes, and log them."""
        self._log.write(data)
        self._stream.write(data, fds)

    def pause_reading(self) -> None:
        """Hold back data_received() and eof_received() until resume_reading()."""
        self._stream.pause_reading()

    def resume_reading(self) -> None:
        """Let data_received() be called again."""
        self._stream.resume_reading()

    def close(self) -> None:
        """Stop reading, send what is unsent, then close."""
        self._stream.close()

    def abort(self) -> None:
        """Close now and drop what is unsent."""
        self._stream.abort()

    def tell_hangup(self, callback: Callable[[], None]) -> None:
        """Have a function called when the peer is gone for good."""
        self._stream.tell_hangup(callback)

    @property
    def unsent(self) -> int:
        """Bytes that write() accepted and the kernel hasn't yet."""
        return self._stream.unsent

    @property
    def peer(self) -> str:
        """Who is at the other end, for logs."""
        return self._stream.peer
