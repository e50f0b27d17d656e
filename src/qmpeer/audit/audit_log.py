"""The audit log: what clients did, recorded before it is done.

A command has two records, joined by number. The first, `begin`, is handed to the system before
`AuditLog.begin` returns, so before the command can be sent, and outlives the proxy however that
ends. The second, `end`, is written with the next record, or a moment later (`limits.AUDIT_ENDS`):
so a command costs one write. A kill until then loses it: the log has no outcome for this command.
Only ``fsync="command"`` also holds against a loss of power (`AuditLog.when_safe`).

A write that fails begins a spell of trouble. In it, "strict" refuses commands, and "best-effort"
goes on without records. Every further record, and a timer, tries again. The first record that can
be written is `trouble`: how many records were lost, and how many commands were refused.
"""

import asyncio
import errno
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal, TypeAlias

import msgspec

from qmpeer import limits
from qmpeer.audit.arguments import ArgumentText
from qmpeer.audit.chain_file import ChainFile, Sealed
from qmpeer.audit.commits import Commits, close_quietly
from qmpeer.audit.files import sync_folder
from qmpeer.audit.heads import Head, head_text
from qmpeer.audit.records import Begin, Clock, End, Note, Outcome, Record, recorded_text
from qmpeer.errors import AuditError
from qmpeer.messages import CommandMessage
from qmpeer.values import UNSET, JsonObject, JsonValue

Mode: TypeAlias = Literal["strict", "best-effort"]
"""What happens to a command that can't be recorded: it is refused, or sent all the same."""
Fsync: TypeAlias = Literal["off", "command"] | float
"""When records go to the disk: when the system likes, before each command, each so many seconds."""


class _Trouble:
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


