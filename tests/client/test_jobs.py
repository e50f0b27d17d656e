"""Runs of jobs: servers of any age, and failures in the middle.

Modules: aio.job_run, aio.procedures, blocking.job_run.
"""

import asyncio
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest

from qmpeer import CommandError, CommandInterrupted
from qmpeer.bindings import Command
from qmpeer.client.jobs import JobState
from qmpeer.errors import JobError
from tests.client.faces import AsyncVm, Face
from tests.client.hourglass import Hourglass
from tests.client.scripted import ScriptedServer, connected
from tests.patience import PATIENCE

BACKUP = {"job-id": "j", "device": "a", "target": "b"}


class JobServer:
    """A scripted server with one job, which a test moves from state to state."""

    def __init__(self, server: ScriptedServer, *, age: str = "new") -> None:
        self.server = server
        self.age = age
        self.asked: list[str] = []

    def status(self, *statuses: str, id: str = "j") -> None:
        for status in statuses:
            self.server.event("JOB_STATUS_CHANGE", id=id, status=status)

    def block(self, name: str, **data: Any) -> None:
        numbers = {"device": "j", "type": "backup", "len": 100, "offset": 100, "speed": 0}
        self.server.event(f"BLOCK_JOB_{name}", **{**numbers, **data})

    def begin(self, *statuses: str, id: str = "j") -> dict[str, Any]:
        """Answer the command that starts the job, after its first events."""
        command = self.server.command()
        self.status(*statuses, id=id)
        self.server.reply(command)
        return command

    def answer(self, expected: str, value: Any = None) -> dict[str, Any]:
        command = self.server.command()
        self.asked.append(command["execute"])
        assert command["execute"] == expected
        self.server.reply(command, value)
        return command

    def refuse(self, expected: str, error_class: str = "GenericError", desc: str = "no") -> None:
        command = self.server.command()
        assert command["execute"] == expected
        self.server.fail(command, error_class, desc)

    def do_not_know(self, *commands: str) -> None:
        for command in commands:
            self.refuse(command, "CommandNotFound")


def info(status: str = "concluded", **more: Any) -> dict[str, Any]:
    return {
        "id": "j",
        "type": "backup",
        "status": status,
        "current-progress": 100,
        "total-progress": 100,
        **more,
    }


def started(
    vm: Any, server: ScriptedServer, command: str = "blockdev-backup", **options: Any
) -> tuple[Future[Any], JobServer]:
    running = vm.start("run_job", command, dict(BACKUP), **{"timeout": PATIENCE, **options})
    jobs = JobServer(server)
    jobs.begin("created", "running")
    return running, jobs


def test_one_that_does_all_by_itself(face: Face) -> None:
    with connected(face) as (vm, server):
        running, jobs = started(vm, server)
        jobs.status("waiting", "pending")
        jobs.block("COMPLETED")
        jobs.status("concluded", "null")
        jobs.answer("query-jobs", [])
        state = running.result(PATIENCE)
        assert state == JobState("j", "concluded", "backup", 100, 100)
        assert state.fraction == 1.0
        assert not server.has_input()


def test_one_that_is_over_before_the_reply(face: Face) -> None:
    with connected(face) as (vm, server):
        running = vm.start("run_job", "blockdev-backup", BACKUP, timeout=PATIENCE)
        jobs = JobServer(server)
        jobs.begin("created", "running", "waiting", "pending", "concluded", "null")
        jobs.answer("query-jobs", [])
        assert running.result(PATIENCE).status == "concluded"


def test_one_that_has_to_be_finalized_and_dismissed(face: Face) -> None:
    with connected(face) as (vm, server):
        arguments = {**BACKUP, "auto-finalize": False, "auto-dismiss": False}
        running = vm.start("run_job", "blockdev-backup", arguments, timeout=PATIENCE)
        jobs = JobServer(server)
        jobs.answer("blockdev-backup")
        jobs.status("created", "running", "waiting", "pending")
        assert jobs.answer("job-finalize")["arguments"] == {"id": "j"}
        jobs.status("concluded")
        jobs.answer("query-jobs", [{**info(), "id": "another"}, info()])
        assert jobs.answer("job-dismiss")["arguments"] == {"id": "j"}
        assert running.result(PATIENCE) == JobState("j", "concluded", "backup", 100, 100)


