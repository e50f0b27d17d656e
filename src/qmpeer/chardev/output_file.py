"""A file that output goes to, whatever becomes of its disk.

What doesn't fit is lost. When the disk is full, one line says so; when there is room again, what
comes from then on is written.
"""

import logging
import os
from typing import Final

from qmpeer.chardev.host import Host

_logger: Final = logging.getLogger("qmpeer.chardev")


class OutputFile:
    """A file that is written to, and complained about once.

    Args:
        host: Opens and closes it.
        path: Where it is.
        appends: What is there stays, in front.
        lost: What a complaint says of the output.

    Raises:
        OSError: If it can't be opened.
    """

    def __init__(
        self, host: Host, path: str, *, appends: bool, lost: str = "output is lost"
    ) -> None:
        self._host = host
        self._path = path
        self._lost = lost
        self._has_failed = False
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if appends else os.O_TRUNC)
        self._fd: int | None = host.open_path(path, flags)

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
                _logger.error("%s can't be written, %s: %s", self._path, self._lost, error)
            return
        if self._has_failed:
            self._has_failed = False
            _logger.info("%s can be written again", self._path)

    def release(self) -> int | None:
        """Give up the descriptor, which is the caller's then."""
        fd, self._fd = self._fd, None
        return fd

    def close(self) -> None:
        """Close it; what is written afterwards is lost."""
        if (fd := self.release()) is not None:
            self._host.close_path(fd)
