"""Jobs as a ready behaviour, and our own procedures against them.

Modules: job_behaviour, job_course.
"""

import asyncio
from typing import Any

import pytest

from qmpeer import AsyncClient, CommandError, JobError
from qmpeer.client.jobs import JobState
from tests.corpus import recorded_schema
from tests.patience import PATIENCE
from tests.script.behaving import behaving, lines

BACKUP: dict[str, Any] = {"device": "s", "target": "t", "sync": "full"}
CREATE: dict[str, Any] = {"options": {"driver": "file", "filename": "x", "size": 65536}}


def statuses(server: Any) -> list[str]:
    """Return the statuses that a server has announced."""
    texts = server.conversation.split('"JOB_STATUS_CHANGE"')[1:]
    return [each.partition('"status": "')[2].partition('"')[0] for each in texts]


def test_a_backup() -> None:
    with behaving() as (server, client):
        server.jobs()
        state = client.run_job("blockdev-backup", BACKUP)
        assert (state.type, state.current, state.total) == ("backup", 1 << 20, 1 << 20)
        assert client.execute("query-jobs") == []
    expected = ["created", "running", "waiting", "pending", "concluded", "null"]
    assert statuses(server) == expected
    sent = lines(server)
    at = sent.index("return", 2)
    assert sent[at - 2 : at + 4] == [
        *("JOB_STATUS_CHANGE", "JOB_STATUS_CHANGE", "return"),
        *("JOB_STATUS_CHANGE", "JOB_STATUS_CHANGE", "BLOCK_JOB_COMPLETED"),
    ]


def test_a_mirror_is_ready_and_is_completed() -> None:
    with behaving() as (server, client):
        server.jobs()
        client.run_job("blockdev-mirror", {**BACKUP, "job-id": "m"})
        client.run_job("blockdev-mirror", {**BACKUP, "job-id": "m"}, when_ready="stop")
        client.run_job("block-commit", {"device": "s"})
        client.run_job("block-commit", {"device": "s", "top-node": "a"})
        client.run_job("block-stream", {"device": "s"})
    assert lines(server).count("BLOCK_JOB_READY") == 3
    assert lines(server).count("BLOCK_JOB_COMPLETED") == 5


def test_a_job_that_is_no_block_job() -> None:
    with behaving() as (server, client):
        server.jobs()
        client.run_job("blockdev-create", {**CREATE, "job-id": "c"})
    assert "BLOCK_JOB_COMPLETED" not in lines(server)
    assert "job-dismiss" in server.calls.names, "it doesn't dismiss itself"


def test_jobs_that_fail() -> None:
    with behaving() as (server, client):
        jobs = server.jobs(fault="No space left on device")
        with pytest.raises(JobError, match="No space left on device"):
            client.run_job("blockdev-backup", BACKUP)
        with pytest.raises(JobError, match="No space left on device"):
            client.run_job("blockdev-create", CREATE)
        jobs.fault = None
        client.run_job("blockdev-backup", BACKUP)
    assert statuses(server)[:4] == ["created", "running", "aborting", "concluded"]


def test_progress() -> None:
    seen: list[JobState] = []
    with behaving() as (server, client):
        jobs = server.jobs(seconds=0.2, steps=4, size=100)
        client.run_job("blockdev-backup", BACKUP, progress=seen.append, interval=0.05)
        assert jobs.jobs == {}
    assert {each.current for each in seen} <= {0, 25, 50, 75, 100}
    assert seen[-1].fraction == 1.0


