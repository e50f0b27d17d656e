"""A file that output goes to, whatever becomes of its disk.

What doesn't fit is lost. When the disk is full, one line says so; when there is room again, what
comes from then on is written.
"""

import logging
import os
from collections.abc import Callable
from typing import Final

_logger: Final = logging.getLogger("qmpeer.chardev")

OpenPath = Callable[[str, int], int]
"""Opens a path with flags, as os.open() does."""

ClosePath = Callable[[int], None]
"""Closes what OpenPath has opened."""


class OutputFile:
    """Write to a file, and never complain twice.

    Args:
        path: Where it is.
        appends: What is there stays, in front.
        open_path: Opens it.
        close_path: Closes it.
        lost: What a complaint says of the output.

    Raises:
        OSError: If it can't be opened.
    """

    def __init__(
        self,
        path: str,
        *,
        appends: bool,
        open_path: OpenPath,
        close_path: ClosePath = os.close,
        lost: str = "output is lost",
    ) -> None:
        self._path = path
        self._lost = lost
        self._has_failed = False
        self._close_path = close_path
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if appends else os.O_TRUNC)
        self._fd: int | None = open_path(path, flags)

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
            self._close_path(fd)