class AuditLog:
    """The audit log of one proxy: one file at a time, used on one event loop.

    Opening it records that, and goes on with the chain of a log that is there.

    Args:
        path: The file.
        mode: See `Mode`.
        fsync: See `Fsync`.
        key: The key of the chain, 1 to 64 bytes; None for a plain digest.
        head: The place to which heads of the chain are sent; None for none.
        every: After how many records a head is sent. One is sent at the end, too.
        size: The bytes after which a new file begins.
        keep: The full files that are kept; older ones are removed.
        on_trouble: Called with a sentence at the beginning of each spell of trouble.
        clock: Returns the nanoseconds since 1970.
        write: Writes to a file, as os.write does.
        sync: Writes a file's data to the disk, as os.fdatasync does.

    Attributes:
        path: The same.

    Raises:
        AuditError: If the file can't be opened or written, another process writes it, or it isn't
            an audit log of this key.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        mode: Mode = "strict",
        fsync: Fsync = "off",
        key: bytes | None = None,
        head: Head | None = None,
        every: int = limits.AUDIT_HEAD,
        size: int = limits.AUDIT_SIZE,
        keep: int = limits.AUDIT_KEEP,
        on_trouble: Callable[[str], None] = lambda text: None,
        clock: Callable[[], int] = time.time_ns,
        write: Callable[[int, bytes], int] = os.write,
        sync: Callable[[int], None] = os.fdatasync,
    ) -> None:
        self.path: str = os.fspath(path)
        self._is_strict = mode == "strict"
        self._fsync = fsync
        self._head = head
        self._every = every
        self._size = size
        self._full_at = size
        self._keep = keep
        self._on_trouble = on_trouble
        self._clock = Clock(clock)
        self._arguments = ArgumentText()
        self._pending: list[Record] = []  # ends, until something is written
        self._ready: Sealed | None = None  # the lines of those that are pending, or of the first
        self._is_seal_due = False
        self._is_flush_due = False
        self._trouble: _Trouble | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._last_look = 0
        self._is_file_lost = False
        self._is_head_lost = False
        self._is_closed = False
        self._commits: Commits | None = None
        try:
            self._file = ChainFile(self.path, key, write)
            self._last_head = self._file.last
            facts = {**self._file.identity, "pid": os.getpid(), "mode": mode, "fsync": fsync}
            try:
                self._write([self._note("opened", facts)])
                if fsync != "off":
                    sync(self._file.fd)
                    sync_folder(self.path)
            except BaseException:
                close_quietly(self._file.fd)
                raise
        except OSError as error:
            raise AuditError(_text(error), self.path) from error
        if fsync != "off":
            pause = limits.AUDIT_SYNC if fsync == "command" else float(fsync)
            self._commits = Commits(self._file, sync, pause, self._sync_failed)

    # What is recorded

    def begin(
        self, client: int, command: CommandMessage, *, rule: str | None = None, fds: int = 0
    ) -> int:
        """Record that a command is about to be sent.

        Args:
            client: The client's number.
            command: The command.
            rule: The name of the rule that allowed it.
            fds: The number of descriptors that came with it.

        Returns:
            The record's number, for `when_safe` and `end`; 0 if it couldn't be recorded and is sent
            all the same.

        Raises:
            AuditError: If it couldn't be recorded, and mustn't be sent.
        """
        text, is_cut = self._arguments.of(command)
        record = Begin(
            time=self._clock.now(),
            what="begin",
            client=client,
            command=recorded_text(command.name),
            arguments=msgspec.Raw(text) if text else UNSET,
            is_cut=is_cut,
            rule=UNSET if rule is None else rule,
            is_oob=command.is_oob,
            fds=fds,
        )
        try:
            self._write([record])
        except OSError as error:
            trouble = self._in_trouble(error)
            if self._is_strict:
                trouble.refused += 1
                reason = f"the audit log can't be written: {trouble.reason}"
                raise AuditError(reason, self.path) from error
            trouble.lost += 1
            return 0
        return record.number

    @property
    def is_slow(self) -> bool:
        """True if `when_safe` waits for the disk."""
        return self._fsync == "command"

    def when_safe(
        self, number: int, send: Callable[[], None], refuse: Callable[[AuditError], None]
    ) -> None:
        """Send a command once its first record is as safe as `fsync` asks for.

        With `fsync="command"` that is later, in the order of the calls; otherwise at once.

        Args:
            number: What `begin` returned.
            send: Sends the command.
            refuse: Called instead if the record can't be brought to the disk and the mode is
                "strict".
        """
        if self._commits is None or self._fsync != "command" or not number:
            send()
            return

        def give_up(error: OSError) -> None:
            if self._is_strict:
                reason = f"the audit log can't be brought to the disk: {_text(error)}"
                refuse(AuditError(reason, self.path))
            else:
                send()

        self._commits.wait(number, send, give_up)

    def end(
        self, number: int, outcome: Outcome, seconds: float, error_class: str = "", desc: str = ""
    ) -> None:
        """Record the outcome of a command.

        Args:
            number: What `begin` returned.
            outcome: The outcome.
            seconds: The time from begin to end.
            error_class: The class of an error.
            desc: Its description; the secrets of recent commands are blanked.
        """
        if not number:
            return
        if desc:
            desc = recorded_text(self._arguments.scrubbed(desc))
            error_class = recorded_text(error_class)
        record = End(
            time=self._clock.now(),
            what="end",
            begin=number,
            outcome=outcome,
            seconds=round(seconds, 6),
            error_class=error_class,
            desc=desc,
        )
        self._pending.append(record)
        if not self._is_seal_due:
            self._is_seal_due = True
            asyncio.get_running_loop().call_soon(self._seal)
        if len(self._pending) > limits.AUDIT_PENDING:
            self._flush()
            if self._trouble is not None and self._pending:
                del self._pending[0]
                self._trouble.lost += 1

    def note(self, what: str, **facts: Any) -> None:
        """Record anything else, such as a client that came, or a denial.

        Args:
            what: What happened: connected, left, denied, policy, server.
            facts: JSON values, or a CommandMessage as `command`, whose arguments are blanked.
        """
        try:
            self._write([self._note(what, facts)])
        except OSError as error:
            self._in_trouble(error).lost += 1

    def _note(self, what: str, facts: dict[str, Any]) -> Note:
        return Note(time=self._clock.now(), what=what, facts=self._arguments.facts(facts))

    # Writing

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
                self._write([])
            except OSError as error:
                self._in_trouble(error)

    def _write(self, more: list[Record]) -> None:
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
        if self._commits is not None:
            self._commits.touch()
        if file.last - self._last_head >= self._every:
            self._send_head()
        if file.size >= self._full_at:
            self._rotate()
        if file.last - self._last_look >= limits.AUDIT_LOOK:
            self._look_for_file()

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

    def _in_trouble(self, error: OSError) -> _Trouble:
        """Return the spell of trouble; begin one if there is none."""
        if self._file.fd < 0:
            return _Trouble(_text(error), self._clock.now())  # nobody looks for it any more
        if self._trouble is None:
            self._trouble = _Trouble(_text(error), self._clock.now())
            self._on_trouble(f"the audit log {self.path} can't be written: {_text(error)}")
        if self._retry is None:
            with suppress(RuntimeError):  # no loop is running
                loop = asyncio.get_running_loop()
                self._retry = loop.call_later(limits.AUDIT_RETRY, self._try_again)
        return self._trouble

    def _try_again(self) -> None:
        self._retry = None
        self._flush()

    def _sync_failed(self, error: OSError) -> None:
        self._in_trouble(error)

    # Rotation and heads

    def _rotate(self) -> None:
        first = self._first_of_file(os.path.basename(self._file.next_name))
        try:
            full = self._file.rotate(first, self._keep, is_synced=self._commits is not None)
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
            full = self._file.replace(first, is_synced=self._commits is not None)
        except (OSError, AuditError):
            return  # there is another file; look again later
        self._has_begun_file(full)

    def _first_of_file(self, before: str) -> Note:
        facts: JsonObject = {"before": {"file": before, "mac": self._file.mac}}
        return self._note("continued", {**self._file.identity, **facts})

    def _has_begun_file(self, full: int) -> None:
        self._full_at = self._size
        if self._commits is not None:
            self._commits.retire(full)
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
                self._trouble_with(f"the head can't be sent: {_text(error)}")

    def _trouble_with(self, reason: str) -> None:
        """Record trouble for which no record is lost."""
        self._on_trouble(f"the audit log {self.path}: {reason}")
        self.note("trouble", reason=reason, lost=0, refused=0)

    def close(self) -> None:
        """Record the end, bring it to the disk if `fsync` asks for that, send the head, close."""
        if self._is_closed:
            return
        self._full_at = sys.maxsize  # no new file behind the last record
        self.note("closed")
        self._is_closed = True
        if self._retry is not None:
            self._retry.cancel()
        try:
            if self._commits is not None:
                self._commits.close()
        finally:  # also if a command that waited raises
            self._send_head()
            if self._head is not None:
                self._head.close()
            close_quietly(self._file.fd)
            self._file.fd = -1


def _text(error: OSError) -> str:
    return error.strerror or str(error)