def test_it_is_given_an_id(face: Face) -> None:
    with connected(face) as (vm, server):
        running = vm.start("run_job", "blockdev-create", {"options": {}}, timeout=PATIENCE)
        jobs = JobServer(server)
        id = jobs.answer("blockdev-create")["arguments"]["job-id"]
        assert id[0].isalpha()
        jobs.status("concluded", id="another")
        jobs.status("created", "concluded", "null", id=id)
        jobs.answer("query-jobs", [])
        assert running.result(PATIENCE).id == id


def test_a_command_of_a_binding(face: Face) -> None:
    with connected(face) as (vm, server):
        command = Command("blockdev-backup", {"job-id": "j", "device": "a"}, lambda value: value)
        running = vm.start("run_job", command, timeout=PATIENCE)
        jobs = JobServer(server)
        assert jobs.answer("blockdev-backup")["arguments"] == {"job-id": "j", "device": "a"}
        jobs.status("null")
        assert running.result(PATIENCE).status == "null"


@pytest.mark.parametrize("is_dismissed", [True, False], ids=["by itself", "by us"])
def test_a_failure(face: Face, is_dismissed: bool) -> None:
    with connected(face) as (vm, server):
        running, jobs = started(vm, server)
        jobs.status("aborting")
        jobs.block("COMPLETED", offset=7, error="No space left on device")
        jobs.status("concluded")
        if is_dismissed:
            jobs.status("null")
            jobs.answer("query-jobs", [])
        else:
            jobs.answer("query-jobs", [info(error="No space left on device")])
            jobs.answer("job-dismiss")
        with pytest.raises(JobError) as caught:
            running.result(PATIENCE)
        error = caught.value
        assert str(error) == "job j (blockdev-backup) failed: No space left on device"
        assert (error.job, error.command, error.is_cancelled) == ("j", "blockdev-backup", False)
        assert isinstance(error, CommandError)
        assert not server.has_input()


def test_somebody_else_dismisses_it(face: Face) -> None:
    with connected(face) as (vm, server):
        running, jobs = started(vm, server)
        jobs.status("concluded")
        jobs.answer("query-jobs", [info()])
        jobs.refuse("job-dismiss", desc="Job not found")
        assert running.result(PATIENCE).current == 100


def test_somebody_else_cancels_it(face: Face) -> None:
    with connected(face) as (vm, server):
        running, jobs = started(vm, server)
        jobs.status("aborting")
        jobs.block("CANCELLED", offset=7)
        jobs.status("concluded", "null")
        jobs.answer("query-jobs", [])
        with pytest.raises(JobError, match="was cancelled") as caught:
            running.result(PATIENCE)
        assert caught.value.is_cancelled


def test_one_that_cannot_be_begun(face: Face) -> None:
    """Its id may belong to another job, which must not be cancelled."""
    with connected(face) as (vm, server):
        running = vm.start("run_job", "blockdev-backup", BACKUP)
        JobServer(server).refuse("blockdev-backup", desc="Job ID 'j' already in use")
        with pytest.raises(CommandError, match="already in use"):
            running.result(PATIENCE)
        assert not server.has_input()


@pytest.mark.parametrize(
    ("when_ready", "command"),
    [("complete", "job-complete"), ("stop", "block-job-cancel")],
)
def test_one_that_is_ready(face: Face, when_ready: str, command: str) -> None:
    with connected(face) as (vm, server):
        running, jobs = started(vm, server, "blockdev-mirror", when_ready=when_ready)
        jobs.status("ready")
        jobs.block("READY")
        jobs.answer(command)
        jobs.status("standby", "ready", "waiting", "pending")
        jobs.block("COMPLETED")
        jobs.status("concluded", "null")
        jobs.answer("query-jobs", [])
        assert running.result(PATIENCE).status == "concluded"
        assert jobs.asked.count(command) == 1


def test_one_that_is_ready_but_not_when_it_is_asked(face: Face) -> None:
    with connected(face) as (vm, server):
        running, jobs = started(vm, server, "blockdev-mirror")
        jobs.status("ready", "standby")
        jobs.refuse("job-complete", desc="Job 'j' in state 'standby' cannot accept")
        jobs.answer("query-jobs", [info("standby")])
        jobs.status("ready")
        jobs.answer("job-complete")
        jobs.status("concluded", "null")
        jobs.answer("query-jobs", [])
        assert running.result(PATIENCE).status == "concluded"


