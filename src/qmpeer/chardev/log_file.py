"""The log of a device's output (``logfile=``, ``logappend=``).

A failing log doesn't stop its device.

Spec: QEMU logs the output of a front end, not its input.
"""

import errno
import os
from collections.abc import Sequence

from qmpeer.chardev.host import Host
from qmpeer.chardev.output_file import OutputFile
from qmpeer.errors import ChardevError
from qmpeer.transport.aio.stream import Stream, StreamLayer


def open_log(host: Host, path: str, *, appends: bool) -> OutputFile:
    """Open or create a log.

    Raises:
        ChardevError: If it can't be opened, in QEMU's words.
    """
    try:
        return OutputFile(host, path, appends=appends, lost="its device goes on without it")
    except OSError as error:
        raise ChardevError(_refusal(path, appends, error)) from error


def _refusal(path: str, appends: bool, error: OSError) -> str:
    if not path.startswith("/dev/fdset/"):
        return f"Could not create '{path}': {error.strerror}"
    if error.errno == errno.EINVAL:
        return f"Could not parse fdset {path}"
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if appends else os.O_TRUNC)
    return f"Could not dup FD for {path} flags {flags:x}: {error.strerror}"


class LoggedStream(StreamLayer):
    """A stream whose output is logged."""

    __slots__ = ("_log",)

    def __init__(self, raw: Stream, log: OutputFile) -> None:
        super().__init__(raw)
        self._log = log

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Send bytes, and log them."""
        self._log.write(data)
        self._raw.write(data, fds)
