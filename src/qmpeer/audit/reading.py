"""Reading an audit log: all its files in order, while its proxy may write and rotate it."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BufferedReader
from typing import Final

from qmpeer import limits
from qmpeer.audit.files import rotated_files

_BLOCK: Final = 1024 * 1024


def open_files(path: str) -> list[tuple[str, BufferedReader]]:
    """Open a log's files for reading, the oldest first, each with its name.

    Raises:
        OSError: If one can't be read.
    """
    with ExitStack() as stack:
        # The current one first: if it is rotated meanwhile, it is also among the full ones.
        current = stack.enter_context(open(path, "rb"))
        opened: list[tuple[str, BufferedReader]] = []
        for name in rotated_files(path):
            try:
                file = stack.enter_context(open(name, "rb"))
            except FileNotFoundError:  # the oldest one, removed meanwhile
                continue
            if not _is_same(file, current):
                opened.append((name, file))
        stack.pop_all()
        return [*opened, (path, current)]


def _is_same(one: BufferedReader, other: BufferedReader) -> bool:
    return os.path.sameopenfile(one.fileno(), other.fileno())


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
    files = open_files(path)
    try:
        rest = b""
        while True:
            file = files[0][1]
            if data := file.read(_BLOCK):
                *lines, rest = (rest + data).split(b"\n")
                if len(rest) > limits.AUDIT_LINE:  # no record
                    lines, rest = [*lines, rest], b""
                yield lines
            elif len(files) > 1:
                rest = b""  # behind it: what is torn stays torn
                file.close()
                del files[0]
            elif wait is None:
                return
            elif _is_current(path, file):
                yield []
                wait()
            else:
                files += _files_behind(path, file)
    finally:
        for _, file in files:
            file.close()


def _is_current(path: str, file: BufferedReader) -> bool:
    """Return whether a file is still at the log's path; also if there is none."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return True


def _files_behind(path: str, file: BufferedReader) -> list[tuple[str, BufferedReader]]:
    """Open the files that came after one; all of them if it isn't there any more."""
    files = open_files(path)
    at = next((at for at, (_, each) in enumerate(files) if _is_same(each, file)), -1)
    for _, each in files[: at + 1]:
        each.close()
    return files[at + 1 :]
