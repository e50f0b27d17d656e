"""What becomes of the jobs and the migration of a server.

Asked now and then, it says how they stand; its events tell what happens between two questions.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from qmpeer import limits
from qmpeer.cli.bars import Bar
from qmpeer.client.jobs import job_state_of
from qmpeer.messages import Event
from qmpeer.values import JsonObject

__all__ = ["EVENTS", "MIGRATION", "Entry", "JobBoard", "job_entry", "migration_entry"]

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
_AWAITING: Final = {
    "ready": "job-complete",
    "standby": "job-complete",
    "pending": "job-finalize",
}
"""By states in which a job waits for somebody, the command that makes it go on."""
_ENDED: Final = frozenset({"concluded", "null", "completed", "failed", "cancelled"})
_RESTING: Final = frozenset({*_AWAITING, *_ENDED, "postcopy-paused", "none"})


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Say how a job, or the migration, stands.

    Attributes:
        id: Its id.
        type: "mirror", "backup", "create", …; "migration".
        status: In the server's word; "null" for a job that is gone.
        current: How much is done.
        total: Of how much.
        error: Why it failed, if it did.
        was_seen_running: It was still under way at some time.
    """

    id: str
    type: str
    status: str
    current: int = 0
    total: int = 0
    error: str | None = None
    was_seen_running: bool = False

    @property
    def is_resting(self) -> bool:
        """It is at its end, or waits for somebody."""
        return self.status in _RESTING

    @property
    def is_failed(self) -> bool:
        """It came to a bad end."""
        return self.error is not None

    @property
    def advice(self) -> str:
        """What makes it go on."""
        command = _AWAITING.get(self.status)
        return "" if command is None else f"{self.id} is {self.status}: {command} id={self.id}"

    @property
    def bar(self) -> Bar:
        """How it stands, as a bar."""
        status = "done" if self.status in ("null", "concluded", "completed") else self.status
        parts = (self.type if self.id != self.type else "", self.error or status)
        return Bar(
            self.id,
            " ".join(filter(None, parts)),
            self.current,
            self.total,
            is_over=self.status in _ENDED,
            is_failed=self.is_failed,
        )

    def message(self) -> JsonObject:
        """Return it as JSON."""
        message: JsonObject = {
            "id": self.id,
            "type": self.type,
            "status": self.status,
            "current-progress": self.current,
            "total-progress": self.total,
        }
        if self.error is not None:
            message["error"] = self.error
        return message


class JobBoard:
    """Keep how all jobs stand.

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

    def learn(self, jobs: Iterable[Any], migration: Any) -> None:
        """Take in what query-jobs (or query-block-jobs) and query-migrate say."""
        said = [*map(job_entry, jobs)]
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
                self._put(msgspec.structs.replace(entry, status=str(data.get("status"))))
            return
        name = str(data.get("id", data.get("device", "")))
        entry = self._entries.get(name)
        if entry is None:
            entry = Entry(id=name, type=str(data.get("type", "")), status="created")
        if event.name == "JOB_STATUS_CHANGE":
            self._put(msgspec.structs.replace(entry, status=str(data.get("status"))))
            return
        changes: dict[str, Any] = {
            member: data[key]
            for member, key in (("current", "offset"), ("total", "len"))
            if isinstance(data.get(key), int)
        }
        if isinstance(kind := data.get("type"), str):
            changes["type"] = kind
        if event.name == "BLOCK_JOB_CANCELLED":
            changes["error"] = "cancelled"
        elif isinstance(error := data.get("error"), str):
            changes["error"] = error
        if event.name != "BLOCK_JOB_ERROR" and entry.status in ("created", "running", "ready"):
            changes["status"] = "concluded"  # where there is no JOB_STATUS_CHANGE, before 3.0
        self._put(msgspec.structs.replace(entry, **changes))


def job_entry(info: Any) -> Entry:
    """Read an element of query-jobs, or of query-block-jobs."""
    return Entry(**msgspec.structs.asdict(job_state_of(info)))


def migration_entry(info: dict[str, Any]) -> Entry:
    """Read what query-migrate says."""
    ram = info.get("ram", {})
    total = _count(ram.get("total"))
    status = str(info["status"])
    error = info.get("error-desc")
    if error is None and status in ("failed", "cancelled"):
        error = status
    return Entry(
        id=MIGRATION,
        type=MIGRATION,
        status=status,
        current=total if status == "completed" else max(total - _count(ram.get("remaining")), 0),
        total=total,
        error=None if error is None else str(error),
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
