"""New folders for unix sockets, with paths that are short enough for every system."""

import os
import shutil
import tempfile
from types import TracebackType
from typing import Final, Self

from qmpeer import limits

_PREFIX: Final = "qmpeer-"
_SHORT: Final = "/tmp"


class ShortFolder:
    """A folder for sockets, which is made when the first path in it is asked for.

    Only the user may enter it. It is in the folder for temporary files, or in ``/tmp`` if paths
    would be too long there for other systems' unix sockets. As a context manager it removes itself.
    """

    def __init__(self) -> None:
        self._path: str | None = None

    def path(self, name: str) -> str:
        """Return the path for a socket.

        Raises:
            OSError: If the folder can't be made.
        """
        if self._path is None:
            self._path = _make_folder(name)
        return os.path.join(self._path, name)

    def remove(self) -> None:
        """Remove the folder with what is still in it. Idempotent."""
        if self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)
            self._path = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()


def _make_folder(name: str) -> str:
    """Make a folder in which the path for this name is short enough, and return its path."""
    folder = tempfile.mkdtemp(prefix=_PREFIX)  # with mode 0700
    if len(os.fsencode(folder)) + 1 + len(os.fsencode(name)) <= limits.SHORT_UNIX_PATH:
        return folder
    os.rmdir(folder)
    return tempfile.mkdtemp(prefix=_PREFIX, dir=_SHORT)
