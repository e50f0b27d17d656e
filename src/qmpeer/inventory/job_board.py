"""The states of a server's jobs and of its migration.

The states come from queries, sent now and then, and from the events in between.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from qmpeer import limits
from qmpeer.client import Client
from qmpeer.client.answers import text_of
from qmpeer.client.blocking.job_run import job_states
from qmpeer.client.jobs import NEXT_COMMANDS, JobState, members_of_event
from qmpeer.client.migration import read_migration
from qmpeer.display.bars import Bar
from qmpeer.errors import CommandError
from qmpeer.messages import Event
from qmpeer.values import JsonObject

T = TypeVar("T")

EVENTS: Final = (
    "JOB_STATUS_CHANGE",
    "BLOCK_JOB_COMPLETED",
    "BLOCK_JOB_CANCELLED",
    "BLOCK_JOB_ERROR",
    "MIGRATION",
)
"""The events that report changes of jobs."""
MIGRATION: Final = "migration"
"""The id of the migration among the jobs."""
_NEXT_OF_MIGRATION: Final = {
    "pre-switchover": "migrate-continue state=pre-switchover",
    "postcopy-paused": "migrate resume=true uri=…",
}
"""The commands that resume a waiting migration, by the state in which it waits."""
_ENDED: Final = frozenset({"concluded", "null", "completed", "failed", "cancelled"})
_RESTING: Final = frozenset({*NEXT_COMMANDS, *_ENDED, "pre-switchover", "none"})


class BoardEntry(JobState, frozen=True):
    """The state of a job or of the migration; the status of a job that is gone is "null".

    Attributes:
        was_seen_running: True if it was seen at least once before it ended.
    """

    was_seen_running: bool = False

    @property
    def is_resting(self) -> bool:
        """True if it has ended, or waits for a command."""
        return self.status in _RESTING or self.stop_reason is not None

    @property
    def is_failed(self) -> bool:
        """True if it has failed, was cancelled, or was stopped by an error."""
        return self.error is not None or self.stop_reason is not None

    @property
    def advice(self) -> str:
        """A sentence with the command that makes it go on; "" if it needs none."""
        if self.id == MIGRATION:
            command = _NEXT_OF_MIGRATION.get(self.status)
        elif self.stop_reason is not None:
            command = f"job-resume id={self.id}"
        else:
            command = NEXT_COMMANDS.get(self.status)
            command = command and f"{command} id={self.id}"
        if command is None:
            return ""
        if self.stop_reason is not None:
            return f"{self.id} was stopped by an error: {self.stop_reason}; to go on: {command}"
        return f"{self.id} is {self.status}: {command}"

    @property
    def bar(self) -> Bar:
        """Its state as a progress bar."""
        status = "done" if self.status in ("null", "concluded", "completed") else self.status
        if self.stop_reason is not None:
            status = f"stopped: {self.stop_reason}"
        parts = (self.type if self.id != self.type else "", self.error or status)
        return Bar(
            self.id,
            " ".join(filter(None, parts)),
            self.current,
            self.total,
            is_over=self.status in _ENDED,
            is_failed=self.is_failed,
        )


class JobBoard:
    """The states of all jobs.

    Args:
        wanted: The ids of the jobs to keep; empty for all jobs and the migration.
    """

    def __init__(self, wanted: Sequence[str] = ()) -> None:
        self._wanted = frozenset(wanted)
        self._entries: dict[str, BoardEntry] = {}

    @property
    def entries(self) -> list[BoardEntry]:
        """The states, in the order in which the jobs were first seen."""
        return list(self._entries.values())

    @property
    def is_over(self) -> bool:
        """True if every job rests."""
        return all(entry.is_resting for entry in self._entries.values())

    @property
    def missing(self) -> list[str]:
        """The wanted ids that were never seen."""
        return sorted(self._wanted - self._entries.keys())

    # Answers to queries

    def update(self, jobs: Iterable[JobState], migration: Any) -> None:
        """Replace the states by the server's answers.

        Args:
            jobs: The states of all jobs.
            migration: The return value of query-migrate; None if there is none.
        """
        entries = [BoardEntry(**msgspec.structs.asdict(job)) for job in jobs]
        if isinstance(migration, dict) and migration.get("status", "none") != "none":
            entries.append(migration_entry(migration))
        there = set()
        for entry in entries:
            there.add(entry.id)
            self._put(entry)
        for entry in list(self._entries.values()):
            if entry.id not in there and entry.id != MIGRATION:
                self._put(msgspec.structs.replace(entry, status="null"))

    def _put(self, entry: BoardEntry) -> None:
        if self._wanted and entry.id not in self._wanted:
            return
        before = self._entries.get(entry.id)
        error = entry.error
        if before is not None and error is None and entry.status in _ENDED:
            error = before.error
        if error is None and entry.status == "null" and before is not None:
            # It was dismissed between two queries. Its last status is all that is left of it.
            if before.status == "aborting":
                error = "failed, the reason is gone"
            else:
                entry = msgspec.structs.replace(entry, current=entry.total)
        was_running = before is not None and before.was_seen_running
        self._entries[entry.id] = msgspec.structs.replace(
            entry,
            error=error,
            was_seen_running=was_running or entry.status not in _ENDED,
        )
        if len(self._entries) > limits.JOBS:
            ended = (each.id for each in self._entries.values() if each.status in _ENDED)
            del self._entries[next(ended, entry.id)]

    # Events

    def apply_event(self, event: Event) -> None:
        """Apply an event: it may be the last trace of a job, which no query returns afterwards."""
        data = event.data
        if event.name == "MIGRATION":
            entry = self._entries.get(MIGRATION)
            if entry is not None:
                self._put(_changed(entry, data))
            return
        name = text_of(data.get("id", data.get("device")))
        entry = self._entries.get(name)
        if entry is None:
            entry = BoardEntry(id=name, type=text_of(data.get("type")), status="created")
        if event.name == "JOB_STATUS_CHANGE":
            self._put(_changed(entry, data))
            return
        changes = members_of_event(data)
        if event.name == "BLOCK_JOB_CANCELLED":
            changes["error"] = "cancelled"
        if event.name != "BLOCK_JOB_ERROR" and entry.status in ("created", "running", "ready"):
            changes["status"] = "concluded"  # before QEMU 3.0 no JOB_STATUS_CHANGE reports it
        self._put(msgspec.structs.replace(entry, **changes))


def refresh_board(client: Client, board: JobBoard) -> None:
    """Query the states of all jobs and of the migration.

    Raises:
        QMPError: As `Client.execute`; commands that the server doesn't have are skipped.
        OSError: As `Client.execute`.
    """
    jobs = _asked(lambda: job_states(client, client.command_timeout))
    board.update(jobs or (), _asked(lambda: client.execute("query-migrate")))


def _asked(ask: Callable[[], T]) -> T | None:
    """Return a command's return value; None if the server doesn't have the command."""
    try:
        return ask()
    except CommandError as error:
        if error.error_class != "CommandNotFound":
            raise
    return None


def _changed(entry: BoardEntry, data: JsonObject) -> BoardEntry:
    return msgspec.structs.replace(entry, status=text_of(data.get("status")), stop_reason=None)


def migration_entry(info: dict[str, Any]) -> BoardEntry:
    """Return the migration's state from the return value of query-migrate."""
    state = read_migration(info)
    status, total, error = state.status, state.total, state.error
    if not error and status in ("failed", "cancelled"):
        error = status
    stop_reason = None
    if status == "postcopy-paused":
        stop_reason, error = error or "the other side can't be reached", None
    return BoardEntry(
        id=MIGRATION,
        type=MIGRATION,
        status=status,
        current=total if status == "completed" else max(total - state.remaining, 0),
        total=total,
        error=error or None,
        stop_reason=stop_reason,
    )
