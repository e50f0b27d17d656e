"""``qmpeer jobs`` on a real machine."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpeer import Client, CommandError
from qmpeer.cli.main import main
from qmpeer.values import JsonObject
from tests.cli.programs import at_terminal
from tests.machine.serving import QMPEER
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

pytestmark = pytest.mark.real
FAST = 1 << 30
SLOW = 1 << 20
MIB = 1 << 20


@pytest.fixture
def vm(qemu: str) -> Iterator[Client]:
    """Another monitor of the machine; after the test its jobs are ended."""
    with Client.connect(f"{qemu}2", timeout=PATIENCE, command_timeout=PATIENCE) as client:
        yield client
        for job in client.execute("query-jobs"):
            mark = client.event_mark()
            if job["status"] != "concluded":
                client.execute("job-cancel", {"id": job["id"]})
                is_end = {"status": "concluded", "id": job["id"]}
                client.wait_event("JOB_STATUS_CHANGE", is_end, since=mark)
            try:
                client.execute("job-dismiss", {"id": job["id"]})
            except CommandError:
                pass  # it was dismissed automatically


def copy(vm: Client, name: str, speed: int, **more: Any) -> None:
    arguments = {"job-id": name, "device": "source", "target": "sink", "sync": "full"}
    vm.execute("blockdev-backup", {**arguments, "speed": speed, **more})


def jobs(*words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*QMPEER, "jobs", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_none(qemu: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["--wait"]):
        assert main(["jobs", qemu, *words]) == 0
        assert capsys.readouterr() == ("", "qmpeer jobs: there are no jobs\n")
    assert main(["jobs", qemu, "--wait", "--json"]) == 0
    assert capsys.readouterr() == ("", "")
    assert at_terminal("jobs", qemu).lines == ["qmpeer jobs: there are no jobs"]


def test_one_that_is_not_there(qemu: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", qemu, "nope"]) == 1
    assert capsys.readouterr() == ("", "qmpeer jobs: there is no job 'nope'\n")


def test_one_look(qemu: str, vm: Client, capsys: pytest.CaptureFixture[str]) -> None:
    copy(vm, "slow", SLOW)
    assert main(["jobs", qemu]) == 0
    assert main(["jobs", qemu, "--json"]) == 0
    text, line = capsys.readouterr().out.splitlines()
    assert text.startswith("slow backup running [")
    told = json.loads(line)
    assert (told["id"], told["type"], told["total-progress"]) == ("slow", "backup", 64 * MIB)


def test_until_it_is_done(qemu: str, vm: Client) -> None:
    copy(vm, "copy", SLOW)
    with jobs(qemu, "--wait", "--json") as waiting:
        assert waiting.stdout is not None
        first = json.loads(waiting.stdout.readline())
        vm.execute("block-job-set-speed", {"device": "copy", "speed": FAST})
        out, err = waiting.communicate(timeout=PATIENCE)
    last = json.loads(out.splitlines()[-1])
    assert (waiting.returncode, err) == (0, "")
    assert (first["status"], last["status"]) == ("running", "null")
    assert last["current-progress"] == last["total-progress"] == 64 * MIB


def test_until_it_is_cancelled(qemu: str, vm: Client) -> None:
    copy(vm, "copy", SLOW)
    with jobs(qemu, "copy", "--wait") as waiting:
        assert waiting.stdout is not None
        assert waiting.stdout.readline().startswith("copy backup running ")
        vm.execute("job-cancel", {"id": "copy"})
        out, err = waiting.communicate(timeout=PATIENCE)
    assert (waiting.returncode, err) == (1, "")
    assert out.splitlines()[-1] == "copy backup cancelled"


def test_a_deadline(qemu: str, vm: Client, capsys: pytest.CaptureFixture[str]) -> None:
    copy(vm, "copy", SLOW)
    assert main(["jobs", qemu, "--wait", "--timeout", "0.2"]) == 3
    assert capsys.readouterr().err == "qmpeer jobs: not all jobs were done in 0.2 s\n"


def test_one_that_waits_for_somebody(
    qemu: str, vm: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    copy(vm, "copy", FAST, **{"auto-finalize": False})
    assert main(["jobs", qemu, "--wait"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1].startswith("copy backup pending ")
    assert err == "qmpeer jobs: copy is pending: job-finalize id=copy\n"


def stop_by_an_error(vm: Client, name: str, errno: int) -> None:
    """Begin a job that stops at its first write."""
    broken: JsonObject = {
        "driver": "blkdebug",
        "node-name": f"broken-{name}",
        "image": {"driver": "null-co", "size": 64 * MIB},
        "inject-error": [{"event": "none", "iotype": "write", "errno": errno}],
    }
    vm.execute("blockdev-add", broken)
    mark = vm.event_mark()
    copy(vm, name, FAST, target=f"broken-{name}", **{"on-target-error": "stop"})
    vm.wait_event("BLOCK_JOB_ERROR", since=mark)
    vm.wait_event("JOB_STATUS_CHANGE", {"id": name, "status": "paused"}, since=mark)


@pytest.mark.parametrize(
    ("errno", "reason"),
    [(28, "No space left on device"), (5, "reading or writing failed")],
    ids=["no space", "other"],
)
def test_one_that_an_error_has_stopped(
    qemu: str, vm: Client, errno: int, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"copy{errno}"
    stop_by_an_error(vm, name, errno)
    assert main(["jobs", qemu]) == 0
    assert main(["info", qemu]) == 0
    for text in capsys.readouterr().out.split("jobs", 1):
        assert reason in text
    advice = f"{name} was stopped by an error: {reason}; to go on: job-resume id={name}"
    assert main(["jobs", qemu, "--wait"]) == 1
    assert capsys.readouterr().err == f"qmpeer jobs: {advice}\n"
    assert main(["jobs", qemu, "--wait", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["stop-reason"] == reason


def test_an_error_stops_it_while_it_is_waited_for(qemu: str, vm: Client) -> None:
    copy(vm, "copy", SLOW)
    with jobs(qemu, "broken", "--wait", "copy", "--json") as waiting:
        assert waiting.stdout is not None
        assert json.loads(waiting.stdout.readline())["status"] == "running"
        stop_by_an_error(vm, "broken", 28)
        vm.execute("block-job-set-speed", {"device": "copy", "speed": FAST})
        out, _ = waiting.communicate(timeout=PATIENCE)
    assert waiting.returncode == 1
    reasons = [line.get("stop-reason") for line in map(json.loads, out.splitlines())]
    assert "No space left on device" in reasons


@pytest.mark.parametrize("columns", [80, 20])
def test_live_at_a_terminal(qemu: str, vm: Client, columns: int) -> None:
    copy(vm, "copy", 256 * MIB, **{"auto-finalize": False})
    shown = at_terminal("jobs", qemu, "--wait", columns=columns)
    assert shown.status == 0
    assert shown.lines[0].startswith("copy backup" if columns == 80 else "copy bac")
    assert "100%" in shown.lines[0]
    assert shown.raw.endswith(b"\r\n")
    assert b"\x1b[?25h" in shown.raw  # the cursor is visible again


@pytest.mark.usefixtures("no_rich")
def test_at_a_terminal_without_rich(qemu: str, vm: Client) -> None:
    """Without rich there are lines instead of moving bars."""
    copy(vm, "copy", FAST, **{"auto-finalize": False})
    shown = at_terminal("jobs", qemu, "--wait", NO_COLOR="1")
    assert shown.status == 0
    assert b"\x1b" not in shown.raw
    assert any(line.endswith("100%") for line in shown.lines)


def test_a_migration(
    program: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [program(QEMU), *BASE]
    second = str(tmp_path / "second")
    options = ["-qmp", f"unix:{second},server=on,wait=off"]
    with Client.launch([*argv, *options], timeout=PATIENCE) as vm:
        events: JsonObject = {"capability": "events", "state": True}
        vm.execute("migrate-set-capabilities", {"capabilities": [events]})
        mark = vm.event_mark()
        vm.execute("migrate", {"uri": f"unix:{tmp_path}/nobody"})
        vm.wait_event("MIGRATION", {"status": "failed"}, since=mark, timeout=PATIENCE)
        assert main(["jobs", second, "--wait"]) == 0  # it had failed before the first query
        assert capsys.readouterr().out.startswith("migration ")

        with jobs(second, "--wait", "--json") as waiting:
            vm.execute("migrate", {"uri": "exec:cat >/dev/null"})
            _, err = waiting.communicate(timeout=PATIENCE)
        assert (waiting.returncode, err) == (0, "")
        vm.wait_event("MIGRATION", {"status": "completed"}, since=mark, timeout=PATIENCE)
        assert main(["jobs", second, "--wait", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
    assert (told["id"], told["status"]) == ("migration", "completed")
