"""One job, from the command that starts it to its end.

Theory of operation. The run follows the job's events. It queries nothing except the progress, and
that only if there is a progress function.

JOB_STATUS_CHANGE (since 3.0) drives the run. At "ready" the job is completed. At "pending" it is
finalized, unless it finalizes itself. At "concluded" its error is fetched and the job is dismissed,
unless it dismisses itself. A server without JOB_STATUS_CHANGE sends the same information in
BLOCK_JOB_* events. Those come in either case, and hold the error of a block job that dismisses
itself.

An error may stop a job without ending it (on-target-error=stop, -ENOSPC). BLOCK_JOB_ERROR announces
this; then the status is "paused", or "standby" if the job was ready. Only query-block-jobs returns
the reason, in io-status, which also distinguishes this from a job that somebody paused. The job is
left stopped, to be resumed or cancelled.

Anything else that ends the run early (a deadline, the caller's exception) cancels the job.
Otherwise it would keep running, and its id would stay in use.

Spec: QEMU, qapi/job.json, JobStatus and JobVerb.
"""

import os
from collections.abc import Callable
from typing import Any

import msgspec

from qmpeer import limits
from qmpeer.client.aio.primitives import report_progress
from qmpeer.client.aio.procedures import CommandClient, first_that_exists, next_event
from qmpeer.client.aio.subscription import AsyncEvents, events_of_this_connection
from qmpeer.client.answers import text_of
from qmpeer.client.jobs import (
    PAUSED_STATES,
    JobState,
    OnStopped,
    WhenReady,
    members_of_event,
    read_job_states,
)
from qmpeer.client.timeouts import Countdown
from qmpeer.errors import CommandError, CommandInterrupted, ConnectionClosed, JobError
from qmpeer.messages import Event
from qmpeer.messages.qemu_texts import CANCELED

JOB_EVENTS = (
    "JOB_STATUS_CHANGE",
    "BLOCK_JOB_READY",
    "BLOCK_JOB_PENDING",
    "BLOCK_JOB_COMPLETED",
    "BLOCK_JOB_CANCELLED",
    "BLOCK_JOB_ERROR",
)
"""The events that announce a change of a job."""