def test_one_that_is_ready_and_cannot_be_completed(face: Face) -> None:
    with connected(face) as (vm, server):
        running, jobs = started(vm, server, "blockdev-mirror")
        jobs.status("ready")
        jobs.refuse("job-complete", desc="Node is in use")
        jobs.answer("query-jobs", [info("ready")])
        jobs.answer("job-cancel")
        jobs.status("aborting", "concluded", "null")
        jobs.answer("query-jobs", [])
        with pytest.raises(CommandError, match="Node is in use"):
            running.result(PATIENCE)


def test_a_server_that_knows_block_jobs_only(face: Face) -> None:
    """QEMU before 3.0."""
    with connected(face) as (vm, server):
        running = vm.start("run_job", "drive-mirror", BACKUP, timeout=PATIENCE)
        jobs = JobServer(server)
        jobs.answer("drive-mirror")
        jobs.block("READY")
        jobs.do_not_know("job-complete")
        assert jobs.answer("block-job-complete")["arguments"] == {"device": "j"}
        jobs.block("COMPLETED")
        assert running.result(PATIENCE) == JobState("j", "concluded", "backup", 100, 100)


def test_a_failure_of_an_old_one(face: Face) -> None:
    with connected(face) as (vm, server):
        running = vm.start("run_job", "drive-backup", BACKUP, timeout=PATIENCE)
        jobs = JobServer(server)
        jobs.answer("drive-backup")
        jobs.block("ERROR", operation="write", action="report")
        jobs.block("COMPLETED", error="Input/output error")
        with pytest.raises(JobError, match="Input/output error"):
            running.result(PATIENCE)


# Errors that only stop the job


def block_info(io_status: str = "nospace", status: str = "paused", **more: Any) -> dict[str, Any]:
    return {"device": "j", "type": "backup", "status": status, "io-status": io_status, **more}


REASONS = {"nospace": "No space left on device", "failed": "reading or writing failed"}


@pytest.mark.parametrize("status", ["paused", "standby"])
@pytest.mark.parametrize("io_status", REASONS)
def test_an_error_stops_it(face: Face, io_status: str, status: str) -> None:
    """The job is left as it is, without further queries."""
    with connected(face) as (vm, server):
        running, jobs = started(vm, server)
        jobs.status("paused", "running")  # QEMU pauses jobs like this whenever its graph changes
        jobs.block("ERROR", operation="write", action="stop")
        jobs.status(status)
        jobs.answer("query-jobs", [info(status)])
        jobs.answer("query-block-jobs", [block_info(io_status, status)])
        with pytest.raises(JobError) as caught:
            running.result(PATIENCE)
        error, reason = caught.value, REASONS[io_status]
        assert str(error) == f"job j (blockdev-backup) was stopped by an error: {reason}"
        assert (error.job, error.is_stopped, error.is_cancelled) == ("j", True, False)
        assert not server.has_input()


def test_an_error_that_comes_while_it_stands_still(face: Face) -> None:
    with connected(face) as (vm, server):
        running, jobs = started(vm, server)
        jobs.status("paused")
        jobs.block("ERROR", operation="read", action="stop")
        jobs.answer("query-jobs", [info("paused")])
        jobs.answer("query-block-jobs", [block_info()])
        with pytest.raises(JobError, match="stopped by an error"):
            running.result(PATIENCE)


def test_an_error_stops_an_old_one(face: Face) -> None:
    """QEMU before 3.0."""
    with connected(face) as (vm, server):
        running = vm.start("run_job", "drive-backup", BACKUP, timeout=PATIENCE)
        jobs = JobServer(server)
        jobs.answer("drive-backup")
        jobs.block("ERROR", operation="write", action="stop")
        jobs.do_not_know("query-jobs")
        old = {"device": "j", "type": "backup", "paused": True, "io-status": "nospace"}
        jobs.answer("query-block-jobs", [old])
        jobs.answer("query-block-jobs", [old])
        with pytest.raises(JobError, match="stopped by an error: No space"):
            running.result(PATIENCE)


