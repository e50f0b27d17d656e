"""The audit log: what clients did, recorded before it is done.

A command has two records, joined by number. The first, `begin`, is handed to the system before
`AuditLog.begin` returns, so before the command can be sent, and outlives the proxy however that
ends. The second, `end`, is written with the next record, or a moment later (`limits.AUDIT_ENDS`):
so a command costs one write. A kill until then loses it: the log has no outcome for this command.
Only ``fsync="command"`` also holds against a loss of power (`AuditLog.when_safe`).

`log_writer` has how a log is written, and what happens when that fails.
"""

import os
import time
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import msgspec

from qmpeer import limits
from qmpeer.audit.arguments import ArgumentText
from qmpeer.audit.heads import Head
from qmpeer.audit.log_writer import LogWriter, error_text
from qmpeer.audit.records import Begin, Clock, End, Outcome, recorded_text
from qmpeer.errors import AuditError
from qmpeer.messages import CommandMessage
from qmpeer.values import UNSET

Mode: TypeAlias = Literal["strict", "best-effort"]
"""What happens to a command that can't be recorded: it is refused, or sent all the same."""
Fsync: TypeAlias = Literal["off", "command"] | float
"""When records go to the disk: when the system likes, before each command, each so many seconds."""


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
        self._clock = Clock(clock)
        self._arguments = ArgumentText()
        pause = None
        if fsync != "off":
            pause = limits.AUDIT_SYNC if fsync == "command" else float(fsync)
        try:
            self._writer = LogWriter(
                self.path,
                key=key,
                pause=pause,
                head=head,
                every=every,
                size=size,
                keep=keep,
                opened={"pid": os.getpid(), "mode": mode, "fsync": fsync},
                on_trouble=on_trouble,
                clock=self._clock,
                arguments=self._arguments,
                write=write,
                sync=sync,
            )
        except OSError as error:
            raise AuditError(error_text(error), self.path) from error

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
            self._writer.write([record])
        except OSError as error:
            trouble = self._writer.in_trouble(error)
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
        commits = self._writer.commits
        if commits is None or self._fsync != "command" or not number:
            send()
            return

        def give_up(error: OSError) -> None:
            if self._is_strict:
                reason = f"the audit log can't be brought to the disk: {error_text(error)}"
                refuse(AuditError(reason, self.path))
            else:
                send()

        commits.wait(number, send, give_up)

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
        self._writer.write_later(record)

    def note(self, what: str, **facts: Any) -> None:
        """Record anything else, such as a client that came, or a denial.

        Args:
            what: What happened: connected, left, denied, policy, server.
            facts: JSON values, or the CommandMessage that was denied as `command`; its arguments
                are blanked, and cut earlier than those of a command that is sent.
        """
        self._writer.note(what, facts)

    def close(self) -> None:
        """Record the end, bring it to the disk if `fsync` asks for that, send the head, close."""
        self._writer.close()
