"""The file of an audit log as it is written: whole lines, one chain, rotation."""

import errno
import hashlib
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from qmpeer.audit.chain import Chain, key_name, parted
from qmpeer.audit.commits import close_quietly
from qmpeer.audit.files import (
    end_of,
    new_name,
    open_log,
    remove_leftovers,
    rotated_files,
    rotated_name,
    sync_folder,
    take_free_place,
    take_place,
)
from qmpeer.audit.records import Record, encoded
from qmpeer.errors import AuditError
from qmpeer.values import JsonObject

FORMAT: Final = 1
"""The version of the log's format."""


class Torn:
    """Bytes behind the last record that are no record, such as the beginning of one.

    Attributes:
        size: Their number.
        is_line: True if they end with a line ending.
    """

    __slots__ = ("_digest", "is_line", "size")

    def __init__(self, data: bytes) -> None:
        self.size: int = len(data)
        self.is_line: bool = data.endswith(b"\n")
        self._digest = hashlib.blake2b(data, digest_size=20)

    def plus(self, data: bytes) -> "Torn":
        """Return these bytes and more."""
        more = Torn(b"")
        more._digest = self._digest.copy()
        more._digest.update(data)
        more.size = self.size + len(data)
        more.is_line = data.endswith(b"\n") if data else self.is_line
        return more

    @property
    def fact(self) -> JsonObject:
        """Their number and their digest, as the record behind them says them."""
        return {"bytes": self.size, "blake2b": self._digest.hexdigest()}


class Sealed(NamedTuple):
    """Lines that continue a chain.

    Attributes:
        number: The number of the last record.
        mac: Its mac.
        lines: The lines.
    """

    number: int
    mac: str
    lines: tuple[bytes, ...]


