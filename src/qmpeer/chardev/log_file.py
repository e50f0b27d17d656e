"""The file that a device's output is written to as well (``logfile=``, ``logappend=``).

A log never stops what it logs.

Spec: QEMU logs what a front end writes, not what it reads.
"""

import errno
import os
from collections.abc import Callable, Sequence

from qmpeer.chardev.output_file import ClosePath, OpenPath, OutputFile
from qmpeer.errors import ChardevError
from qmpeer.transport.aio import Stream


def open_log(
    path: str, appends: bool, open_path: OpenPath, close_path: ClosePath = os.close
) -> OutputFile:
    """Open or create a log.

    Raises:
        ChardevError: If that can't be done, in QEMU's words.
    """
    try:
        return OutputFile(
            path,
            appends=appends,
            open_path=open_path,
            close_path=close_path,
            lost="and goes on without",
        )
    except OSError as error:
        raise ChardevError(_refusal(path, appends, error)) from error


def _refusal(path: str, appends: bool, error: OSError) -> str:
    if not path.startswith("/dev/fdset/"):
        return f"Could not create '{path}': {error.strerror}"
    if error.errno == errno.EINVAL:
        return f"Could not parse fdset {path}"
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if appends else os.O_TRUNC)
    return f"Could not dup FD for {path} flags {flags:x}: {error.strerror}"


class LoggedStream(Stream):
    """Be another stream, and log what is written to it."""

    __slots__ = ("_log", "_stream")

    def __init__(self, stream: Stream, log: OutputFile) -> None:
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

    @property
    def is_over(self) -> bool:
        """Whether it is known to be closed."""
        return self._stream.is_over

    @property
    def own(self) -> str:
        """Our end, written as `peer` is."""
        return self._stream.own
