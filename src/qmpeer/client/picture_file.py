"""The file that a server writes a picture into, and that we read."""

import os
import tempfile
from contextlib import suppress
from typing import IO

from qmpeer import limits
from qmpeer.display.pictures import Picture, picture_of_ppm


class UnreadableError(OSError):
    """A picture that the server wrote where we can't read it, or that isn't one."""


class PictureFile:
    """A temporary file for pictures, one after the other; you have to close it.

    A file without a path is in no folder, and the server needs a descriptor. A file with a path is
    in a temporary folder: every user can enter that, but the file's name is random.

    Args:
        has_path: True for a file that the server opens by its path.

    Attributes:
        path: Its path; "" if it has none.
        descriptor: A descriptor for the server, -1 for a file with a path. It is for writing only:
            QEMU takes from a set only a descriptor whose access mode is the one that it needs.
    """

    def __init__(self, has_path: bool) -> None:
        self.path: str = ""
        self.descriptor: int = -1
        self._folder: str | None = None
        self._file: IO[bytes]
        if not has_path:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - close() closes it
            self.descriptor = os.open(f"/proc/self/fd/{self._file.fileno()}", os.O_WRONLY)
            return
        self._folder = tempfile.mkdtemp(prefix="qmpeer-")
        os.chmod(self._folder, 0o711)
        self.path = os.path.join(self._folder, os.urandom(8).hex())
        self._file = open(self.path, "x+b")  # noqa: SIM115 - so does this
        os.chmod(self.path, 0o666)  # the server may run as another user; the name is a secret

    def clear(self) -> None:
        """Remove the picture, so that the server writes the next one to the beginning."""
        self._file.truncate(0)
        if self.descriptor >= 0:
            os.lseek(self.descriptor, 0, os.SEEK_SET)  # the server's copy shares this position

    def picture(self) -> Picture:
        """Return the picture that was written.

        Raises:
            UnreadableError: If the server wrote none, or none that we can read.
        """
        self._file.seek(0)
        data = self._file.read(limits.PICTURE + 1)
        if len(data) > limits.PICTURE:
            raise UnreadableError(f"the server wrote more than {limits.PICTURE} bytes")
        if not data:
            raise UnreadableError("the server wrote no picture where it can be read from here")
        try:
            return picture_of_ppm(data)
        except ValueError as error:
            raise UnreadableError(f"the server {error}") from error

    def close(self) -> None:
        """Close the file and remove it."""
        self._file.close()
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
        if self._folder is not None:
            with suppress(OSError):
                os.unlink(self.path)
            with suppress(OSError):
                os.rmdir(self._folder)
