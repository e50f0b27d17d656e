"""Following a job that somebody else began, until it is done or waits for somebody."""

from collections.abc import Callable
from typing import Final

from qmpeer import limits
from qmpeer.client import AsyncClient, JobState
from qmpeer.client.aio_walk import AsyncWalker
from qmpeer.client.jobs import job_state_of
from qmpeer.client.steps import first_that_exists
from qmpeer.shell.visible import columns, visible
from qmpeer.values import JsonObject

__all__ = ["advice", "follow_job", "progress_bar"]

_REFRESH: Final = 0.5
"""Seconds between two looks at the progress, of which no event tells."""
_ENDS: Final = frozenset({"concluded", "ready", "pending", "null", "aborting", "standby"})


def advice(job: JobState) -> str:
    """Return what a job waits for; "" if for nobody."""
    name = visible(job.id)
    match job.status:
        case "ready" | "standby":
            return f"it is ready: job-complete id={name} ends it"
        case "pending":
            return f"it waits: job-finalize id={name}"
        case "concluded":
            return f"job-dismiss id={name} takes it off the list"
    return ""


async def follow_job(
    client: AsyncClient, job: str, report: Callable[[JobState], None]
) -> tuple[JobState, JsonObject] | None:
    """Follow a job; return how it stood at last, and the server's own words for that.

    None if there is no such job.

    Raises:
        QMPError: As `AsyncClient.execute`.
    """
    last: tuple[JobState, JsonObject] | None = None
    async with client.events("JOB_STATUS_CHANGE", "BLOCK_JOB_COMPLETED") as events:
        while True:
            found = await _look(client, job)
            if found is None:
                return last
            last = found
            report(found[0])
            if found[0].status in _ENDS:
                return found
            try:
                await events.next(_REFRESH)
            except TimeoutError:
                continue


async def _look(client: AsyncClient, job: str) -> tuple[JobState, JsonObject] | None:
    course = first_that_exists(
        limits.CANCEL_TIMEOUT, ("query-jobs", None), ("query-block-jobs", None)
    )
    for entry in await AsyncWalker(client).walk(course):
        state = job_state_of(entry)
        if state.id == job:
            return state, entry
    return None


def progress_bar(job: JobState, width: int) -> str:
    """Return a line with a bar.

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