def test_an_error_that_somebody_waits_for(face: Face) -> None:
    with connected(face) as (vm, server):
        told: list[JobState] = []
        running, jobs = started(vm, server, on_stopped="wait", progress=told.append, interval=60)
        jobs.block("ERROR", operation="write", action="stop")
        jobs.status("paused")
        jobs.answer("query-jobs", [info("paused")])
        jobs.answer("query-block-jobs", [block_info()])
        jobs.status("running")  # somebody has freed space and resumed it
        jobs.status("concluded", "null")
        jobs.answer("query-jobs", [])
        assert running.result(PATIENCE).status == "concluded"
        reasons = [(state.status, state.stop_reason) for state in told]
        assert ("paused", "No space left on device") in reasons
        assert reasons[-1] == ("concluded", None)


def test_a_deadline_that_an_error_has_used_up(face: Face, hourglass: Hourglass) -> None:
    with connected(face) as (vm, server):
        running, jobs = started(vm, server, on_stopped="wait", timeout=0.1)
        jobs.block("ERROR", operation="write", action="stop")
        jobs.status("paused")
        jobs.answer("query-jobs", [info("paused")])
        hourglass.let_go()
        jobs.answer("query-block-jobs", [block_info()])
        jobs.answer("job-cancel")
        jobs.status("running", "aborting", "concluded", "null")
        jobs.answer("query-jobs", [])
        with pytest.raises(TimeoutError, match="an error has stopped it: No space left on device"):
            running.result(PATIENCE)


@pytest.mark.parametrize("action", ["report", "ignore", None])
def test_an_error_that_does_not_stop_it(face: Face, action: str | None) -> None:
    with connected(face) as (vm, server):
        running, jobs = started(vm, server)
        jobs.block("ERROR", operation="write", action=action)
        jobs.status("paused", "running", "null")
        assert running.result(PATIENCE).status == "null"
        assert not server.has_input()


def test_one_that_was_resumed_before_we_asked(face: Face) -> None:
    with connected(face) as (vm, server):
        running, jobs = started(vm, server)
        jobs.block("ERROR", operation="write", action="stop")
        jobs.status("paused")
        jobs.answer("query-jobs", [info("running")])
        jobs.status("running", "null")
        assert running.result(PATIENCE).status == "null"


def test_one_that_somebody_has_paused_after_an_error(face: Face) -> None:
    with connected(face) as (vm, server):
        running, jobs = started(vm, server)
        jobs.block("ERROR", operation="write", action="stop")
        jobs.status("paused")
        jobs.answer("query-jobs", [info("paused")])
        jobs.answer("query-block-jobs", [block_info("ok")])
        jobs.status("running", "null")
        assert running.result(PATIENCE).status == "null"


@pytest.mark.parametrize(
    "odd", [0, "x", [None], [[]], [{}], {}, [{"id": 1, "status": [], "error": {}}]], ids=repr
)
def test_answers_that_are_no_jobs(face: Face, odd: Any) -> None:
    """The run continues as if the server couldn't be queried."""
    with connected(face) as (vm, server):
        running, jobs = started(vm, server)
        server.event("JOB_STATUS_CHANGE", id="j", status=odd)
        server.event("JOB_STATUS_CHANGE", id=odd, status="concluded")
        jobs.block("ERROR", operation=odd, action="stop")
        jobs.status("paused")
        jobs.answer("query-jobs", odd)
        jobs.block("COMPLETED", offset=odd, len=odd, error=odd if isinstance(odd, str) else None)
        jobs.status("concluded")
        jobs.answer("query-jobs", odd)
        if odd == "x":
            with pytest.raises(JobError, match="failed: x"):
                running.result(PATIENCE)
        else:
            assert running.result(PATIENCE).status == "concluded"


# Progress


def test_progress(face: Face) -> None:
    with connected(face) as (vm, server):
        told: list[JobState] = []
        running, jobs = started(vm, server, progress=told.append, interval=0.02)
        for number in (10, 20):
            running_info = info("running", **{"current-progress": number})
            jobs.answer("query-jobs", [running_info])
        # Another query may be in flight at the end.
        jobs.status("concluded")
        command = server.command()
        while command["execute"] == "query-jobs":
            server.reply(command, [info()])
            command = server.command()
        assert command["execute"] == "job-dismiss"
        server.reply(command)
        state = running.result(PATIENCE)
        assert told[-1] == state
        assert [s.status for s in told][:2] == ["created", "running"]
        assert {10, 20, 100} <= {s.current for s in told}
        assert [s.current for s in told] == sorted(s.current for s in told)


