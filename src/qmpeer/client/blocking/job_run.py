# Generated from aio/job_run.py by scripts/blocking_client.py: `make fix` writes it anew.
"""A job, from the command that begins it to its end.

Theory of operation.  The job's own events say how it goes on. While they are silent, nothing is
asked except its progress, and that only where somebody wants to know.
JOB_STATUS_CHANGE (since 3.0) leads: at "ready" the job is completed, at "pending" finalized where
it doesn't do so by itself, at "concluded" its error is fetched and it is dismissed, where it
doesn't do that by itself. A server
that never says JOB_STATUS_CHANGE tells the same by BLOCK_JOB_*. Those come in either case, and hold
the error of a block job that dismisses itself.

An error may only stop a job (on-target-error=stop, -ENOSPC): BLOCK_JOB_ERROR says so, then its
status is "paused", or "standby" where it was ready. Why, query-block-jobs alone tells, by its
io-status; that also tells it from a job that somebody has paused. It is left as it is, for somebody
to resume or to cancel.

What else ends this procedure before the job's end, be it a deadline or the caller's own exception,
cancels the job: it would go on by itself, and its id be taken.

Spec: QEMU, qapi/job.json, JobStatus and JobVerb.
"""

import os
from collections.abc import Callable
from typing import Any

import msgspec

from qmpeer import limits
from qmpeer.client.answers import text_of
from qmpeer.client.blocking.door import tell
from qmpeer.client.blocking.procedures import Executor, first_that_exists, next_event
from qmpeer.client.blocking.subscription import Events, events_of_this_connection
from qmpeer.client.jobs import (
    CANCELED,
    STANDING,
    JobState,
    OnStopped,
    WhenReady,
    read_job_states,
    told_by,
)
from qmpeer.client.timeouts import Countdown
from qmpeer.errors import CommandError, CommandInterrupted, ConnectionClosed, JobError
from qmpeer.messages import Event

_EVENTS = (
    "JOB_STATUS_CHANGE",
    "BLOCK_JOB_READY",
    "BLOCK_JOB_PENDING",
    "BLOCK_JOB_COMPLETED",
    "BLOCK_JOB_CANCELLED",
    "BLOCK_JOB_ERROR",
)


