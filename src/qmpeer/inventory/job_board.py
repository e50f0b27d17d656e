"""What becomes of the jobs and the migration of a server.

Asked now and then, it says how they stand; its events tell what happens between two questions.
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
"""Those that tell what becomes of jobs."""
MIGRATION: Final = "migration"
"""By which name the migration is among the jobs."""
_NEXT_OF_MIGRATION: Final = {
    "pre-switchover": "migrate-continue state=pre-switchover",
    "postcopy-paused": "migrate resume=true uri=…",
}
"""By states in which the migration waits for somebody, the command that makes it go on."""
_ENDED: Final = frozenset({"concluded", "null", "completed", "failed", "cancelled"})
_RESTING: Final = frozenset({*NEXT_COMMANDS, *_ENDED, "pre-switchover", "none"})


class Entry(JobState, frozen=True):
    """How a job, or the migration, stands; a job that is gone is "null".

    Attributes:
        was_seen_running: It was still under way at some time.
    """

    was_seen_running: bool = False

    @property
    def is_resting(self) -> bool:
        """It is at its end, or waits for somebody."""
        return self.status in _RESTING or self.stop_reason is not None

    @property
    def is_failed(self) -> bool:
        """It came to a bad end, or an error has stopped it."""
        return self.error is not None or self.stop_reason is not None

    @property
    def advice(self) -> str:
        """What makes it go on."""
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
        """How it stands, as a bar."""
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
    """How all jobs stand.

    Args:
        wanted: The ids of those that matter; none means all, and the migration.
    """

    def __init__(self, wanted: Sequence[str] = ()) -> None:
        self._wanted = frozenset(wanted)
        self._entries: dict[str, Entry] = {}

    @property
    def entries(self) -> list[Entry]:
        """How they stand, in the order in which they were first seen."""
        return list(self._entries.values())

    @property
    def is_over(self) -> bool:
        """None is under way, and those that are wanted were there."""
        return all(entry.is_resting for entry in self._entries.values())

    @property
    def missing(self) -> list[str]:
        """The wanted ones that were never seen."""
        return sorted(self._wanted - self._entries.keys())

    # What the server says when it is asked

    def learn(self, jobs: Iterable[JobState], migration: Any) -> None:
        """Take in how all jobs stand, and what query-migrate says."""
        said = [Entry(**msgspec.structs.asdict(job)) for job in jobs]
        if isinstance(migration, dict) and migration.get("status", "none") != "none":
            said.append(migration_entry(migration))
        there = set()
        for entry in said:
            there.add(entry.id)
            self._put(entry)
        for entry in list(self._entries.values()):
            if entry.id not in there and entry.id != MIGRATION:
                self._put(msgspec.structs.replace(entry, status="null"))

    def _put(self, entry: Entry) -> None:
        if self._wanted and entry.id not in self._wanted:
            return
        before = self._entries.get(entry.id)
        error = entry.error
        if before is not None and error is None and entry.status in _ENDED:
            error = before.error
        if error is None and entry.status == "null" and before is not None:
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

    # What it says by itself

    def take(self, event: Event) -> None:
        """Take in an event: it may tell of the end of a job that nobody can be asked of then."""
        data = event.data
        if event.name == "MIGRATION":
            entry = self._entries.get(MIGRATION)
            if entry is not None:
                self._put(_changed(entry, data))
            return
        name = text_of(data.get("id", data.get("device")))
        entry = self._entries.get(name)
        if entry is None:
            entry = Entry(id=name, type=text_of(data.get("type")), status="created")
        if event.name == "JOB_STATUS_CHANGE":
            self._put(_changed(entry, data))
            return
        changes = members_of_event(data)
        if event.name == "BLOCK_JOB_CANCELLED":
            changes["error"] = "cancelled"
        if event.name != "BLOCK_JOB_ERROR" and entry.status in ("created", "running", "ready"):
            changes["status"] = "concluded"  # where there is no JOB_STATUS_CHANGE, before 3.0
        self._put(msgspec.structs.replace(entry, **changes))


def look(client: Client, board: JobBoard) -> None:
    """Ask a server how all stand.

    Raises:
        QMPError: As `Client.execute`; a command that the server doesn't have is passed over.
        OSError: As `Client.execute`.
    """
    jobs = _asked(lambda: job_states(client, client.command_timeout))
    board.learn(jobs or (), _asked(lambda: client.execute("query-migrate")))


def _asked(ask: Callable[[], T]) -> T | None:
    """Return what a server says; None if it doesn't have the command."""
    try:
        return ask()
    except CommandError as error:
        if error.error_class != "CommandNotFound":
            raise
    return None


def _changed(entry: Entry, data: JsonObject) -> Entry:
    return msgspec.structs.replace(entry, status=text_of(data.get("status")), stop_reason=None)


def migration_entry(info: dict[str, Any]) -> Entry:
    """Read what query-migrate says."""
    state = read_migration(info)
    status, total, error = state.status, state.total, state.error
    if not error and status in ("failed", "cancelled"):
        error = status
    stop_reason = None
    if status == "postcopy-paused":
        stop_reason, error = error or "the other side can't be reached", None
    return Entry(
        id=MIGRATION,
        type=MIGRATION,
        status=status,
        current=total if status == "completed" else max(total - state.remaining, 0),
        total=total,
        error=error or None,
        stop_reason=stop_reason,
    )
