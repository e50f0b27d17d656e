"""A job, from the command that begins it to its end, decided without I/O.

Theory of operation.  The job's own events tell what becomes of it, and nothing is asked while they
are silent, but for its progress where somebody wants to know. JOB_STATUS_CHANGE (since 3.0) leads:
at "ready" the job is completed, at "pending" finalized where it doesn't do so by itself, at
"concluded" its error is fetched and it is dismissed, where it doesn't do that by itself. A server
that never says JOB_STATUS_CHANGE tells the same by BLOCK_JOB_*. Those come in either case, and hold
the error of a block job that dismisses itself.

An error may only stop a job (on-target-error=stop, -ENOSPC): BLOCK_JOB_ERROR says so, then its
status is "paused", or "standby" where it was ready. Why, query-block-jobs alone tells, by its
io-status; that also tells it from a job that somebody has paused. It is left as it is, for somebody
to resume or to cancel.

What else ends the course before the job's end, be it a deadline or the caller's own exception,
cancels the job: it would go on by itself, and its id be taken.

Spec: QEMU, qapi/job.json, JobStatus and JobVerb.
"""

import os
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec

from qmpeer import limits
from qmpeer.client.answers import count_of, read_answer, text_of
from qmpeer.client.steps import (
    Countdown,
    Course,
    Execute,
    NextEvent,
    Report,
    first_that_exists,
)
from qmpeer.errors import CommandError, CommandInterrupted, ConnectionClosed, JobError
from qmpeer.messages import Event
from qmpeer.values import JsonObject, JsonValue

__all__ = [
    "CANCELED",
    "NEXT_COMMANDS",
    "JobRun",
    "JobState",
    "OnStopped",
    "WhenReady",
    "job_state_of",
    "job_states",
]

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
_STANDING: Final = frozenset({"paused", "standby"})
"""States in which a job may have been stopped by an error."""
_WORKED = frozenset({"waiting", "pending", "concluded", "null"})
"""States in which all its work is done, however little that was."""
CANCELED = "Operation canceled"
"""The error of a cancelled job. QEMU: strerror(ECANCELED)."""