class JobRun:
    """A job that is begun here, and seen through.

    Args:
        client: The server's.
        command: What begins it.
        arguments: Its arguments; a job-id is added where there is none.
        when_ready: What is to be done with it once it is ready.
        on_stopped: What is to be done once an error has stopped it.
        progress: Called with its state whenever that changes.
        interval: Seconds from one question for its progress to the next.
        countdown: The deadline of all of it.
    """

    _events: Events[Event]

    def __init__(
        self,
        client: Executor,
        command: str,
        arguments: dict[str, Any],
        when_ready: WhenReady,
        on_stopped: OnStopped,
        progress: Callable[[JobState], object] | None,
        interval: float,
        countdown: Countdown,
    ) -> None:
        self._client = client
        self._is_id_ours = "job-id" not in arguments
        if self._is_id_ours:
            arguments["job-id"] = f"qmpeer-{os.urandom(6).hex()}"
        self._id = str(arguments["job-id"])
        self._command = command
        self._arguments = arguments
        self._when_ready = when_ready
        self._on_stopped = on_stopped
        self._progress = progress
        # Without anybody who wants to know its progress, nothing is asked.
        self._interval = None if progress is None else max(interval, limits.PROGRESS_INTERVAL_LEAST)
        self._countdown = countdown
        self._state = JobState(self._id, "created")
        self._has_statuses = False  # the server says JOB_STATUS_CHANGE
        self._has_left_ready = False
        self._had_error = False  # one that was to stop it
        self._is_cancelled = False
        self._is_over = False

    def run(self) -> JobState:
        """Begin it, and return how it stood at its end, as `Client.run_job` says."""
        self._events = events_of_this_connection(
            self._client._channel, _EVENTS, self._concerns, self._countdown.timeout
        )
        with self._events:
            return self._begin()

    def _concerns(self, event: Event) -> bool:
        return self._id in (event.data.get("id"), event.data.get("device"))

    def _begin(self) -> JobState:
        is_begun = False
        try:
            self._client.execute(
                self._command, self._arguments, timeout=self._countdown.remaining()
            )
            is_begun = True
            return self._follow()
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
                self._cancel(error, may_be_anothers=not is_begun)
            raise

    def _follow(self) -> JobState:
        while not self._is_over:
            event = next_event(self._events, self._countdown.remaining(self._interval))
            if event is not None:
                self._take(event)
            elif self._interval is not None and not self._countdown.is_over:
                self._look()
            if not self._is_over:
                if self._countdown.is_over:
                    why = self._state.stop_reason
                    raise TimeoutError(
                        f"job {self._id} ({self._command}) wasn't done in "
                        f"{self._countdown.timeout:.4g} s"
                        + (f", an error has stopped it: {why}" if why else "")
                    )
                tell(self._progress, self._state)
        if self._is_cancelled or self._state.error == CANCELED:
            raise JobError(self._id, CANCELED, self._command, is_cancelled=True)
        if self._state.error is not None:
            raise JobError(self._id, self._state.error, self._command)
        tell(self._progress, self._state)
        return self._state

    # Events

    def _take(self, event: Event) -> None:
        data = event.data
        if event.name == "JOB_STATUS_CHANGE":
            self._has_statuses = True
            self._change_status(text_of(data.get("status")))
            return
        if event.name == "BLOCK_JOB_ERROR":
            self._had_error = self._had_error or data.get("action") == "stop"
            if not self._has_statuses or self._state.status in STANDING:
                self._look_whether_stopped()
            return
        self._change(**told_by(data))
        if event.name == "BLOCK_JOB_CANCELLED":
            self._is_cancelled = True
        if self._has_statuses:
            return
        match event.name:
            case "BLOCK_JOB_READY":
                self._change_status("ready")
            case "BLOCK_JOB_PENDING":
                self._change_status("pending")
            case _:
                self._change(status="concluded")
                self._is_over = True

    def _change(self, **changes: Any) -> None:
        self._state = msgspec.structs.replace(self._state, **changes)

    def _change_status(self, status: str) -> None:
        self._change(status=status, stop_reason=None)
        match status:
            case "paused" | "standby":
                self._look_whether_stopped()
            case "ready":
                self._leave_ready()
            case "pending" if self._arguments.get("auto-finalize") is False:
                first_that_exists(
                    self._client,
                    limits.CANCEL_TIMEOUT,
                    ("job-finalize", {"id": self._id}),
                    ("block-job-finalize", {"id": self._id}),
                )
            case "concluded":
                self._conclude()
            case "null":
                self._is_over = True

    def _leave_ready(self) -> None:
        """End a job that could go on for ever."""
        if self._has_left_ready or self._is_cancelled:  # "standby" and back again, or cancelled
            return
        try:
            if self._when_ready == "complete":
                first_that_exists(
                    self._client,
                    limits.CANCEL_TIMEOUT,
                    ("job-complete", {"id": self._id}),
                    ("block-job-complete", {"device": self._id}),
                )
            else:
                # Without force: a job that is ready ends with all copied, and switches nothing.
                self._client.execute(
                    "block-job-cancel", {"device": self._id}, timeout=limits.CANCEL_TIMEOUT
                )
        except CommandError:
            state = self._query()
            if state is None or state.status == "ready":
                raise
            return  # it has left that state meanwhile, and will be back
        self._has_left_ready = True

    def _conclude(self) -> None:
        """Fetch what became of it, and dismiss it; one that dismisses itself is gone by now."""
        self._is_over = True
        state = self._query()
        if state is None:
            return
        error = state.error or self._state.error
        self._state = msgspec.structs.replace(state, error=error)
        try:
            self._client.execute("job-dismiss", {"id": self._id}, timeout=limits.CANCEL_TIMEOUT)
        except CommandError:  # somebody else did
            pass

    # Asking and cancelling

    def _look_whether_stopped(self) -> None:
        """Ask whether an error has stopped it; jobs also pause for a moment by themselves."""
        if self._had_error and not self._is_cancelled:
            self._look()

    def _look(self) -> None:
        """Ask how it stands.

        Raises:
            JobError: If an error has stopped it, and nobody was to be waited for.
        """
        self._state = state = self._query() or self._state
        if state.stop_reason is not None and self._on_stopped == "raise":
            raise JobError(self._id, state.stop_reason, self._command, is_stopped=True)

    def _query(self) -> JobState | None:
        """Ask how it stands; None if it isn't there."""
        try:
            states = job_states(self._client, limits.CANCEL_TIMEOUT, self._had_error)
        except CommandError:
            return None
        return next((state for state in states if state.id == self._id), None)

    def _cancel(self, error: BaseException, may_be_anothers: bool) -> None:
        """Cancel it, wait for its end, and dismiss it; what doesn't work is noted at the error."""
        countdown = Countdown(limits.CANCEL_TIMEOUT)
        try:
            if may_be_anothers and not self._is_id_ours:
                event = next_event(self._events, 0)
                if event is None or event.data.get("status") != "created":
                    error.add_note(f"whether job {self._id} was begun is unknown")
                    return
            self._is_cancelled = True
            first_that_exists(
                self._client,
                countdown.remaining(),
                ("job-cancel", {"id": self._id}),
                ("block-job-cancel", {"device": self._id, "force": True}),
            )
            while not self._is_over and not countdown.is_over:
                event = next_event(self._events, countdown.remaining())
                if event is not None:
                    self._take(event)
            if not self._is_over:
                error.add_note(f"job {self._id} was cancelled, but hasn't ended yet")
        except CommandError as refusal:
            if self._query() is not None:
                error.add_note(f"job {self._id} goes on, it could not be cancelled: {refusal}")
        except (CommandInterrupted, ConnectionClosed, TimeoutError) as failure:
            error.add_note(f"job {self._id} may go on, it could not be cancelled: {failure}")


def job_states(client: Executor, timeout: float | None, asks_why: bool = True) -> list[JobState]:
    """Ask how all jobs stand, and why an error has stopped one.

    Raises:
        CommandError: CommandNotFound, if the server can't be asked.
    """
    said = first_that_exists(client, timeout, ("query-jobs", None), ("query-block-jobs", None))
    states = read_job_states("query-jobs", said)
    if not asks_why or all(state.status not in STANDING for state in states):
        return states
    try:
        said = client.execute("query-block-jobs", timeout=timeout)
    except CommandError:
        return states
    reasons = {state.id: state.stop_reason for state in read_job_states("query-block-jobs", said)}
    return [msgspec.structs.replace(each, stop_reason=reasons.get(each.id)) for each in states]
