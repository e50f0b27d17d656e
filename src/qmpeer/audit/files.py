"""The files of an audit log: their names, the current one, rotation, and the end of a torn one.

The current file has the log's name. A full one gets the number of its first record behind that
name, and keeps it: audit.log.000000004711. So the names sort as the records do.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from io import BufferedReader
from typing import Final, NamedTuple

import msgspec

from qmpeer import limits
from qmpeer.audit.chain import NOTHING, parted
from qmpeer.errors import AuditError
from qmpeer.recording.private_file import open_private

_DIGITS: Final = 12


class Head(msgspec.Struct):
    """The members of a record that make it one of a chain."""

    number: int
    what: str
    log: str = ""
    key: str = ""


_decode: Final = msgspec.json.Decoder(Head).decode


class End(NamedTuple):
    """The end of a file of a log.

    Attributes:
        log: The log's id; "" if the file is empty.
        key: The name of its key.
        first: The number of the file's first record.
        number: The number of its last record; 0 if the file is empty.
        mac: The mac of that record.
        rest: The bytes behind it.
    """

    log: str = ""
    key: str = ""
    first: int = 1
    number: int = 0
    mac: str = NOTHING
    rest: bytes = b""


def rotated_name(path: str, first: int) -> str:
    """Return the name of a full file whose first record has this number."""
    return f"{path}.{first:0{_DIGITS}d}"


def rotated_files(path: str) -> list[str]:
    """Return a log's full files, the oldest first.

    Raises:
        OSError: If their folder can't be read.
    """
    folder, name = os.path.split(path)
    names = [
        each
        for each in os.listdir(folder or ".")
        if each.startswith(f"{name}.") and _is_number(each[len(name) + 1 :])
    ]
    return [os.path.join(folder, each) for each in sorted(names)]


def _is_number(text: str) -> bool:
    return len(text) == _DIGITS and text.isascii() and text.isdecimal()


def log_of(file: BufferedReader) -> Head | None:
    """Return the first record of a file, from its beginning; None if it isn't a log's."""
    file.seek(0)
    found = record_of(file.readline(limits.AUDIT_LINE).rstrip(b"\n"))
    file.seek(0)
    return found[0] if found is not None and found[0].log else None


def record_of(line: bytes) -> tuple[Head, str] | None:
    """Return a line's head and mac; None if it isn't a record."""
    parts = parted(line)
    if parts is None:
        return None
    try:
        return _decode(line), parts[1]
    except (msgspec.MsgspecError, ValueError):
        return None


def open_log(path: str) -> int:
    """Open a log for writing, by this process alone, readable by its owner only.

    Raises:
        AuditError: If another process writes it, or it belongs to somebody else, or isn't a file.
        OSError: If it can't be opened.
    """
    fd = open_private(path, os.O_NOFOLLOW)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise AuditError("found no regular file", path)
        if status.st_uid != os.geteuid():
            raise AuditError(
                f"found a file of user {status.st_uid}, expected one of user {os.geteuid()}", path
            )
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AuditError("another process writes it", path) from None
    except BaseException:
        os.close(fd)
        raise
    return fd


def end_of(path: str) -> End:
    """Return the end of a file of a log.

    Raises:
        AuditError: If it isn't a log.
        OSError: If it can't be read.
    """
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        if not size:
            return End()
        first = log_of(file)
        file.seek(max(0, size - 2 * limits.AUDIT_LINE))
        data = file.read()
    if first is None:
        raise AuditError("found another kind of file, expected an audit log", path)
    until = len(data)
    for line, end in _lines_from_the_end(data):
        found = record_of(line)
        if found is not None:
            head, mac = found
            rest = data[end:until]
            return End(first.log, first.key, first.number, head.number, mac, rest)
    raise AuditError(f"found no record in its last {len(data)} bytes", path)


def _lines_from_the_end(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the whole lines, the last one first, each with the place behind its line ending."""
    end = data.rfind(b"\n")
    while end >= 0:
        begin = data.rfind(b"\n", 0, end)
        yield data[begin + 1 : end], end + 1
        end = begin


def remove_leftovers(path: str) -> None:
    """Finish a rotation that was cut off."""
    with suppress(FileNotFoundError):
        os.unlink(new_name(path))
    for each in rotated_files(path)[-1:]:
        if os.path.samefile(each, path):
            os.unlink(each)


def new_name(path: str) -> str:
    """Return the name of the next file until it takes the place of the current one."""
    return f"{path}.new"


def take_place(path: str, first: int) -> None:
    """Give the current file its name among the full ones, and its place to the next one.

    There is a file at the path at every moment, so nobody else can create one.

    Args:
        path: The log's path.
        first: The number of the current file's first record.

    Raises:
        OSError: If it can't be done, such as in a folder where files can only grow.
    """
    os.link(path, rotated_name(path, first))
    try:
        os.rename(new_name(path), path)
    except OSError:
        os.unlink(rotated_name(path, first))
        raise


def take_free_place(path: str) -> None:
    """Give the next file the log's place, which nothing may have.

    Raises:
        OSError: If it can't be done, or another file is there.
    """
    os.link(new_name(path), path)
    os.unlink(new_name(path))


def sync_folder(path: str) -> None:
    """Write the names in a file's folder to the disk."""
    fd = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