class JobState(msgspec.Struct, frozen=True):
    """Say how a job stands.

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


class JobRun:
    """Begin a job and see it through.

    Args:
        command: What begins it.
        arguments: Its arguments; a job-id is added where there is none.
        when_ready: What is to be done with it once it is ready.
        on_stopped: What is to be done once an error has stopped it.
        interval: Seconds from one question for its progress to the next; None never asks.
        countdown: The deadline of all of it.
    """

    EVENTS = (
        "JOB_STATUS_CHANGE",
        "BLOCK_JOB_READY",
        "BLOCK_JOB_PENDING",
        "BLOCK_JOB_COMPLETED",
        "BLOCK_JOB_CANCELLED",
        "BLOCK_JOB_ERROR",
    )

    def __init__(
        self,
        command: str,
        arguments: dict[str, Any],
        when_ready: WhenReady,
        on_stopped: OnStopped,
        interval: float | None,
        countdown: Countdown,
    ) -> None:
        self._is_id_ours = "job-id" not in arguments
        if self._is_id_ours:
            arguments["job-id"] = f"qmpeer-{os.urandom(6).hex()}"
        self._id = str(arguments["job-id"])
        self._command = command
        self._arguments = arguments
        self._when_ready = when_ready
        self._on_stopped = on_stopped
        self._interval = interval
        self._countdown = countdown
        self._state = JobState(self._id, "created")
        self._has_statuses = False  # the server says JOB_STATUS_CHANGE
        self._has_left_ready = False
        self._had_error = False  # one that was to stop it
        self._is_cancelled = False
        self._is_over = False

    def concerns(self, event: Event) -> bool:
        """Tell whether an event is about this job."""
        return self._id in (event.data.get("id"), event.data.get("device"))

    def run(self) -> Course[JobState]:
        """Begin it, and return how it stood at its end."""
        is_begun = False
        try:
            yield Execute(self._command, self._arguments, self._countdown.remaining())
            is_begun = True
            return (yield from self._follow())
        except GeneratorExit:
            raise
        except JobError:  # it is over, or is left as it is
            raise
        except (CommandInterrupted, ConnectionClosed) as error:
            if not is_begun:
                raise
            reason = f"{error.reason}; job {self._id} may go on"
            raise CommandInterrupted(self._command, self._id, reason) from error
        except BaseException as error:
            # A command that was refused began nothing; the id may be another's job then.
            is_refused = isinstance(error, CommandError) and not is_begun
            if not is_refused and not self._is_over:
                yield from self._cancel(error, may_be_anothers=not is_begun)
            raise

    def _follow(self) -> Course[JobState]:
        while not self._is_over:
            event = yield NextEvent(self._countdown.remaining(self._interval))
            if event is not None:
                yield from self._take(event)
            elif self._interval is not None and not self._countdown.is_over:
                yield from self._look()
            if not self._is_over:
                if self._countdown.is_over:
                    why = self._state.stop_reason
                    raise TimeoutError(
                        f"job {self._id} ({self._command}) wasn't done in "
                        f"{self._countdown.timeout:.4g} s"
                        + (f", an error has stopped it: {why}" if why else "")
                    )
                if self._interval is not None:
                    yield Report(self._state)
        if self._is_cancelled or self._state.error == CANCELED:
            raise JobError(self._id, CANCELED, self._command, is_cancelled=True)
        if self._state.error is not None:
            raise JobError(self._id, self._state.error, self._command)
        if self._interval is not None:
            yield Report(self._state)
        return self._state

    # Events

    def _take(self, event: Event) -> Course[None]:
        data = event.data
        if event.name == "JOB_STATUS_CHANGE":
            self._has_statuses = True
            yield from self._change_status(text_of(data.get("status")))
            return
        if event.name == "BLOCK_JOB_ERROR":
            self._had_error = self._had_error or data.get("action") == "stop"
            if not self._has_statuses or self._state.status in _STANDING:
                yield from self._look_whether_stopped()
            return
        self._take_numbers(data)
        if event.name == "BLOCK_JOB_CANCELLED":
            self._is_cancelled = True
        if self._has_statuses:
            return
        match event.name:
            case "BLOCK_JOB_READY":
                yield from self._change_status("ready")
            case "BLOCK_JOB_PENDING":
                yield from self._change_status("pending")
            case _:
                self._change(status="concluded")
                self._is_over = True

    def _take_numbers(self, data: JsonObject) -> None:
        """Take in what a BLOCK_JOB event says: for a job that dismisses itself, the last of it."""
        current, total = data.get("offset"), data.get("len")
        if isinstance(current, int) and isinstance(total, int):
            self._change(current=current, total=total)
        if isinstance(error := data.get("error"), str):
            self._change(error=error)
        if isinstance(kind := data.get("type"), str):
            self._change(type=kind)

    def _change(self, **changes: Any) -> None:
        self._state = msgspec.structs.replace(self._state, **changes)

    def _change_status(self, status: str) -> Course[None]:
        self._change(status=status, stop_reason=None)
        match status:
            case "paused" | "standby":
                yield from self._look_whether_stopped()
            case "ready":
                yield from self._leave_ready()
            case "pending" if self._arguments.get("auto-finalize") is False:
                yield from first_that_exists(
                    limits.CANCEL_TIMEOUT,
                    ("job-finalize", {"id": self._id}),
                    ("block-job-finalize", {"id": self._id}),
                )
            case "concluded":
                yield from self._conclude()
            case "null":
                self._is_over = True

    def _leave_ready(self) -> Course[None]:
        """End a job that could go on for ever."""
        if self._has_left_ready or self._is_cancelled:  # "standby" and back again, or cancelled
            return
        try:
            if self._when_ready == "complete":
                yield from first_that_exists(
                    limits.CANCEL_TIMEOUT,
                    ("job-complete", {"id": self._id}),
                    ("block-job-complete", {"device": self._id}),
                )
            else:
                # Without force: a job that is ready ends with all copied, and switches nothing.
                yield Execute("block-job-cancel", {"device": self._id}, limits.CANCEL_TIMEOUT)
        except CommandError:
            state = yield from self._query()
            if state is None or state.status == "ready":
                raise
            return  # it has left that state meanwhile, and will be back
        self._has_left_ready = True

    def _conclude(self) -> Course[None]:
        """Fetch what became of it, and dismiss it; one that dismisses itself is gone by now."""
        self._is_over = True
        state = yield from self._query()
        if state is None:
            return
        error = state.error or self._state.error
        self._state = msgspec.structs.replace(state, error=error)
        try:
            yield Execute("job-dismiss", {"id": self._id}, limits.CANCEL_TIMEOUT)
        except CommandError:  # somebody else did
            pass

    # Asking and cancelling

    def _look_whether_stopped(self) -> Course[None]:
        """Ask whether an error has stopped it; jobs also pause for a moment by themselves."""
        if self._had_error and not self._is_cancelled:
            yield from self._look()

    def _look(self) -> Course[None]:
        """Ask how it stands.

        Raises:
            JobError: If an error has stopped it, and nobody was to be waited for.
        """
        self._state = state = (yield from self._query()) or self._state
        if state.stop_reason is not None and self._on_stopped == "raise":
            raise JobError(self._id, state.stop_reason, self._command, is_stopped=True)

    def _query(self) -> Course[JobState | None]:
        """Ask how it stands; None if it isn't there."""
        try:
            states = yield from job_states(limits.CANCEL_TIMEOUT, self._had_error)
        except CommandError:
            return None
        return next((state for state in states if state.id == self._id), None)

    def _cancel(self, error: BaseException, may_be_anothers: bool) -> Course[None]:
        """Cancel it, wait for its end, and dismiss it; what doesn't work is noted at the error."""
        countdown = Countdown(limits.CANCEL_TIMEOUT)
        try:
            if may_be_anothers and not self._is_id_ours:
                event = yield NextEvent(0)
                if event is None or event.data.get("status") != "created":
                    error.add_note(f"whether job {self._id} was begun is unknown")
                    return
            self._is_cancelled = True
            yield from first_that_exists(
                countdown.remaining(),
                ("job-cancel", {"id": self._id}),
                ("block-job-cancel", {"device": self._id, "force": True}),
            )
            while not self._is_over and not countdown.is_over:
                event = yield NextEvent(countdown.remaining())
                if event is not None:
                    yield from self._take(event)
            if not self._is_over:
                error.add_note(f"job {self._id} was cancelled, but hasn't ended yet")
        except CommandError as refusal:
            if (yield from self._query()) is not None:
                error.add_note(f"job {self._id} goes on, it could not be cancelled: {refusal}")
        except (CommandInterrupted, ConnectionClosed, TimeoutError) as failure:
            error.add_note(f"job {self._id} may go on, it could not be cancelled: {failure}")


def job_states(timeout: float | None, asks_why: bool = True) -> Course[list[JobState]]:
    """Ask how all jobs stand, and why an error has stopped one.

    Raises:
        CommandError: CommandNotFound, if the server can't be asked.
    """
    said = yield from first_that_exists(timeout, ("query-jobs", None), ("query-block-jobs", None))
    states = _read_states("query-jobs", said)
    if not asks_why or all(state.status not in _STANDING for state in states):
        return states
    try:
        said = yield Execute("query-block-jobs", None, timeout)
    except CommandError:
        return states
    reasons = {state.id: state.stop_reason for state in _read_states("query-block-jobs", said)}
    return [msgspec.structs.replace(each, stop_reason=reasons.get(each.id)) for each in states]


def _read_states(command: str, said: object) -> list[JobState]:
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
        stop_reason=_stop_reason(info.get("io-status")) if status in _STANDING else None,
    )


def _stop_reason(io_status: JsonValue) -> str | None:
    """Return what an io-status says; QEMU tells a full disk from all else."""
    if io_status in (None, "ok"):
        return None
    return "No space left on device" if io_status == "nospace" else "reading or writing failed"
