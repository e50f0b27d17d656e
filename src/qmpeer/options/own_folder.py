"""A program's own folder for its sockets: new, with a short path, and removed at the end."""

import os
from types import TracebackType
from typing import Self

from qmpeer.transport.short_folder import short_folder


class OwnFolder:
    """A folder for sockets, as `short_folder` makes it when the first path in it is asked for."""

    def __init__(self) -> None:
        self._path: str | None = None

    def path(self, name: str) -> str:
        """Return the path for a socket.

        Raises:
            OSError: If the folder can't be made.
        """
        if self._path is None:
            self._path = short_folder(name)
        return os.path.join(self._path, name)

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
