"""Output into a file, and input from another if there is one.

A full disk doesn't end the device: one line of the log says so, and what doesn't fit is lost.
"""

import logging
import os
from typing import ClassVar, Final

from qmpeer.chardev.device import Chardev
from qmpeer.chardev.owned_stream import OwnedStream
from qmpeer.chardev.sink import SinkStream
from qmpeer.errors import ChardevError

_logger: Final = logging.getLogger("qmpeer.chardev")


class FileDevice(Chardev):
    """Write to a file; it is emptied first unless it is appended to."""

    kind: ClassVar[str] = "file"

    _fd: int | None = None
    _has_failed = False

    @property
    def filename(self) -> str:
        """What query-chardev calls its filename."""
        return self.kind

    async def _open(self) -> None:
        appends = bool(self.data.get("append"))
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if appends else os.O_TRUNC)
        fd = self._open_path(str(self.data["out"]), flags)
        if "in" not in self.data:
            self._fd = fd
            sink = SinkStream(self.kind, self._write)
            sink.start(self._connect(sink))
            return
        try:
            read_fd = self._open_path(str(self.data["in"]), os.O_RDONLY | os.O_NONBLOCK)
        except ChardevError:
            os.close(fd)
            raise
        stream = OwnedStream(read_fd, fd, self.kind)
        stream.start(self._connect(stream))

    def close(self) -> None:
        """Close the file, unless a front end may still write to it."""
        super().close()
        if self._link is None:
            self._close_file()

    def _disconnected(self, error: OSError | None) -> None:
        self._close_file()

    def _close_file(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open_path(self, path: str, flags: int) -> int:
        try:
            return self._surroundings.open_path(path, flags)
        except OSError as error:
            raise ChardevError(f"Could not open '{path}': {error.strerror}") from error

    def _write(self, data: bytes) -> None:
        if self._fd is None:
            return
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            if not self._has_failed:
                self._has_failed = True
                _logger.error("%s can't be written, output is lost: %s", self.data["out"], error)
            return
        self._has_failed = False