def test_a_progress_function_may_be_a_coroutine(face: Face) -> None:
    with connected(face) as (vm, server):
        told: list[str] = []

        async def tell(state: JobState) -> None:
            await asyncio.sleep(0)
            told.append(state.status)

        progress = tell if isinstance(vm, AsyncVm) else lambda state: told.append(state.status)
        running, jobs = started(vm, server, progress=progress)
        jobs.status("paused", "null")
        running.result(PATIENCE)
        assert told == ["created", "running", "paused", "null"]


def test_nothing_is_asked_without_it(face: Face) -> None:
    with connected(face) as (vm, server):
        running, jobs = started(vm, server, interval=0.02)
        with pytest.raises(TimeoutError):
            running.result(0.2)
        assert not server.has_input()
        jobs.status("null")
        running.result(PATIENCE)


def test_a_progress_function_that_fails_cancels_the_job(face: Face) -> None:
    with connected(face) as (vm, server):

        def fail(state: JobState) -> None:
            raise RuntimeError("of the caller's own")

        running, jobs = started(vm, server, progress=fail)
        assert jobs.answer("job-cancel")["arguments"] == {"id": "j"}
        jobs.status("aborting")
        jobs.block("CANCELLED")
        jobs.status("concluded")
        jobs.answer("query-jobs", [info(error="Operation canceled")])
        jobs.answer("job-dismiss")
        with pytest.raises(RuntimeError, match="of the caller's own") as caught:
            running.result(PATIENCE)
        assert not getattr(caught.value, "__notes__", [])


# Deadlines, cancelling, and the end of the connection


def test_a_deadline_cancels_the_job(face: Face, hourglass: Hourglass) -> None:
    with connected(face) as (vm, server):
        running, jobs = started(vm, server, timeout=0.1)
        runs_out(hourglass, jobs)
        jobs.answer("job-cancel")
        jobs.status("aborting", "concluded", "null")
        jobs.answer("query-jobs", [])
        with pytest.raises(TimeoutError, match=r"wasn't done in 0\.1 s") as caught:
            running.result(PATIENCE)
        assert not getattr(caught.value, "__notes__", [])


def runs_out(hourglass: Hourglass, jobs: JobServer) -> None:
    """Let the job's deadline pass, now that the job has started."""
    hourglass.let_go()
    jobs.status("running")


def test_the_connections_own_deadline(face: Face, hourglass: Hourglass) -> None:
    with connected(face, command_timeout=0.1) as (vm, server):
        running = vm.start("run_job", "blockdev-backup", BACKUP)
        jobs = JobServer(server)
        jobs.begin("created")
        runs_out(hourglass, jobs)
        jobs.answer("job-cancel")
        jobs.status("null")
        with pytest.raises(TimeoutError, match=r"wasn't done in 0\.1 s"):
            running.result(PATIENCE)


def test_a_deadline_of_an_old_server(face: Face, hourglass: Hourglass) -> None:
    with connected(face) as (vm, server):
        running = vm.start("run_job", "drive-backup", BACKUP, timeout=0.1)
        jobs = JobServer(server)
        jobs.answer("drive-backup")
        hourglass.let_go()
        jobs.block("PENDING")
        jobs.do_not_know("job-cancel")
        arguments = jobs.answer("block-job-cancel")["arguments"]
        assert arguments == {"device": "j", "force": True}
        jobs.block("CANCELLED")
        with pytest.raises(TimeoutError):
            running.result(PATIENCE)


def test_events_do_not_stretch_a_deadline(face: Face, hourglass: Hourglass) -> None:
    with connected(face) as (vm, server):
        running, jobs = started(vm, server, timeout=0.1)
        hourglass.let_go()
        while not server.has_input():
            jobs.status("paused", "running")
        jobs.answer("job-cancel")
        jobs.status("null")
        with pytest.raises(TimeoutError):
            running.result(PATIENCE)


def test_one_that_cannot_be_cancelled(face: Face, hourglass: Hourglass) -> None:
    with connected(face) as (vm, server):
        running, jobs = started(vm, server, timeout=0.05)
        runs_out(hourglass, jobs)
        jobs.refuse("job-cancel", desc="cannot accept command verb 'cancel'")
        jobs.answer("query-jobs", [info("pending")])
        with pytest.raises(TimeoutError) as caught:
            running.result(PATIENCE)
        (note,) = caught.value.__notes__
        assert note.startswith("job j is still running, cancelling it failed: GenericError: cannot")


