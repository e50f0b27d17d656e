"""An output file that survives a full disk.

Output that doesn't fit is lost. A full disk is logged once. When there is room again, later output
is written.
"""

import logging
import os
from typing import Final

from qmpeer.chardev.host import Host

_logger: Final = logging.getLogger("qmpeer.chardev")


class OutputFile:
    """An output file whose failures are logged once.

    Args:
        host: Opens and closes the file.
        path: The file's path.
        appends: Append to the file instead of truncating it.
        lost: What the log says about the output when the file can't be written.

    Raises:
        OSError: If the file can't be opened.
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
        """Write all data; if that fails, the rest is lost."""
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
        """Return the descriptor, which the caller then owns."""
        fd, self._fd = self._fd, None
        return fd

    def close(self) -> None:
        """Close the file; later output is lost."""
        if (fd := self.release()) is not None:
            self._host.close_path(fd)
