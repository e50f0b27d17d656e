"""Names of files, for completion and for what is read or written."""

import errno
import os
from collections.abc import Iterator

from qmpeer import limits

__all__ = ["file_names", "read_text", "write_file"]


def file_names(typed: str) -> Iterator[str]:
    """Give the paths that begin with what was typed; those of folders end in a slash.

    Args:
        typed: A path, or its beginning; ``~/`` stands for the home.
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
    """Return what a file holds; ``~/`` stands for the home.

    Raises:
        OSError: If it can't be read, or is too large.
    """
    with open(os.path.expanduser(path), "rb") as file:
        data = file.read(limits.SHELL_STATEMENT + 1)
    if len(data) > limits.SHELL_STATEMENT:
        reason = f"too large: at most {limits.SHELL_STATEMENT} bytes are read"
        raise OSError(errno.EFBIG, reason, path)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise OSError(errno.EILSEQ, f"line {line} is not UTF-8", path) from None


def write_file(path: str, data: bytes) -> None:
    """Make a file of some bytes, or replace it.

    Raises:
        OSError: If it can't be written.
    """
    with open(os.path.expanduser(path), "wb") as file:
        file.write(data)
