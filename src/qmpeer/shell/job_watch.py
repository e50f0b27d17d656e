"""Following a job that another command started, until it ends or waits for a command."""

import contextlib
from collections.abc import Callable
from typing import Final

import msgspec

from qmpeer import limits
from qmpeer.client import AsyncClient, JobState
from qmpeer.client.aio.job_run import job_states
from qmpeer.client.answers import text_of
from qmpeer.client.jobs import NEXT_COMMANDS, members_of_event
from qmpeer.display.safe_text import columns, visible
from qmpeer.errors import LimitError
from qmpeer.messages import Event
from qmpeer.messages.qemu_texts import CANCELED

_REFRESH: Final = 0.5
"""Seconds between two queries of the progress, which no event reports."""
_RESTING: Final = frozenset({*NEXT_COMMANDS, "concluded", "null"})
_EVENTS: Final = ("JOB_STATUS_CHANGE", "BLOCK_JOB_COMPLETED", "BLOCK_JOB_CANCELLED")


def advice(job: JobState) -> str:
    """Return the command that a job waits for, as a sentence; "" if it waits for none."""
    name = visible(job.id)
    if job.stop_reason is not None:
        return f"it waits: job-resume id={name} tries again, job-cancel id={name} gives it up"
    if job.status == "concluded":
        return f"job-dismiss id={name} takes it off the list"
    command = NEXT_COMMANDS.get(job.status)
    return f"it is {job.status}: {command} id={name}" if command else ""


async def follow_job(
    client: AsyncClient, job: str, report: Callable[[JobState], None], *, since: int
) -> JobState | None:
    """Follow a job until it ends, waits for a command, or stops at an error.

    Args:
        client: The connection.
        job: The job's id.
        report: Called with the job's state, again and again.
        since: An event mark. Events after it may report the end of a job that is already gone.

    Returns:
        The job's last state; None if there is no such job, and none has ended since the mark.

    Raises:
        QMPError: As `AsyncClient.execute`.
    """

    def concerns(event: Event) -> bool:
        return job in (event.data.get("id"), event.data.get("device"))

    record = _JobRecord(job)
    async with client.events(*_EVENTS, match=concerns) as events:
        # Events before the subscription first. Older ones than EVENTS_KEPT are gone: LimitError.
        mark = max(since, await client.event_mark() - limits.EVENTS_KEPT)
        with contextlib.suppress(TimeoutError, LimitError):
            while True:
                event = await client.wait_event(_EVENTS, concerns, since=mark, timeout=0)
                mark = event.number
                record.update_from_event(event)
        while (found := await _look(client, job)) is not None:
            record.update_state(found)
            report(found)
            if found.status in _RESTING or found.stop_reason is not None:
                return found
            with contextlib.suppress(TimeoutError):
                record.update_from_event(await events.next(_REFRESH))
        with contextlib.suppress(TimeoutError):  # events of a gone job precede the empty reply
            while True:
                record.update_from_event(await events.next(0))
    return record.end()


class _JobRecord:
    """The last known state of a job, which may be gone before it can be queried at its end."""

    def __init__(self, job: str) -> None:
        self._begin(job)

    def _begin(self, job: str) -> None:
        self._state = JobState(job, "created")
        self._was_there = False
        self._is_over = False
        self._is_aborting = False

    def update_state(self, state: JobState) -> None:
        """Update the state from the server's reply."""
        self._state = state
        self._was_there = True
        self._is_over = False
        self._is_aborting = state.status == "aborting"

    def update_from_event(self, event: Event) -> None:
        """Update the state from one of the job's events."""
        data = event.data
        if event.name == "JOB_STATUS_CHANGE":
            self._change_status(text_of(data.get("status")))
            return
        self._is_over = True
        self._change(status="concluded", **members_of_event(data))
        if event.name == "BLOCK_JOB_CANCELLED":
            self._change(error=CANCELED)

    def _change_status(self, status: str) -> None:
        match status:
            case "created":  # a new job with the same id
                self._begin(self._state.id)
            case "concluded" | "null":
                self._is_over = True
                self._change(status="concluded")
            case _:
                self._is_aborting = self._is_aborting or status == "aborting"
                self._change(status=status)

    def _change(self, **changes: object) -> None:
        self._state = msgspec.structs.replace(self._state, **changes)

    def end(self) -> JobState | None:
        """Return the final state; None if neither a reply nor an event reported the job."""
        if not (self._is_over or self._was_there):
            return None
        if self._state.error is None and self._is_aborting:
            self._change(error="it failed; the reason is no longer available")
        if self._state.error is None and self._is_over:
            self._change(current=self._state.total)
        return self._state


async def _look(client: AsyncClient, job: str) -> JobState | None:
    states = await job_states(client, limits.CANCEL_TIMEOUT)
    return next((state for state in states if state.id == job), None)


def progress_bar(job: JobState, width: int) -> str:
    """Return a line with a progress bar.

    Example:
        >>> progress_bar(JobState("j", "running", "backup", 1, 4), 32)
        'j running [###        ]  25%'
    """
    name = visible(f"{job.id} {job.status}")
    percent = f"{job.fraction * 100:3.0f}%"
    room = width - columns(name) - 12
    if room < 4:
        return f"{name} {percent.strip()}"
    done = round(job.fraction * room)
    return f"{name} [{'#' * done}{' ' * (room - done)}] {percent}"
