"""Files by the names that users type: completion, reading, writing."""

import errno
import os
import select
import time
from collections.abc import Iterator
from typing import Final

from qmpeer import limits

_PIECE: Final = 1024 * 1024


def file_names(typed: str) -> Iterator[str]:
    """Yield the paths that begin with the typed text; a folder's path ends with a slash.

    Args:
        typed: The beginning of a path; ``~/`` stands for the home directory.
    """
    folder, slash, start = typed.rpartition("/")
    place = os.path.expanduser(folder + slash) or "."
    try:
        with os.scandir(place) as entries:
            found = []
            for entry in entries:
                if entry.name.startswith(start) and (start or not entry.name.startswith(".")):
                    found.append(entry.name + ("/" if _is_folder(entry) else ""))
                    if len(found) == limits.SHELL_COMPLETIONS:
                        break
    except (OSError, ValueError):
        return
    for name in sorted(found):
        yield folder + slash + name


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def read_text(path: str) -> str:
    """Return the text of a file; ``~/`` stands for the home directory.

    Raises:
        OSError: If it can't be read, is too large, or is a FIFO without a writer.
    """
    # Without O_NONBLOCK, opening a FIFO would wait for a writer.
    fd = os.open(os.path.expanduser(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        data = b"".join(_pieces(fd, path))
    finally:
        os.close(fd)
    if len(data) > limits.SHELL_STATEMENT:
        reason = f"too large: at most {limits.SHELL_STATEMENT} bytes are read"
        raise OSError(errno.EFBIG, reason, path)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise OSError(errno.EILSEQ, f"line {line} is not UTF-8", path) from None


def _pieces(fd: int, path: str) -> Iterator[bytes]:
    """Yield the bytes of a file up to the limit; a FIFO or a terminal must send them in time."""
    size, end = 0, time.monotonic() + limits.SHELL_SOURCE_TIMEOUT
    # Poll first: read() on a FIFO that nobody has opened for writing reports an end at once.
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    while size <= limits.SHELL_STATEMENT:
        patience = min(limits.SHELL_SOURCE_SILENCE, end - time.monotonic())
        if not poll.poll(max(0, round(patience * 1000))):
            reason = f"no data for {limits.SHELL_SOURCE_SILENCE:g} seconds"
            raise OSError(errno.ETIME, reason, path)
        try:
            piece = os.read(fd, min(_PIECE, limits.SHELL_STATEMENT + 1 - size))
        except OSError as error:  # it is a folder
            raise OSError(error.errno, error.strerror, path) from None
        if not piece:
            return
        size += len(piece)
        yield piece


def write_file(path: str, data: bytes) -> None:
    """Write a file, replacing an existing one; ``~/`` stands for the home directory.

    Raises:
        OSError: If it can't be written.
    """
    with open(os.path.expanduser(path), "wb") as file:
        file.write(data)
