"""A program's own folder for its sockets: new, with a short path, and removed at the end."""

import os
import tempfile
from types import TracebackType
from typing import Final, Self

from qmpeer import limits

_PREFIX: Final = "qmpeer-"
_SHORT: Final = "/tmp"


class OwnFolder:
    """A folder for sockets, made when the first path in it is asked for.

    Only the user may enter it. It is in the folder for temporary files, or in ``/tmp`` if paths
    would be too long there for other systems' unix sockets.
    """

    def __init__(self) -> None:
        self._path: str | None = None

    def path(self, name: str) -> str:
        """Return the path for a socket.

        Raises:
            OSError: If the folder can't be made.
        """
        if self._path is None:
            self._path = self._make(len(name))
        return os.path.join(self._path, name)

    def _make(self, length: int) -> str:
        folder = tempfile.mkdtemp(prefix=_PREFIX)  # with mode 0700
        if len(os.fsencode(folder)) + 1 + length <= limits.SHORT_UNIX_PATH:
            return folder
        os.rmdir(folder)
        return tempfile.mkdtemp(prefix=_PREFIX, dir=_SHORT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the folder with the sockets that are still in it."""
        if self._path is None:
            return
        try:
            for entry in os.scandir(self._path):
                os.unlink(entry.path)
            os.rmdir(self._path)
        except OSError:
            pass  # somebody else has put something there, or has removed it
