"""How a job stands, and which command takes it further."""

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec

from qmpeer.client.answers import count_of, read_answer, text_of
from qmpeer.values import JsonObject, JsonValue

WhenReady: TypeAlias = Literal["complete", "stop"]
"""What becomes of a job that could go on for ever: it switches over, or it just ends."""

OnStopped: TypeAlias = Literal["raise", "wait"]
"""What is done once an error has stopped a job: it is left, or somebody will see to it."""

NEXT_COMMANDS: Final[Mapping[str, str]] = {
    "ready": "job-complete",
    "standby": "job-resume",
    "pending": "job-finalize",
}
"""By states in which a job waits for somebody, the command that makes it go on."""
STANDING: Final = frozenset({"paused", "standby"})
"""States in which a job may have been stopped by an error."""
_WORKED = frozenset({"waiting", "pending", "concluded", "null"})
"""States in which all its work is done, however little that was."""
CANCELED = "Operation canceled"
"""The error of a cancelled job. QEMU: strerror(ECANCELED)."""


class JobState(msgspec.Struct, frozen=True):
    """How a job stands.

    Attributes:
        id: Its id.
        status: "created", "running", "ready", "pending", "concluded", …; new ones may appear.
        type: "mirror", "backup", "create", …; "" while it isn't known.
        current: How much is done, in a unit of the job's own, mostly bytes.
        total: How much that will be at the end, as far as is known; it may grow.
        error: Why it failed, if it did.
        stop_reason: Why an error has stopped it, if one has: it waits to be resumed or cancelled.

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
        """How much of it is done, from 0 to 1."""
        if self.total <= 0:
            return 1.0 if self.status in _WORKED else 0.0
        return min(1.0, max(0.0, self.current / self.total))

    def message(self) -> JsonObject:
        """Return it as query-jobs has it, and "stop-reason"."""
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


def read_job_states(command: str, said: object) -> list[JobState]:
    """Read the answer to query-jobs, or to query-block-jobs."""
    jobs = read_answer(command, said, list[dict[str, Any]], "a list of objects")
    return [job_state_of(each) for each in jobs]


def job_state_of(info: JsonObject) -> JobState:
    """Read an element of query-jobs, or of query-block-jobs, where that is all there is.

    What a server leaves out, or writes in another form, is as if it were not known.
    """
    is_old = "device" in info  # of query-block-jobs: before 3.0
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
        stop_reason=_stop_reason(info.get("io-status")) if status in STANDING else None,
    )


def told_by(data: JsonObject) -> dict[str, Any]:
    """Return what a BLOCK_JOB event says of its job, as members of `JobState`.

    For a job that dismisses itself it is the last of it.
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
    """Return what an io-status says; QEMU tells a full disk from all else."""
    if io_status in (None, "ok"):
        return None
    return "No space left on device" if io_status == "nospace" else "reading or writing failed"
