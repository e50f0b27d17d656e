"""The file of a recording: whole lines that only its owner may read."""

import errno
import fcntl
import os
import stat
import sys
import warnings
from contextlib import suppress

from qmpeer import limits
from qmpeer.recording.private_file import open_private


class TextFile:
    """A file to which whole lines are appended, each at once.

    The first failure ends the writing, and so does the size at which the file couldn't be read any
    more, `limits.TRANSCRIPT_SIZE`: the file keeps the whole lines before it, a warning goes to
    the log (or to `warnings` if the program hasn't imported `logging`), and further lines are
    dropped.

    Args:
        path: The file. Its mode becomes 0600.

    Attributes:
        failure: The failure that has ended the writing, None so far.

    Raises:
        OSError: If it can't be written, can't be made private, or another recording writes it.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self.failure: OSError | None = None
        self._fd = -1
        self._fd = open_private(path)
        try:
            status = os.fstat(self._fd)
            self._is_regular = stat.S_ISREG(status.st_mode)
            if self._is_regular:
                self._lock()
            self._size = status.st_size
            self.is_empty: bool = not status.st_size
            """True if the file had nothing in it."""
            self._is_torn = self._is_regular and status.st_size > 0 and not _ends_whole(path)
        except BaseException:
            self.close()
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            reason = "another recording is being written to it"
            raise OSError(errno.EBUSY, reason, self._path) from None

    def write(self, text: str) -> None:
        """Append lines; nothing is raised."""
        if self._fd >= 0 and self.failure is None:
            try:
                self.append(text)
            except OSError as error:
                self._warn(error)

    def append(self, text: str) -> None:
        """Append lines.

        Raises:
            OSError: If they can't be written; it is the file's failure.
        """
        if self._is_torn:  # a program has died while it wrote
            text, self._is_torn = f"\n{text}", False
        data = text.encode("utf-8", "replace")
        done = 0
        self._size += len(data)
        try:
            if self._is_regular and self._size > limits.TRANSCRIPT_SIZE:
                raise OSError(
                    errno.EFBIG, f"more than {limits.TRANSCRIPT_SIZE} bytes can't be read"
                )
            while done < len(data):
                done += os.write(self._fd, data[done:] if done else data)
        except OSError as error:
            self._remove(done)
            self.failure = OSError(error.errno, error.strerror, self._path)
            raise self.failure from error

    def _remove(self, written: int) -> None:
        """Remove a line that was written in part."""
        if written and self._is_regular:
            with suppress(OSError):
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)

    def _warn(self, error: OSError) -> None:
        text = f"the recording in {self._path} is incomplete: {error.strerror}"
        logging = sys.modules.get("logging")
        if logging is not None:
            logging.getLogger("qmpeer.recording").warning("%s", text)
        else:
            with suppress(Warning):  # a program may have made it an error
                warnings.warn(text, RuntimeWarning, stacklevel=2)

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _ends_whole(path: str) -> bool:
    """Return whether the last line of a file has its end."""
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"