def test_one_that_does_not_end_when_it_is_cancelled(
    face: Face, hourglass: Hourglass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpeer.limits.CANCEL_TIMEOUT", 0.1)
    with connected(face) as (vm, server):
        running, jobs = started(vm, server, timeout=0.05)
        runs_out(hourglass, jobs)
        jobs.answer("job-cancel")
        runs_out(hourglass, jobs)
        with pytest.raises(TimeoutError) as caught:
            running.result(PATIENCE)
        assert caught.value.__notes__ == ["job j was cancelled, but hasn't ended yet"]


def test_a_server_that_answers_no_more(
    face: Face, hourglass: Hourglass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpeer.limits.CANCEL_TIMEOUT", 0.1)
    with connected(face) as (vm, server):
        running, jobs = started(vm, server, timeout=0.05)
        hourglass.let_go()
        runs_out(hourglass, jobs)
        with pytest.raises(TimeoutError, match="wasn't done") as caught:
            running.result(PATIENCE)
        (note,) = caught.value.__notes__
        assert note.startswith(
            "job j may still be running, cancelling it failed: job-cancel wasn't"
        )


@pytest.mark.parametrize("is_begun", [True, False])
def test_a_beginning_that_is_not_answered(face: Face, is_begun: bool) -> None:
    """Only the event shows whether the job is ours to cancel."""
    with connected(face) as (vm, server):
        # The hourglass doesn't hold back a command's own deadline.
        running = vm.start("run_job", "blockdev-backup", BACKUP, timeout=3.0 if is_begun else 0.1)
        jobs = JobServer(server)
        assert server.command()["execute"] == "blockdev-backup"
        if is_begun:
            jobs.status("created")
            jobs.answer("job-cancel")
            jobs.status("null")
        with pytest.raises(TimeoutError, match="blockdev-backup wasn't answered") as caught:
            running.result(PATIENCE)
        notes = getattr(caught.value, "__notes__", [])
        assert notes == ([] if is_begun else ["it is unknown whether job j was started"])
        assert not server.has_input()


def test_the_end_of_the_connection(face: Face) -> None:
    with connected(face) as (vm, server):
        running, jobs = started(vm, server)
        jobs.status("paused")
        server.close()
        with pytest.raises(CommandInterrupted, match="blockdev-backup") as caught:
            running.result(PATIENCE)
        assert "job j may still be running" in str(caught.value)


def interrupt(_: JobState) -> None:
    raise KeyboardInterrupt


def test_who_is_interrupted_cancels_the_job(face: Face) -> None:
    """By Ctrl-C in a thread, or by cancelling a task."""
    with connected(face) as (vm, server):
        if isinstance(vm, AsyncVm):
            running, jobs = started(vm, server)
            running.cancel()
        else:
            running, jobs = started(vm, server, progress=interrupt)
        jobs.answer("job-cancel")
        jobs.status("aborting", "concluded")
        jobs.answer("query-jobs", [info()])
        jobs.answer("job-dismiss")
        executing = vm.begin("after")
        jobs.answer("after")
        assert executing.result(PATIENCE) == {}
        with pytest.raises((CancelledError, KeyboardInterrupt)):
            running.result(PATIENCE)


def test_two_at_once(face: Face) -> None:
    with connected(face) as (vm, server):
        running = {}
        jobs = JobServer(server)
        for id in ("one", "two"):
            running[id] = vm.start("run_job", "blockdev-backup", {"job-id": id}, timeout=PATIENCE)
            jobs.answer("blockdev-backup")
        jobs.status("created", "running", "null", id="two")
        assert running["two"].result(PATIENCE).id == "two"
        assert not running["one"].done()
        jobs.status("created", "null", id="one")
        assert running["one"].result(PATIENCE).id == "one"


# States


@pytest.mark.parametrize(
    ("state", "fraction"),
    [
        (JobState("j", "running", current=0, total=0), 0.0),
        (JobState("j", "concluded", current=0, total=0), 1.0),
        (JobState("j", "pending", current=0, total=0), 1.0),
        (JobState("j", "running", current=5, total=4), 1.0),
        (JobState("j", "running", current=-1, total=4), 0.0),
    ],
    ids=["unknown", "nothing to do", "nothing was to do", "too much", "negative"],
)
def test_fractions(state: JobState, fraction: float) -> None:
    assert state.fraction == fraction
