"""The server's files that one judgement looks at, held open until it is over.

Who judges a file and then opens it anew may get another one. What is held here is judged, looked
into and opened as one and the same file, whatever happens to its path meanwhile.
"""

from contextlib import ExitStack

from qmpeer.policy.paths import Place, ServerFiles, head_of, open_again, placement_failure


class HeldFiles:
    """The files of one judgement. Close them when it is over.

    Args:
        files: The server's files.
    """

    __slots__ = ("_files", "_places", "_stack")

    def __init__(self, files: ServerFiles) -> None:
        self._files = files
        self._places: dict[str, Place] = {}
        self._stack = ExitStack()

    def _place(self, path: str) -> Place:
        place = self._places.get(path)
        if place is None:
            place = self._places[path] = self._stack.enter_context(self._files.walked(path))
        return place

    def under(self, path: str, folder: str) -> str | None:
        """Do as `ServerFiles.under` does."""
        return placement_failure(path, folder, self._place)

    def head(self, path: str, size: int) -> bytes | None:
        """Do as `ServerFiles.head` does."""
        return head_of(self._place(path), path, size)

    def open(self, path: str, flags: int) -> int:
        """Return a new descriptor of a file.

        Raises:
            OSError: If there is none, or if it may not be opened in this way.
            ValueError: If it is neither a file nor a block device.
        """
        place = self._place(path)
        if place.fd is None:
            raise FileNotFoundError(2, "there is no such file", path)
        return open_again(place.fd, flags)

    def close(self) -> None:
        """Close all of them."""
        self._stack.close()
        self._places.clear()
