"""Reading an audit log: all its files in order, while its proxy may write and rotate it."""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from io import BufferedReader
from typing import Final

from qmpeer import limits
from qmpeer.audit.files import log_of, rotated_files

_BLOCK: Final = 1024 * 1024


def open_files(path: str) -> Generator[tuple[str, BufferedReader], None, None]:
    """Open a log's files one after the other, the oldest first, and yield each with its name.

    A file is closed when the next one is asked for. What is rotated meanwhile isn't missed.

    Raises:
        OSError: If one can't be read.
    """
    number, name = -1, ""
    while name != path:
        name, file = _open_behind(path, number)
        with file:
            number = _first_number(name, path)
            yield name, file


def _open_behind(path: str, number: int) -> tuple[str, BufferedReader]:
    """Open the first file whose first record has a greater number, or else the current one."""
    # The current one first: if it is rotated in this moment, it is also among the full ones.
    with ExitStack() as stack:
        current = stack.enter_context(open(path, "rb"))
        for name in rotated_files(path):
            if _first_number(name, path) <= number:
                continue
            try:
                file = stack.enter_context(open(name, "rb"))
            except FileNotFoundError:  # the oldest one, removed meanwhile
                continue
            if not os.path.sameopenfile(file.fileno(), current.fileno()):
                stack.pop_all()
                current.close()
                return name, file
            file.close()
        stack.pop_all()
        return path, current


def _first_number(name: str, path: str) -> int:
    """Return the number of a full file's first record, which its name has; 0 for the current."""
    return int(name[len(path) + 1 :] or 0)


def lines_of(file: BufferedReader) -> Iterator[bytes]:
    """Yield a file's lines with their line endings; one that is too long comes in pieces."""
    return iter(lambda: file.readline(limits.AUDIT_LINE), b"")


def line_blocks(path: str, wait: Callable[[], None] | None = None) -> Iterator[list[bytes]]:
    """Yield a log's lines without their line endings, many at a time.

    Args:
        path: The log.
        wait: Called behind the last line, after an empty block; then the log is read on, for
            ever, through its rotations. None to end there.

    Raises:
        OSError: If a file can't be read.
    """
    number, rest = -1, b""
    while True:
        name, file = _open_behind(path, number)
        with file:
            first = log_of(file)
            number = max(number, _first_number(name, path) if first is None else first.number)
            is_full = name != path
            while True:
                if data := file.read(_BLOCK):
                    *lines, rest = (rest + data).split(b"\n")
                    if len(rest) > limits.AUDIT_LINE:  # no record
                        lines, rest = [*lines, rest], b""
                    yield lines
                elif is_full:
                    break
                elif not _is_current(path, file):
                    is_full = True  # what came before that is still to be read
                elif wait is None:
                    return
                else:
                    yield []
                    wait()
        rest = b""  # what is torn stays torn


def _is_current(path: str, file: BufferedReader) -> bool:
    """Return whether a file is still at the log's path; also if there is none."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return True
