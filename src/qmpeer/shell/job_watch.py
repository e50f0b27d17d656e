"""Following a job that somebody else began, until it is done or waits for somebody."""

from collections.abc import Callable
from typing import Final

import msgspec

from qmpeer.client import AsyncClient
from qmpeer.errors import CommandError
from qmpeer.shell.visible import columns, visible
from qmpeer.values import JsonObject, JsonValue

__all__ = ["JobStand", "follow_job", "progress_bar"]

_REFRESH: Final = 0.5
"""Seconds between two looks at the progress, of which no event tells."""
_ENDS: Final = frozenset({"concluded", "ready", "pending", "null", "aborting", "standby"})


class JobStand(msgspec.Struct, frozen=True):
    """Say how a job stands.

    Attributes:
        id: Its id.
        status: In the server's word.
        current: How much is done.
        total: Of how much.
        error: Why it failed; "" if it did not.
        entry: What the server said of it.
    """

    id: str
    status: str
    current: int = 0
    total: int = 0
    error: str = ""
    entry: JsonObject = {}

    @property
    def advice(self) -> str:
        """What it waits for."""
        name = visible(self.id)
        match self.status:
            case "ready" | "standby":
                return f"it is ready: job-complete id={name} ends it"
            case "pending":
                return f"it waits: job-finalize id={name}"
            case "concluded":
                return f"job-dismiss id={name} takes it off the list"
        return ""


async def follow_job(
    client: AsyncClient, job: str, report: Callable[[JobStand], None]
) -> JobStand | None:
    """Follow a job; return how it stands at last, None if there is no such job.

    Raises:
        QMPError: As `AsyncClient.execute`.
    """
    last: JobStand | None = None
    async with client.events("JOB_STATUS_CHANGE", "BLOCK_JOB_COMPLETED") as events:
        while True:
            stand = await _stand(client, job)
            if stand is None:
                return None if last is None else msgspec.structs.replace(last, status="null")
            last = stand
            report(stand)
            if stand.status in _ENDS:
                return stand
            try:
                await events.next(_REFRESH)
            except TimeoutError:
                continue


async def _stand(client: AsyncClient, job: str) -> JobStand | None:
    try:
        found = await client.execute("query-jobs")
        names = ("id", "current-progress", "total-progress")
    except CommandError as error:
        if error.error_class != "CommandNotFound":
            raise
        found = await client.execute("query-block-jobs")  # before 3.0
        names = ("device", "offset", "len")
    for entry in found:
        if entry.get(names[0]) == job:
            return JobStand(
                job,
                str(entry.get("status", "running")),
                _count(entry.get(names[1])),
                _count(entry.get(names[2])),
                str(entry.get("error", "")),
                entry,
            )
    return None


def _count(value: JsonValue) -> int:
    return value if isinstance(value, int) else 0


def progress_bar(stand: JobStand, width: int) -> str:
    """Return a line with a bar.

    Example:
        >>> progress_bar(JobStand("j", "running", 1, 4), 32)
        'j running [###        ]  25%'
    """
    name = visible(f"{stand.id} {stand.status}")
    share = min(max(stand.current / stand.total, 0.0), 1.0) if stand.total > 0 else 0.0
    percent = f"{share * 100:3.0f}%"
    room = width - columns(name) - 12
    if room < 4:
        return f"{name} {percent.strip()}"
    done = round(share * room)
    return f"{name} [{'#' * done}{' ' * (room - done)}] {percent}"