def test_a_job_that_is_paused_resumed_and_cancelled() -> None:
    with behaving() as (server, client):
        server.jobs(seconds=PATIENCE)
        client.execute("blockdev-mirror", {**BACKUP, "job-id": "m", "speed": 5})
        client.execute("job-pause", {"id": "m"})
        info = client.execute("query-block-jobs")[0]
        assert (info["status"], info["paused"], info["speed"]) == ("paused", True, 5)
        refusals = {
            ("job-pause", "id"): "Job is already paused",
            ("job-complete", "id"): (
                "Job 'm' in state 'paused' cannot accept command verb 'complete'"
            ),
            ("block-job-complete", "device"): (
                "Job 'm' in state 'paused' cannot accept command verb 'complete'"
            ),
        }
        for (command, member), desc in refusals.items():
            with pytest.raises(CommandError) as raised:
                client.execute(command, {member: "m"})
            assert raised.value.desc == desc
        client.execute("job-resume", {"id": "m"})
        with pytest.raises(CommandError, match="Can't resume a job that was not paused"):
            client.execute("job-resume", {"id": "m"})
        client.execute("block-job-set-speed", {"device": "m", "speed": 9})
        assert client.execute("query-block-jobs")[0]["speed"] == 9
        mark = client.event_mark()
        client.execute("job-cancel", {"id": "m"})
        client.wait_event("BLOCK_JOB_CANCELLED", since=mark, timeout=PATIENCE)
        client.wait_event("JOB_STATUS_CHANGE", {"status": "null"}, since=mark, timeout=PATIENCE)
        with pytest.raises(CommandError, match="Job not found"):
            client.execute("job-cancel", {"id": "m"})
        with pytest.raises(CommandError, match="DeviceNotActive: Block job 'm' not found"):
            client.execute("block-job-cancel", {"device": "m"})


def test_a_ready_job_that_stands_by() -> None:
    with behaving() as (server, client):
        server.jobs()
        mark = client.event_mark()
        client.execute("blockdev-mirror", {**BACKUP, "job-id": "m"})
        client.wait_event("BLOCK_JOB_READY", since=mark, timeout=PATIENCE)
        client.execute("block-job-pause", {"device": "m"})
        assert client.execute("query-jobs")[0]["status"] == "standby"
        client.execute("block-job-resume", {"device": "m"})
        client.execute("block-job-cancel", {"device": "m", "force": True})
        client.wait_event("BLOCK_JOB_CANCELLED", since=mark, timeout=PATIENCE)


def test_a_job_that_waits_to_be_finalized_and_dismissed() -> None:
    with behaving() as (server, client):
        jobs = server.jobs()
        options: dict[str, Any] = {"auto-finalize": False, "auto-dismiss": False, "job-id": "j"}
        mark = client.event_mark()
        client.execute("blockdev-backup", {**BACKUP, **options})
        client.wait_event("BLOCK_JOB_PENDING", since=mark, timeout=PATIENCE)
        with pytest.raises(CommandError, match="in state 'pending' cannot accept command verb"):
            client.execute("job-dismiss", {"id": "j"})
        client.execute("block-job-finalize", {"id": "j"})
        assert jobs.jobs["j"].status == "concluded"
        client.execute("block-job-dismiss", {"id": "j"})
        assert jobs.jobs == {}
        client.run_job("blockdev-backup", {**BACKUP, **options})


def test_refusals_to_begin() -> None:
    with behaving() as (server, client):
        server.jobs(seconds=PATIENCE)
        client.execute("blockdev-backup", {**BACKUP, "job-id": "j"})
        with pytest.raises(CommandError, match="Job ID 'j' already in use"):
            client.execute("blockdev-backup", {**BACKUP, "job-id": "j"})
        with pytest.raises(ValueError, match="found 0 steps"):
            server.jobs(steps=0)


def test_jobs_of_a_newer_release() -> None:
    with behaving(schema=recorded_schema("8.2.0_aarch64")) as (server, client):
        server.jobs(seconds=PATIENCE)
        client.execute("blockdev-mirror", {**BACKUP, "job-id": "m"})
        assert client.execute("query-block-jobs")[0]["actively-synced"] is False
        client.execute("job-cancel", {"id": "m"})


def test_the_async_client() -> None:
    async def run(address: str) -> None:
        async with await AsyncClient.connect(address) as client:
            await client.run_job("blockdev-mirror", {**BACKUP, "job-id": "m"})

    with behaving(many=True) as (server, _):
        server.jobs()
        asyncio.run(run(server.address))
