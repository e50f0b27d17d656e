"""The writing of an audit log: what waits, trouble, full files, heads.

A write that fails begins a spell of trouble. In it, "strict" refuses commands, and "best-effort"
goes on without records. Every further record, and a timer, tries again. The first record that can
be written is `trouble`: how many records were lost, and how many commands were refused.
"""

import asyncio
import errno
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from qmpeer import limits
from qmpeer.audit.arguments import ArgumentText
from qmpeer.audit.chain_file import ChainFile, Sealed
from qmpeer.audit.commits import Commits, close_quietly
from qmpeer.audit.files import sync_folder
from qmpeer.audit.heads import Head, head_text
from qmpeer.audit.records import Clock, Note, Record
from qmpeer.errors import AuditError
from qmpeer.values import JsonObject, JsonValue


class Trouble:
    """A spell of trouble.

    Attributes:
        reason: The system's reason.
        since: When it began.
        lost: The records that were lost.
        refused: The commands that were refused.
    """

    def __init__(self, reason: str, since: str) -> None:
        self.reason = reason
        self.since = since
        self.lost = 0
        self.refused = 0


class LogWriter:
    """The writer of one log: one file at a time, used on one event loop.

    Args:
        path: The file.
        key: The key of the chain; None for a plain digest.
        pause: Seconds between a record for which nothing waits and its sync; None for no syncs.
        head: The place to which heads of the chain are sent; None for none.
        every: After how many records a head is sent.
        size: The bytes after which a new file begins.
        keep: The full files that are kept.
        opened: Further members of the first record.
        on_trouble: Called with a sentence at the beginning of each spell of trouble.
        clock: The clock of the records.
        arguments: Blanks the secrets in them.
        write: Writes to a file, as os.write does.
        sync: Writes a file's data to the disk, as os.fdatasync does.

    Attributes:
        path: The same.
        commits: The syncs; None for none.

    Raises:
        AuditError: If another process writes the file, or it isn't an audit log of this key.
        OSError: If it can't be opened or written.
    """

    def __init__(
        self,
        path: str,
        *,
        key: bytes | None,
        pause: float | None,
        head: Head | None,
        every: int,
        size: int,
        keep: int,
        opened: Mapping[str, JsonValue],
        on_trouble: Callable[[str], None],
        clock: Clock,
        arguments: ArgumentText,
        write: Callable[[int, bytes], int],
        sync: Callable[[int], None],
    ) -> None:
        self.path: str = path
        self.commits: Commits | None = None
        self._head = head
        self._every = every
        self._size = size
        self._full_at = size
        self._keep = keep
        self._on_trouble = on_trouble
        self._clock = clock
        self._arguments = arguments
        self._pending: list[Record] = []  # ends, until something is written
        self._ready: Sealed | None = None  # the lines of those that are pending, or of the first
        self._is_seal_due = False
        self._is_flush_due = False
        self._trouble: Trouble | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._last_look = 0
        self._is_file_lost = False
        self._is_head_lost = False
        self._is_closed = False
        self._file = ChainFile(self.path, key, write)
        self._last_head = self._file.last
        try:
            self.write([self._note("opened", {**self._file.identity, **opened})])
            if pause is not None:
                sync(self._file.fd)
                sync_folder(self.path)
        except BaseException:
            close_quietly(self._file.fd)
            raise
        if pause is not None:
            self.commits = Commits(self._file, sync, pause, self._sync_failed)

    def write(self, more: list[Record]) -> None:
        """Write what is pending, and more records.

        Raises:
            OSError: If not all could be written.
        """
        if self._is_closed:  # its descriptor may be that of another file by now
            raise OSError(errno.EBADF, "it is closed")
        file = self._file
        ready, self._ready = self._ready, None
        known = 0 if ready is None else len(ready.lines)
        records = [*self._pending[known:], *more] if len(self._pending) > known else more
        explanations = 0
        if self._trouble is not None or file.torn is not None:
            ready, records = None, [self._explanation(), *self._pending, *more]
            explanations = 1
        before = file.last
        error = file.append(file.sealed(records, ready))
        if error is not None:
            if whole := file.last - before:
                self._trouble = None if explanations else self._trouble
                del self._pending[: whole - explanations]
            raise error
        self._trouble = None
        self._pending.clear()
        if self.commits is not None:
            self.commits.touch()
        if file.last - self._last_head >= self._every:
            self._send_head()
        if file.size >= self._full_at:
            self._rotate()
        if file.last - self._last_look >= limits.AUDIT_LOOK:
            self._look_for_file()

    def write_later(self, record: Record) -> None:
        """Write a record with the next one, or a moment later."""
        self._pending.append(record)
        if not self._is_seal_due:
            self._is_seal_due = True
            asyncio.get_running_loop().call_soon(self._seal)
        if len(self._pending) > limits.AUDIT_PENDING:
            self._flush()
            if self._trouble is not None and self._pending:
                del self._pending[0]
                self._trouble.lost += 1

    def note(self, what: str, facts: Mapping[str, Any]) -> None:
        """Write a record about anything else; see `AuditLog.note`."""
        try:
            self.write([self._note(what, facts)])
        except OSError as error:
            self.in_trouble(error).lost += 1

    def _note(self, what: str, facts: Mapping[str, Any]) -> Note:
        return Note(time=self._clock.now(), what=what, facts=self._arguments.facts(facts))

    def _seal(self) -> None:
        """Make the lines of what is pending, while the client reads its reply."""
        self._is_seal_due = False
        if self._pending and self._trouble is None and self._file.torn is None:
            ready = self._ready
            known = 0 if ready is None else len(ready.lines)
            self._ready = self._file.sealed(self._pending[known:], ready)
        if not self._is_flush_due:
            self._is_flush_due = True
            asyncio.get_running_loop().call_later(limits.AUDIT_ENDS, self._flush)

    def _flush(self) -> None:
        """Write what is pending, or that nothing could be written."""
        self._is_flush_due = False
        if (self._pending or self._trouble is not None) and not self._is_closed:
            try:
                self.write([])
            except OSError as error:
                self.in_trouble(error)

    def _explanation(self) -> Note:
        """Return the record that says what was lost, or what the torn bytes before it are."""
        facts: dict[str, JsonValue] = {"reason": "found the beginning of a record"}
        if (trouble := self._trouble) is not None:
            facts = {
                "reason": trouble.reason,
                "since": trouble.since,
                "lost": trouble.lost,
                "refused": trouble.refused,
            }
        if (torn := self._file.torn_fact) is not None:
            facts["torn"] = torn
        return self._note("trouble", facts)

    def in_trouble(self, error: OSError) -> Trouble:
        """Return the spell of trouble; begin one if there is none."""
        if self._file.fd < 0:
            return Trouble(error_text(error), self._clock.now())  # nobody looks for it any more
        if self._trouble is None:
            self._trouble = Trouble(error_text(error), self._clock.now())
            self._on_trouble(f"the audit log {self.path} can't be written: {error_text(error)}")
        if self._retry is None:
            with suppress(RuntimeError):  # no loop is running
                loop = asyncio.get_running_loop()
                self._retry = loop.call_later(limits.AUDIT_RETRY, self._try_again)
        return self._trouble

    def _try_again(self) -> None:
        self._retry = None
        self._flush()

    def _sync_failed(self, error: OSError) -> None:
        self.in_trouble(error)

    # Rotation and heads

    def _rotate(self) -> None:
        first = self._first_of_file(os.path.basename(self._file.next_name))
        try:
            full = self._file.rotate(first, self._keep, is_synced=self.commits is not None)
        except (OSError, AuditError) as error:
            self._full_at = self._file.size + self._size  # later again
            self._trouble_with(f"no new file can be begun: {error}")
        else:
            self._has_begun_file(full)

    def _look_for_file(self) -> None:
        """Begin a new file if somebody has moved or removed this one: it would be lost."""
        self._last_look = self._file.last
        if self._file.is_in_place:
            self._is_file_lost = False
            return
        if not self._is_file_lost:
            self._is_file_lost = True
            self._trouble_with("somebody has moved or removed the file")
        try:
            first = self._first_of_file("")
            full = self._file.replace(first, is_synced=self.commits is not None)
        except (OSError, AuditError):
            return  # there is another file; look again later
        self._has_begun_file(full)

    def _first_of_file(self, before: str) -> Note:
        facts: JsonObject = {"before": {"file": before, "mac": self._file.mac}}
        return self._note("continued", {**self._file.identity, **facts})

    def _has_begun_file(self, full: int) -> None:
        self._full_at = self._size
        if self.commits is not None:
            self.commits.retire(full)
        else:
            close_quietly(full)
        self._send_head()

    def _send_head(self) -> None:
        head, file = self._head, self._file
        if head is None:
            self._last_head = file.last
            return
        self._last_head = file.last
        try:
            head.send(head_text(file.last, file.mac, file.log))
            self._is_head_lost = False
        except OSError as error:
            if not self._is_head_lost:
                self._is_head_lost = True
                self._trouble_with(f"the head can't be sent: {error_text(error)}")

    def _trouble_with(self, reason: str) -> None:
        """Record trouble for which no record is lost."""
        self._on_trouble(f"the audit log {self.path}: {reason}")
        self.note("trouble", {"reason": reason, "lost": 0, "refused": 0})

    def close(self) -> None:
        """Record the end, bring it to the disk if `fsync` asks for that, send the head, close."""
        if self._is_closed:
            return
        self._full_at = sys.maxsize  # no new file behind the last record
        self.note("closed", {})
        self._is_closed = True
        if self._retry is not None:
            self._retry.cancel()
        try:
            if self.commits is not None:
                self.commits.close()
        finally:  # also if a command that waited raises
            self._send_head()
            if self._head is not None:
                self._head.close()
            close_quietly(self._file.fd)
            self._file.fd = -1


def error_text(error: OSError) -> str:
    """Return the system's reason."""
    return error.strerror or str(error)