class JobRun:
    """The run of one job.

    Args:
        client: The client.
        command: The command that starts the job.
        arguments: The command's arguments; a job-id is added if there is none.
        when_ready: How to end the job once it is ready.
        on_stopped: What to do once an error has stopped the job.
        progress: A function, called with the job's state whenever that changes.
        interval: Seconds between queries of the progress.
        countdown: The deadline of the whole run.
    """

    _events: AsyncEvents[Event]

    def __init__(
        self,
        client: CommandClient,
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
            # Random, so that it can't clash with the job of another client.
            arguments["job-id"] = f"qmpeer-{os.urandom(6).hex()}"
        self._id = str(arguments["job-id"])
        self._command = command
        self._arguments = arguments
        self._when_ready = when_ready
        self._on_stopped = on_stopped
        self._progress = progress
        # None: without a progress function there are no queries.
        self._interval = None if progress is None else max(interval, limits.PROGRESS_INTERVAL_LEAST)
        self._countdown = countdown
        self._state = JobState(self._id, "created")
        self._has_statuses = False  # the server sends JOB_STATUS_CHANGE
        self._has_left_ready = False
        self._had_error = False  # BLOCK_JOB_ERROR with the action "stop"
        self._is_cancelled = False
        self._is_over = False

    async def run(self) -> JobState:
        """Start the job, and return its last state, as described at `AsyncClient.run_job`."""
        # Subscribe before the command is sent: the job's first events may come before the reply.
        self._events = await events_of_this_connection(
            self._client._channel, JOB_EVENTS, self._concerns, self._countdown.timeout
        )
        async with self._events:
            return await self._begin()

    def _concerns(self, event: Event) -> bool:
        return self._id in (event.data.get("id"), event.data.get("device"))

    async def _begin(self) -> JobState:
        is_begun = False
        try:
            await self._client.execute(
                self._command, self._arguments, timeout=self._countdown.remaining()
            )
            is_begun = True
            return await self._follow()
        # A coroutine that is being closed can't execute commands: the job keeps running.
        except GeneratorExit:
            raise
        except JobError:  # the job has ended, or is left stopped
            raise
        except (CommandInterrupted, ConnectionClosed) as error:
            if not is_begun:
                raise
            reason = f"{error.reason}; job {self._id} may still be running"
            raise CommandInterrupted(self._command, self._id, reason) from error
        except BaseException as error:
            # A refused command started no job; the id may belong to another job then.
            is_refused = isinstance(error, CommandError) and not is_begun
            if not is_refused and not self._is_over:
                await self._cancel(error, may_be_foreign=not is_begun)
            raise

    async def _follow(self) -> JobState:
        while not self._is_over:
            event = await next_event(self._events, self._countdown.remaining(self._interval))
            if event is not None:
                await self._take(event)
            elif self._interval is not None and not self._countdown.is_over:
                await self._update()
            if not self._is_over:
                if self._countdown.is_over:
                    why = self._state.stop_reason
                    raise TimeoutError(
                        f"job {self._id} ({self._command}) wasn't done in "
                        f"{self._countdown.timeout:.4g} s"
                        + (f", an error has stopped it: {why}" if why else "")
                    )
                await report_progress(self._progress, self._state)
        if self._is_cancelled or self._state.error == CANCELED:
            raise JobError(self._id, CANCELED, self._command, is_cancelled=True)
        if self._state.error is not None:
            raise JobError(self._id, self._state.error, self._command)
        await report_progress(self._progress, self._state)
        return self._state

    # Events

    async def _take(self, event: Event) -> None:
        data = event.data
        if event.name == "JOB_STATUS_CHANGE":
            self._has_statuses = True
            await self._change_status(text_of(data.get("status")))
            return
        if event.name == "BLOCK_JOB_ERROR":
            self._had_error = self._had_error or data.get("action") == "stop"
            if not self._has_statuses or self._state.status in PAUSED_STATES:
                await self._query_if_stopped()
            return
        self._change(**members_of_event(data))
        if event.name == "BLOCK_JOB_CANCELLED":
            self._is_cancelled = True
        if self._has_statuses:
            return
        match event.name:
            case "BLOCK_JOB_READY":
                await self._change_status("ready")
            case "BLOCK_JOB_PENDING":
                await self._change_status("pending")
            case _:
                self._change(status="concluded")
                self._is_over = True

    def _change(self, **changes: Any) -> None:
        self._state = msgspec.structs.replace(self._state, **changes)

    async def _change_status(self, status: str) -> None:
        self._change(status=status, stop_reason=None)
        match status:
            case "paused" | "standby":
                await self._query_if_stopped()
            case "ready":
                await self._leave_ready()
            case "pending" if self._arguments.get("auto-finalize") is False:
                await first_that_exists(
                    self._client,
                    limits.CANCEL_TIMEOUT,
                    ("job-finalize", {"id": self._id}),
                    ("block-job-finalize", {"id": self._id}),
                )
            case "concluded":
                await self._conclude()
            case "null":
                self._is_over = True

    async def _leave_ready(self) -> None:
        """Complete or stop a job that would otherwise stay ready for ever."""
        if self._has_left_ready or self._is_cancelled:  # e.g. back from "standby"
            return
        try:
            if self._when_ready == "complete":
                await first_that_exists(
                    self._client,
                    limits.CANCEL_TIMEOUT,
                    ("job-complete", {"id": self._id}),
                    ("block-job-complete", {"device": self._id}),
                )
            else:
                # Without force, a ready job ends with a complete copy and doesn't switch over.
                await self._client.execute(
                    "block-job-cancel", {"device": self._id}, timeout=limits.CANCEL_TIMEOUT
                )
        except CommandError:
            state = await self._query()
            if state is None or state.status == "ready":
                raise
            return  # it left "ready" meanwhile, and will return to it
        self._has_left_ready = True

    async def _conclude(self) -> None:
        """Fetch the job's error and dismiss it; a job that dismisses itself is gone by now."""
        self._is_over = True
        state = await self._query()
        if state is None:
            return
        error = state.error or self._state.error
        self._state = msgspec.structs.replace(state, error=error)
        try:
            await self._client.execute(
                "job-dismiss", {"id": self._id}, timeout=limits.CANCEL_TIMEOUT
            )
        except CommandError:  # somebody else dismissed it
            pass

    # Queries and cancelling

    async def _query_if_stopped(self) -> None:
        """Query the state if an error may have stopped the job; jobs also pause without one."""
        if self._had_error and not self._is_cancelled:
            await self._update()

    async def _update(self) -> None:
        """Query the job's state.

        Raises:
            JobError: If an error has stopped the job, and on_stopped is "raise".
        """
        self._state = state = await self._query() or self._state
        if state.stop_reason is not None and self._on_stopped == "raise":
            raise JobError(self._id, state.stop_reason, self._command, is_stopped=True)

    async def _query(self) -> JobState | None:
        """Query the job's state; return None if there is no such job."""
        try:
            states = await job_states(self._client, limits.CANCEL_TIMEOUT, self._had_error)
        except CommandError:
            return None
        return next((state for state in states if state.id == self._id), None)

    async def _cancel(self, error: BaseException, may_be_foreign: bool) -> None:
        """Cancel the job, wait for its end, dismiss it; add a note to the error if that fails."""
        countdown = Countdown(limits.CANCEL_TIMEOUT)
        try:
            if may_be_foreign and not self._is_id_ours:
                event = await next_event(self._events, 0)
                if event is None or event.data.get("status") != "created":
                    error.add_note(f"it is unknown whether job {self._id} was started")
                    return
            self._is_cancelled = True
            await cancel_job(self._client, self._id, countdown)
            while not self._is_over and not countdown.is_over:
                event = await next_event(self._events, countdown.remaining())
                if event is not None:
                    await self._take(event)
            if not self._is_over:
                error.add_note(f"job {self._id} was cancelled, but hasn't ended yet")
        except CommandError as refusal:
            if await self._query() is not None:
                error.add_note(f"job {self._id} is still running, cancelling it failed: {refusal}")
        except (CommandInterrupted, ConnectionClosed, TimeoutError) as failure:
            error.add_note(f"job {self._id} may still be running, cancelling it failed: {failure}")


async def cancel_job(client: CommandClient, id: str, countdown: Countdown) -> None:
    """Ask a job to end; with a server that only has block jobs, too."""
    await first_that_exists(
        client,
        countdown.remaining(),
        ("job-cancel", {"id": id}),
        ("block-job-cancel", {"device": id, "force": True}),
    )


async def job_states(
    client: CommandClient, timeout: float | None, with_reasons: bool = True
) -> list[JobState]:
    """Query the states of all jobs, including the error that stopped one.

    Raises:
        CommandError: With CommandNotFound if the server has neither query.
    """
    answer = await first_that_exists(
        client, timeout, ("query-jobs", None), ("query-block-jobs", None)
    )
    states = read_job_states("query-jobs", answer)
    if not with_reasons or all(state.status not in PAUSED_STATES for state in states):
        return states
    try:
        answer = await client.execute("query-block-jobs", timeout=timeout)
    except CommandError:
        return states
    reasons = {state.id: state.stop_reason for state in read_job_states("query-block-jobs", answer)}
    return [msgspec.structs.replace(each, stop_reason=reasons.get(each.id)) for each in states]
