"""Following jobs: their progress, and the end of jobs that are gone before the next query."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import pytest_asyncio

from qmpeer import AsyncClient
from qmpeer.client import JobState
from qmpeer.messages.qemu_texts import CANCELED
from qmpeer.monitor import Monitor
from qmpeer.shell.job_watch import follow_job
from tests.qemu import BASE, QEMU
from tests.shell.person import Person
from tests.shell.real_servers import listening
from tests.shell.test_scripts import script

Told: TypeAlias = tuple[str, dict[str, Any]]


def status(value: str) -> Told:
    return "JOB_STATUS_CHANGE", {"id": "j", "status": value}


def block_job(name: str, **more: Any) -> Told:
    return name, {"device": "j", "type": "backup", "offset": 5, "len": 10, "speed": 0, **more}


DONE = [status("waiting"), status("pending"), block_job("BLOCK_JOB_COMPLETED", offset=10),
        status("concluded"), status("null")]  # fmt: skip
FAILED = [status("aborting"), block_job("BLOCK_JOB_COMPLETED", error="no space"),
          status("concluded"), status("null")]  # fmt: skip
CANCELLED = [status("aborting"), block_job("BLOCK_JOB_CANCELLED"), status("concluded"),
             status("null")]  # fmt: skip
ENDS = {
    "done": (DONE, JobState("j", "concluded", "backup", 10, 10)),
    "failed": (FAILED, JobState("j", "concluded", "backup", 5, 10, "no space")),
    "cancelled": (CANCELLED, JobState("j", "concluded", "backup", 5, 10, CANCELED)),
    "before 3.0": (
        [block_job("BLOCK_JOB_COMPLETED", error="old")],
        JobState("j", "concluded", "backup", 5, 10, "old"),
    ),
}


class Server:
    """Serve a job with one state for each query, and send its last event before the last query."""

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor
        self.states: list[str] = []
        self.told: list[Told] = []

    def tell(self, told: list[Told]) -> None:
        for name, data in told:
            self.monitor.emit(name, data)

    def jobs(self) -> list[dict[str, Any]]:
        if not self.states:
            self.tell(self.told)
            return []
        return [
            {
                "id": "j",
                "type": "backup",
                "status": self.states.pop(0),
                "current-progress": 2,
                "total-progress": 10,
            }
        ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "qmp"


@pytest_asyncio.fixture
async def server(path: Path) -> AsyncIterator[Server]:
    monitor = Monitor(name="test", version=(7, 2, 0))
    server = Server(monitor)
    monitor.command("query-jobs")(server.jobs)
    monitor.command("stop")(lambda: None)
    await monitor.listen(path, many=True)
    yield server
    monitor.shutdown()
    await monitor.wait_closed()


async def followed(client: AsyncClient, since: int = 0) -> JobState | None:
    return await follow_job(client, "j", lambda job: None, since=since)


@pytest.mark.parametrize(("told", "expected"), ENDS.values(), ids=ENDS)
async def test_the_end_of_a_job_that_dismisses_itself(
    server: Server, path: Path, told: list[Told], expected: JobState
) -> None:
    server.states, server.told = ["running"], told
    async with await AsyncClient.connect(path) as client:
        server.tell([status("running")])

        found = await followed(client)

    assert found == expected


@pytest.mark.parametrize(("told", "expected"), ENDS.values(), ids=ENDS)
async def test_the_end_of_a_job_that_is_gone_already(
    server: Server, path: Path, told: list[Told], expected: JobState
) -> None:
    async with await AsyncClient.connect(path) as client:
        mark = await client.event_mark()
        server.tell([status("created"), *FAILED, status("created"), *told])
        await client.execute("stop")

        found = await followed(client, mark)
        later = await followed(client, await client.event_mark())

    assert found == expected
    assert later is None


async def test_a_job_that_aborts_is_followed_on(server: Server, path: Path) -> None:
    server.states, server.told = ["aborting", "concluded"], []
    async with await AsyncClient.connect(path) as client:
        server.tell([status("aborting")])

        found = await followed(client)

    assert found is not None
    assert found.status == "concluded"


async def test_a_failure_of_which_only_the_status_is_told(server: Server, path: Path) -> None:
    server.told = [status("created"), status("aborting"), status("concluded"), status("null")]
    async with await AsyncClient.connect(path) as client:
        found = await followed(client)

    assert found is not None
    assert found.error == "it failed; the reason is no longer available"


async def test_a_job_that_never_was(server: Server, path: Path) -> None:
    async with await AsyncClient.connect(path) as client:
        server.monitor.emit("JOB_STATUS_CHANGE", {"id": "other", "status": "null"})
        await client.execute("stop")

        assert await followed(client) is None


async def test_at_the_prompt(server: Server, path: Path) -> None:
    server.told = FAILED
    async with Person(path) as person:
        await person.executes("job j", r"GenericError|job j \(backup\) failed: no space")
        server.told = CANCELLED
        await person.executes("job j", r"job j \(backup\) was cancelled")


async def test_one_that_an_error_has_stopped(server: Server, path: Path) -> None:
    blocks = [{"device": "j", "type": "backup", "status": "paused", "io-status": "nospace"}]
    server.monitor.command("query-block-jobs")(lambda: blocks)
    server.states = ["running", "paused", "paused"]
    async with await AsyncClient.connect(path) as client:
        server.tell([status("running")])

        found = await followed(client)

    assert found == JobState("j", "paused", "backup", 2, 10, None, "No space left on device")
    server.states = ["paused"] * 10
    async with Person(path) as person:
        await person.executes(
            "job j",
            r"job-resume id=j tries again|job j \(backup\) was stopped by an error: No space",
        )


@pytest.mark.real
def test_qemu(tmp_path: Path, program: Callable[[str], str]) -> None:
    nodes = [
        {"driver": "null-co", "node-name": "from", "size": 1 << 24},
        {"driver": "null-co", "node-name": "to", "size": 1 << 24},
        {
            "driver": "blkdebug",
            "node-name": "broken",
            "image": {"driver": "null-co", "size": 1 << 24},
            "inject-error": [{"event": "none", "iotype": "write", "errno": 5}],
        },
    ]
    options = [word for node in nodes for word in ("-blockdev", json.dumps(node))]
    backup = "blockdev-backup job-id=j device=from sync=full target"
    with listening((program(QEMU), *BASE, *options), tmp_path / "qmp") as path:
        done = script(path, "-c", f"{backup}=to", "-c", "job j")
        failed = script(path, "-c", f"{backup}=broken", "-c", "job j")
        stop = "on-target-error=stop"
        stopped = script(path, "-c", f"{backup}=broken {stop}", "-c", "job j")
        script(path, "-c", "job-cancel id=j", "-c", "job j")
        slow = script(path, "-c", f"{backup}=to speed=65536", "-c", "block-job-cancel device=j",
                      "-c", "job j")  # fmt: skip

    assert done[0] == 0
    assert json.loads(done[1].splitlines()[1]) == {
        "id": "j", "type": "backup", "status": "concluded",
        "current-progress": 1 << 24, "total-progress": 1 << 24,
    }  # fmt: skip
    assert (failed[0], "job j (backup) failed: Input/output error" in failed[2]) == (1, True)
    assert (stopped[0], "was stopped by an error: reading or" in stopped[2]) == (1, True)
    assert json.loads(stopped[1].splitlines()[-1])["stop-reason"] == "reading or writing failed"
    assert (slow[0], "job j (backup) was cancelled" in slow[2]) == (1, True)