class ChainFile:
    """The file to which an audit log is written, by this process alone.

    Args:
        path: The file; a log that is there goes on.
        key: The key of its chain; None for a plain digest.
        write: Writes to a file, as os.write does.

    Attributes:
        path: The same.
        log: The log's id, the same over all its files.
        fd: The file.
        size: Its bytes.
        last: The number of the last record.
        mac: The mac of that record.
        torn: What is behind it, to be explained by the next one; None for nothing.

    Raises:
        AuditError: If another process writes it, or it isn't an audit log of this key.
        OSError: If it can't be opened.
    """

    def __init__(
        self, path: str, key: bytes | None, write: Callable[[int, bytes], int] = os.write
    ) -> None:
        self.path: str = path
        self.fd: int = open_log(path)
        self._key = key_name(key)
        self._chain = Chain(key)
        self._os_write = write
        try:
            remove_leftovers(path)
            end = end_of(path)
            if end.log and end.key != self._key:
                theirs, ours = (f"key {key}" if key else "no key" for key in (end.key, self._key))
                raise AuditError(f"found a log with {theirs}, expected one with {ours}", path)
            self.size: int = os.fstat(self.fd).st_size
        except BaseException:
            os.close(self.fd)
            raise
        self.log: str = end.log or secrets.token_hex(8)
        self.last: int = end.number
        self.mac: str = end.mac
        self.torn: Torn | None = Torn(end.rest) if end.rest else None
        self._first = end.first

    @property
    def identity(self) -> JsonObject:
        """The facts in the first record of each file: which log it is of."""
        return {"format": FORMAT, "log": self.log, "key": self._key}

    def sealed(self, records: Sequence[Record], before: Sealed | None = None) -> Sealed:
        """Give records their numbers, and return their lines.

        Args:
            records: The records.
            before: What is to be written before them; None for nothing.
        """
        number, mac, lines = before or Sealed(self.last, self.mac, ())
        sealed = self._chain.sealed
        more: list[bytes] = []
        for record in records:
            number += 1
            record.number = number
            mac, line = sealed(mac, encoded(record))
            more.append(line)
        return Sealed(number, mac, (*lines, *more))

    def append(self, sealed: Sealed) -> OSError | None:
        """Write lines, which `sealed` has made since the last ones were written.

        If there are torn bytes, the first record has to explain them (`torn_fact`).

        Returns:
            None, or the error; then `last` tells which ones were written.
        """
        number, mac, lines = sealed
        lead = b"" if self.torn is None else self._line_ending
        data = lead + b"".join(lines) if lead or len(lines) > 1 else lines[0]
        written, error = self._write(data)
        self.size += written
        if error is not None:
            self._keep_whole(lead, lines, data[:written])
            return error
        self.torn = None
        self.last, self.mac = number, mac
        return None

    @property
    def torn_fact(self) -> JsonObject | None:
        """The fact that explains torn bytes, with what is added to end their line."""
        return None if self.torn is None else self.torn.plus(self._line_ending).fact

    @property
    def _line_ending(self) -> bytes:
        # More than a line ending: a record that lacks only that one isn't to become whole.
        return b"" if self.torn is None or self.torn.is_line else b"#\n"

    def _write(self, data: bytes) -> tuple[int, OSError | None]:
        """Write bytes, and return how many are written, and what went wrong."""
        written = 0
        while written < len(data):
            try:
                count = self._os_write(self.fd, data[written:] if written else data)
            except OSError as error:
                return written, error
            if not count:
                return written, OSError(errno.EIO, os.strerror(errno.EIO))
            written += count
        return written, None

    def _keep_whole(self, lead: bytes, lines: Sequence[bytes], data: bytes) -> None:
        """Note which of some lines are written, whole or torn, when not all of them are."""
        rest, whole = data[len(lead) :], 0
        while len(rest) >= len(lines[whole]):  # ends: not all are there
            rest = rest[len(lines[whole]) :]
            whole += 1
        if not whole:
            if data:
                self.torn = (self.torn or Torn(b"")).plus(data)
            return
        self.torn = Torn(rest) if rest else None
        parts = parted(lines[whole - 1][:-1])
        assert parts is not None
        self.last, self.mac = self.last + whole, parts[1]

    @property
    def is_in_place(self) -> bool:
        """True if the file is still at its path; False if somebody has moved or removed it."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self.fd))
        except OSError:
            return False

    def rotate(self, first: Record, keep: int, *, is_synced: bool) -> int:
        """Begin a new file, and remove the oldest ones.

        Args:
            first: The record with which it begins, and which names the file before it.
            keep: The number of full files to keep.
            is_synced: True to bring the new file's name to the disk.

        Returns:
            The full file, for the caller to close.

        Raises:
            OSError: If it can't be done; then the log goes on in the full file.
        """
        full = self._begin_file(first, lambda: take_place(self.path, self._first), is_synced)
        with suppress(OSError):  # the next rotation tries again
            old = rotated_files(self.path)
            for each in old[: max(0, len(old) - keep)]:
                os.unlink(each)
        return full

    def replace(self, first: Record, *, is_synced: bool) -> int:
        """Begin a new file in the place of one that somebody has moved or removed.

        The arguments and the result are those of `rotate`.

        Raises:
            OSError: If it can't be done, such as because another file is there.
        """
        return self._begin_file(first, lambda: take_free_place(self.path), is_synced)

    def _begin_file(self, first: Record, take: Callable[[], None], is_synced: bool) -> int:
        path, new = self.path, new_name(self.path)
        with suppress(FileNotFoundError):
            os.unlink(new)
        fd = open_log(new)
        try:
            first.number = self.last + 1
            mac, line = self._chain.sealed(self.mac, encoded(first))
            if (written := self._os_write(fd, line)) < len(line):
                raise OSError(errno.ENOSPC, f"{written} of {len(line)} bytes were written")
            take()
        except BaseException:
            close_quietly(fd)
            with suppress(OSError):
                os.unlink(new)
            raise
        full, self.fd = self.fd, fd
        self.last, self.mac, self._first = first.number, mac, first.number
        self.size = len(line)
        self.torn = None
        if is_synced:
            with suppress(OSError):  # a disk that fails is told of by the sync of the file
                sync_folder(path)
        return full

    @property
    def next_name(self) -> str:
        """The name that the current file gets when it is full."""
        return rotated_name(self.path, self._first)
