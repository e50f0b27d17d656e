"""Files on this side of a copy: whole or not at all, and counted on a terminal."""

import os
import tempfile
from contextlib import ExitStack
from time import monotonic
from typing import BinaryIO, Final

from qmpeer.cli.exits import UsageError, about_file
from qmpeer.cli.live_bars import Show, bars_on
from qmpeer.cli.output import standard_error
from qmpeer.client.agent_answers import Readable, Writable
from qmpeer.display.bars import Bar

_PATIENCE: Final = 1.0
"""Seconds after which a copy is long enough for a bar."""


def naming(path: str, file: str | None) -> str:
    r"""Return the name of the file that a guest's file is copied to.

    Args:
        path: Of the guest's file; on Windows with backslashes.
        file: A file, a folder, or None for this folder.

    Raises:
        UsageError: If the path doesn't end in a name.

    Example:
        >>> naming("/etc/hostname", None), naming("C:\\logs\\a.txt", None)
        ('hostname', 'a.txt')
    """
    if file is not None and not os.path.isdir(file):
        return file
    name = path.replace("\\", "/").rpartition("/")[2]
    if name in ("", ".", ".."):
        raise UsageError(f"found {path!r}, expected the path of a file")
    return os.path.join(file, name) if file is not None else name


class Whole:
    """A file that appears under its name once all of it is there.

    Args:
        path: Its name; what was there before is replaced.

    Raises:
        FileError: If it can't be written; here as in all its methods.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        with about_file(path):
            self._file: BinaryIO = self._open()

    def _open(self) -> BinaryIO:
        self._is_special = os.path.exists(self._path) and not os.path.isfile(self._path)
        if self._is_special:  # such as /dev/null
            return open(self._path, "wb")
        folder = os.path.dirname(os.path.realpath(self._path))
        number, self._part = tempfile.mkstemp(prefix=".qmpeer-", dir=folder)
        return open(number, "wb")

    def write(self, data: bytes, /) -> None:
        """Add to it."""
        with about_file(self._path):
            self._file.write(data)

    def commit(self) -> None:
        """Put it in its place: all of it is there."""
        with about_file(self._path):
            self._commit()

    def _commit(self) -> None:
        self._file.close()
        if not self._is_special:
            target = os.path.realpath(self._path)
            os.chmod(self._part, _mode_of(target))
            os.replace(self._part, target)
            self._is_special = True

    def __enter__(self) -> "Whole":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        if not self._is_special:
            os.unlink(self._part)


def _mode_of(path: str) -> int:
    """Return the permissions of a file, or those that a new one gets."""
    try:
        return os.stat(path).st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


class Counted:
    """A count of what passes, shown on a terminal if it takes long.

    Args:
        name: What is copied.
        total: How many bytes there will be; 0 if that isn't known.
        source: What is read from, if it is read.
        sink: What is written to, if it is written.
    """

    def __init__(
        self,
        name: str,
        total: int = 0,
        *,
        source: Readable | None = None,
        sink: Writable | None = None,
    ) -> None:
        self._name = name
        self._total = total
        self._source = source
        self._sink = sink
        self._count = 0
        self._end = monotonic() + _PATIENCE
        self._output = standard_error()
        self._stack = ExitStack()
        self._show: Show | None = None

    def read(self, size: int, /) -> bytes:
        """Return the next bytes."""
        assert self._source is not None
        data = self._source.read(size)
        self._add(len(data))
        return data

    def write(self, data: bytes, /) -> None:
        """Write some bytes."""
        assert self._sink is not None
        self._sink.write(data)
        self._add(len(data))

    def _add(self, count: int) -> None:
        self._count += count
        if not self._output.is_terminal or monotonic() < self._end:
            return
        if self._show is None:
            self._show = self._stack.enter_context(bars_on(self._output))
        self._show([Bar(self._name, "", self._count, self._total)])

    def __enter__(self) -> "Counted":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()
