"""The local file of a copy, written whole or not at all, and its progress on a terminal."""

import os
import tempfile
from contextlib import ExitStack
from time import monotonic
from typing import BinaryIO, Final

from qmpeer.cli.exits import UsageError, about_file
from qmpeer.cli.live_bars import ShowBars, bars_on
from qmpeer.cli.output import standard_error
from qmpeer.client.agent_answers import Readable, Writable
from qmpeer.display.bars import Bar

_BAR_DELAY: Final = 1.0
"""Seconds after which a copy shows a progress bar."""


def copy_target(path: str, file: str | None) -> str:
    r"""Return the path of the local file that a guest's file is copied to.

    Args:
        path: The path of the guest's file; on Windows with backslashes.
        file: A local file, a local folder, or None for the current folder.

    Raises:
        UsageError: If the path doesn't end in a file's name.

    Example:
        >>> copy_target("/etc/hostname", None), copy_target("C:\\logs\\a.txt", None)
        ('hostname', 'a.txt')
    """
    if file is not None and not os.path.isdir(file):
        return file
    name = path.replace("\\", "/").rpartition("/")[2]
    if name in ("", ".", ".."):
        raise UsageError(f"found {path!r}, expected the path of a file")
    return os.path.join(file, name) if file is not None else name


class AtomicFile:
    """A file that appears under its name only when it is complete.

    Until then it is a temporary file in the same folder, so that the last step is a rename.

    Args:
        path: Its path; a file that was there before is replaced.

    Raises:
        FileError: If it can't be written; also in all methods.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        with about_file(path):
            self._file: BinaryIO = self._open()

    def _open(self) -> BinaryIO:
        self._is_special = os.path.exists(self._path) and not os.path.isfile(self._path)
        if self._is_special:  # such as /dev/null: a rename would replace the device by a file
            return open(self._path, "wb")
        folder = os.path.dirname(os.path.realpath(self._path))
        number, self._part = tempfile.mkstemp(prefix=".qmpeer-", dir=folder)
        return open(number, "wb")

    def write(self, data: bytes, /) -> None:
        """Append some bytes."""
        with about_file(self._path):
            self._file.write(data)

    def commit(self) -> None:
        """Move the complete file to its path."""
        with about_file(self._path):
            self._commit()

    def _commit(self) -> None:
        self._file.close()
        if not self._is_special:
            target = os.path.realpath(self._path)
            os.chmod(self._part, _mode_of(target))
            os.replace(self._part, target)
            self._is_special = True

    def __enter__(self) -> "AtomicFile":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        if not self._is_special:
            os.unlink(self._part)


def _mode_of(path: str) -> int:
    """Return the permissions of a file, or those that a new one would get."""
    try:
        return os.stat(path).st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)  # the only way to read it
        os.umask(mask)
        return 0o666 & ~mask


class CountedStream:
    """A stream that counts its bytes, and shows a progress bar if the copy takes long.

    Args:
        name: The name beside the bar.
        total: The number of bytes expected; 0 if that isn't known.
        source: The stream to read from, for reading.
        sink: The stream to write to, for writing.
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
        self._end = monotonic() + _BAR_DELAY
        self._output = standard_error()
        self._stack = ExitStack()
        self._show: ShowBars | None = None

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

    def __enter__(self) -> "CountedStream":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()
