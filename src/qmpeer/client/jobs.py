"""The state of a job, and the command that each waiting state needs."""

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec

from qmpeer.client.answers import count_of, read_answer, text_of
from qmpeer.values import JsonObject, JsonValue

WhenReady: TypeAlias = Literal["complete", "stop"]
"""How to end a job that is ready: switch over to the target, or stop without switching."""

OnStopped: TypeAlias = Literal["raise", "wait"]
"""What to do when an error stops a job: raise JobError, or wait for somebody to resume it."""

NEXT_COMMANDS: Final[Mapping[str, str]] = {
    "ready": "job-complete",
    "standby": "job-resume",
    "pending": "job-finalize",
}
"""The command that continues a job, for each state in which a job waits for one."""
PAUSED_STATES: Final = frozenset({"paused", "standby"})
"""States in which a job may have been stopped by an error."""
ENDING_STATES: Final = frozenset({"aborting", "null"})
"""States in which a job can't be cancelled, nor dismissed yet."""
_WORKED = frozenset({"waiting", "pending", "concluded", "null"})
"""States in which all work is done, even if there was none."""


class JobState(msgspec.Struct, frozen=True):
    """The state of a job.

    Attributes:
        id: The job's id.
        status: "created", "running", "ready", "pending", "concluded", …; new ones may appear.
        type: "mirror", "backup", "create", …; "" if unknown.
        current: The amount of work done, in a unit that depends on the job, mostly bytes.
        total: The estimated total amount of work; it may grow.
        error: The reason of a failure, or None.
        stop_reason: The error that stopped the job, or None. A stopped job waits to be resumed or
            cancelled.

    Example:
        >>> JobState("j", "running", current=1, total=4).fraction
        0.25
    """

    id: str
    status: str
    type: str = ""
    current: int = 0
    total: int = 0
    error: str | None = None
    stop_reason: str | None = None

    @property
    def fraction(self) -> float:
        """The part of the work that is done, from 0 to 1."""
        if self.total <= 0:
            return 1.0 if self.status in _WORKED else 0.0
        return min(1.0, max(0.0, self.current / self.total))

    def message(self) -> JsonObject:
        """Return the state as an element of query-jobs, with "stop-reason" added."""
        message: JsonObject = {
            "id": self.id,
            "type": self.type,
            "status": self.status,
            "current-progress": self.current,
            "total-progress": self.total,
        }
        for name, text in (("error", self.error), ("stop-reason", self.stop_reason)):
            if text is not None:
                message[name] = text
        return message


def read_job_states(command: str, answer: object) -> list[JobState]:
    """Read the answer to query-jobs, or to query-block-jobs."""
    jobs = read_answer(command, answer, list[dict[str, Any]], "a list of objects")
    return [job_state_of(each) for each in jobs]


def job_state_of(info: JsonObject) -> JobState:
    """Read an element of query-jobs, or of query-block-jobs from a server that only has that.

    Members that are missing or of the wrong type count as unknown.
    """
    is_old = "device" in info  # from query-block-jobs: QEMU before 3.0
    status = text_of(info.get("status"), "running")
    if is_old and info.get("paused") is True and status == "running":
        status = "paused"
    error = info.get("error")
    return JobState(
        id=text_of(info.get("device" if is_old else "id")),
        status=status,
        type=text_of(info.get("type")),
        current=count_of(info.get("offset" if is_old else "current-progress")),
        total=count_of(info.get("len" if is_old else "total-progress")),
        error=None if error is None else text_of(error, "failed"),
        stop_reason=_stop_reason(info.get("io-status")) if status in PAUSED_STATES else None,
    )


def members_of_event(data: JsonObject) -> dict[str, Any]:
    """Return the data of a BLOCK_JOB event as members of `JobState`.

    For a job that dismisses itself, these events are the only source of its final state.
    """
    members = (
        ("current", "offset", int),
        ("total", "len", int),
        ("type", "type", str),
        ("error", "error", str),
    )
    return {
        member: value for member, key, kind in members if isinstance(value := data.get(key), kind)
    }


def _stop_reason(io_status: JsonValue) -> str | None:
    """Return an io-status as a reason. QEMU distinguishes a full disk from all other errors."""
    if io_status in (None, "ok"):
        return None
    return "No space left on device" if io_status == "nospace" else "reading or writing failed"
