"""Jobs, migration, names and reconnecting with a real QEMU, one test per promise."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpeer import CommandError, CommandInterrupted
from qmpeer.client.jobs import JobState
from qmpeer.client.migration import MigrationState
from qmpeer.errors import JobError, MigrationError
from qmpeer.wire import encode_compact
from tests.client.faces import Face, Vm
from tests.client.hourglass import Hourglass
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

pytestmark = pytest.mark.real
MIB = 1 << 20


@pytest.fixture
def launch(face: Face, program: Callable[[str], str]) -> Callable[..., Vm]:
    def begin(*options: str, machine: str = "none", **more: Any) -> Vm:
        argv = [program(QEMU), "-machine", machine, *BASE[2:], *options]
        return face.launch(argv, command_timeout=PATIENCE, **more)

    return begin


@pytest.fixture(scope="module")
def images(program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with qcow2 images of 8 MiB: "disk", half of it written, and "copy"."""
    folder = tmp_path_factory.mktemp("images")
    for name in ("disk", "copy"):
        words = ["create", "-q", "-f", "qcow2", f"{folder}/{name}.qcow2", "8M"]
        subprocess.run([program("qemu-img"), *words], check=True)
    words = ["-f", "qcow2", "-c", "write -q -P 7 0 4M", f"{folder}/disk.qcow2"]
    subprocess.run([program("qemu-io"), *words], check=True)
    return folder


@pytest.fixture
def vm(launch: Callable[..., Vm], images: Path, tmp_path: Path) -> Iterator[Vm]:
    """Start a machine with a disk, "disk", and a node for its copy, each in a file of its own."""
    with launch() as made:
        for name in ("disk", "copy"):
            shutil.copy(images / f"{name}.qcow2", tmp_path)
            file = {"driver": "file", "filename": str(tmp_path / f"{name}.qcow2")}
            add(made, {"driver": "qcow2", "node-name": name, "file": file})
        yield made


def add(vm: Vm, node: dict[str, Any]) -> None:
    vm.execute("blockdev-add", node)


def slow_backup(vm: Vm, **more: Any) -> dict[str, Any]:
    """Add disks, and return the arguments of a backup that takes a minute."""
    null = {"driver": "null-co", "size": 64 * MIB, "read-zeroes": False}
    for name in ("source", "target"):
        add(vm, {**null, "node-name": name})
    nodes = {"device": "source", "target": "target"}
    return {"job-id": "b", **nodes, "sync": "full", "speed": MIB, **more}


def test_a_backup_is_a_copy(vm: Vm, program: Callable[[str], str], tmp_path: Path) -> None:
    told: list[JobState] = []
    backup = {"device": "disk", "target": "copy", "sync": "full"}
    state = vm.call("run_job", "blockdev-backup", backup, progress=told.append, timeout=PATIENCE)
    assert (state.status, state.type, state.fraction, state.error) == (
        "concluded",
        "backup",
        1.0,
        None,
    )
    assert told[-1] == state
    assert vm.execute("query-jobs") == []
    for name in ("disk", "copy"):
        vm.execute("blockdev-del", {"node-name": name})
    paths = [tmp_path / "disk.qcow2", tmp_path / "copy.qcow2"]
    subprocess.run([program("qemu-img"), "compare", "-q", *paths], check=True)


@pytest.mark.parametrize("auto", [True, False], ids=["by itself", "by us"])
@pytest.mark.parametrize("when_ready", ["complete", "stop"])
def test_a_mirror(vm: Vm, auto: bool, when_ready: str) -> None:
    mirror = {"device": "disk", "target": "copy", "sync": "full"}
    auto_options = {"auto-finalize": auto, "auto-dismiss": auto}
    arguments = {**mirror, **auto_options}
    state = vm.call(
        "run_job", "blockdev-mirror", arguments, when_ready=when_ready, timeout=PATIENCE
    )
    assert (state.status, state.type, state.fraction) == ("concluded", "mirror", 1.0)
    assert vm.execute("query-jobs") == []


def test_creating_an_image(vm: Vm, tmp_path: Path) -> None:
    options: dict[str, Any] = {"driver": "file", "filename": str(tmp_path / "new"), "size": MIB}
    assert vm.call("run_job", "blockdev-create", {"options": options}).status == "concluded"
    assert (tmp_path / "new").stat().st_size == MIB
    options["filename"] = str(tmp_path / "no" / "new")
    with pytest.raises(JobError, match=r"Could not create .* No such file or directory") as caught:
        vm.call("run_job", "blockdev-create", {"options": options})
    assert caught.value.command == "blockdev-create"
    assert vm.execute("query-jobs") == []


@pytest.mark.parametrize("auto", [True, False], ids=["by itself", "by us"])
def test_a_disk_that_fails(vm: Vm, auto: bool) -> None:
    null = {"driver": "null-co", "size": 8 * MIB, "read-zeroes": True}
    broken = {"event": "none", "iotype": "write"}
    add(vm, {"driver": "blkdebug", "node-name": "bad", "image": null, "inject-error": [broken]})
    backup = {"job-id": "b", "device": "disk", "target": "bad", "sync": "full"}
    arguments = {**backup, "auto-dismiss": auto, "auto-finalize": auto}
    with pytest.raises(JobError) as caught:
        vm.call("run_job", "blockdev-backup", arguments, timeout=PATIENCE)
    assert str(caught.value) == "job b (blockdev-backup) failed: Input/output error"
    assert vm.execute("query-jobs") == []


@pytest.mark.parametrize("auto", [True, False], ids=["by itself", "by us"])
def test_a_deadline(vm: Vm, auto: bool, hourglass: Hourglass) -> None:
    backup = slow_backup(vm, **{"auto-dismiss": auto})
    told: list[JobState] = []

    def tell(state: JobState) -> None:
        told.append(state)
        if state.total:
            hourglass.let_go()

    with pytest.raises(TimeoutError, match=r"wasn't done in 0\.3 s") as caught:
        vm.call("run_job", "blockdev-backup", backup, progress=tell, interval=0.05, timeout=0.3)
    assert not getattr(caught.value, "__notes__", [])
    assert vm.execute("query-jobs") == []
    assert told[-1].total == 64 * MIB


def test_somebody_cancels_it(vm: Vm) -> None:
    backup = slow_backup(vm)
    running = vm.start("run_job", "blockdev-backup", backup, timeout=PATIENCE)
    vm.wait_event("JOB_STATUS_CHANGE", {"id": "b", "status": "running"}, since=0)
    vm.execute("job-cancel", {"id": "b"})
    with pytest.raises(JobError) as caught:
        running.result(PATIENCE)
    assert caught.value.is_cancelled


def test_an_id_that_is_taken(vm: Vm) -> None:
    backup = slow_backup(vm)
    vm.execute("blockdev-backup", backup)
    stream = {"job-id": "b", "device": "disk"}
    with pytest.raises(CommandError, match="Job ID 'b' already in use"):
        vm.call("run_job", "block-stream", stream)
    assert [job["id"] for job in vm.execute("query-jobs")] == ["b"]


def test_qemu_is_killed_meanwhile(vm: Vm) -> None:
    backup = slow_backup(vm)
    running = vm.start("run_job", "blockdev-backup", backup, timeout=PATIENCE)
    vm.wait_event("JOB_STATUS_CHANGE", {"id": "b", "status": "running"}, since=0)
    vm.execute("query-jobs")  # the reply to the starting command came before this one
    os.kill(vm.process.pid, signal.SIGKILL)
    with pytest.raises(CommandInterrupted, match="job b may still be running"):
        running.result(PATIENCE)


# Migration


def test_a_migration(launch: Callable[..., Vm], tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/migration"
    told: list[MigrationState] = []
    with (
        launch("-incoming", address) as target,
        launch() as source,
    ):
        state = source.call("migrate", address, progress=told.append, timeout=PATIENCE)
        assert state.status == "completed"
        assert state.info["total-time"] >= 0
        assert told[-1] == state
        while (status := source.execute("query-status")["status"]) != "postmigrate":
            assert status == "finish-migrate"  # a moment after query-migrate reports the end
        target.wait_event("RESUME", since=0)


def test_a_migration_that_fails(launch: Callable[..., Vm], tmp_path: Path) -> None:
    with launch("-m", "64", machine="pc") as vm:
        with pytest.raises(CommandError, match="No such file or directory") as caught:
            vm.call("migrate", f"unix:{tmp_path}/nobody", timeout=PATIENCE)
        with pytest.raises(MigrationError) as failed:
            vm.call("migrate", "exec:exit 1", timeout=PATIENCE)
        assert failed.value.status == "failed"
        assert failed.value.desc
        assert caught.value.command == "migrate"
        assert vm.execute("query-status")["status"] == "running"


def test_a_migration_that_takes_too_long(launch: Callable[..., Vm], hourglass: Hourglass) -> None:
    with launch("-m", "64", machine="pc") as vm:
        bandwidth = {"max-bandwidth": 1000}
        vm.execute("migrate-set-parameters", bandwidth)
        told: list[MigrationState] = []

        def tell(state: MigrationState) -> None:
            told.append(state)
            if state.remaining:
                hourglass.let_go()

        with pytest.raises(TimeoutError) as caught:
            vm.call("migrate", "exec:cat >/dev/null", progress=tell, interval=0.05, timeout=0.5)
        assert not getattr(caught.value, "__notes__", [])
        assert vm.execute("query-migrate")["status"] == "cancelled"
        assert told[-1].remaining > 0


# Names


def test_names(launch: Callable[..., Vm], tmp_path: Path) -> None:
    with launch(
        *("-S", "-chardev", "null,id=console0", "-object", "iothread,id=io0"),
        *("-netdev", "user,id=n0", "-device", "e1000,netdev=n0,id=nic0", "-netdev", "user,id=n1"),
        *("-blockdev", "null-co,node-name=disk0,read-zeroes=on", "-m", "32"),
        machine="q35",
    ) as vm:
        backup = {"job-id": "j0", "device": "disk0", "target": "disk0"}
        with pytest.raises(CommandError):
            vm.execute("blockdev-backup", {**backup, "sync": "full"})
        found = {
            kind: vm.call("names", kind, timeout=PATIENCE)
            for kind in ("block-node", "chardev", "device", "iothread", "job", "netdev", "object")
        }
        assert found["block-node"] == ["disk0"]
        assert {"console0", "qmpeer-monitor"} <= set(found["chardev"])
        assert found["device"] == ["nic0"]
        assert found["iothread"] == ["io0"]
        assert found["job"] == []
        assert found["netdev"] == ["n0", "n1"]
        assert "io0" in found["object"]
        assert "/machine/peripheral" in vm.call(
            "names", "qom-path", within="/machine", timeout=PATIENCE
        )
        properties = vm.call(
            "names", "qom-property", within="/machine/peripheral/nic0", timeout=PATIENCE
        )
        assert "realized" in properties
        assert "e1000" in vm.call("names", "device-type", timeout=PATIENCE)
        assert "query-status" in vm.call("names", "command", timeout=PATIENCE)


# Commands that QEMU can't parse


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "a noncharacter": (b'"\xef\xbf\xbf"', "JSON parse error, invalid UTF-8 sequence in string"),
    "no UTF-8": (b'"\xc0\xaf"', "JSON parse error, invalid UTF-8 sequence in string"),
    "a lone surrogate": (b'"\xed\xa0\x80"', "JSON parse error, invalid UTF-8 sequence in string"),
    "nested too deep": (b"[" * 1100 + b"]" * 1100, "JSON nesting depth limit exceeded"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_qemu_cannot_read_is_refused_at_once(
    launch: Callable[..., Vm], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """QEMU answers without an id. The client's own check of such values is disabled here."""
    text, desc = UNREADABLE[kind]
    monkeypatch.setattr(
        "qmpeer.protocol.command_queue.encode_request",
        lambda message: encode_compact(message).replace(b'"UNREADABLE"', text),
    )
    # With out-of-band execution, the thousand errors of a value that is too deep abort QEMU 7.2.
    capabilities = [] if kind == "nested too deep" else ["oob"]
    with launch(capabilities=capabilities) as vm:
        before = vm.begin("query-version")
        refused = vm.begin("human-monitor-command", {"command-line": "UNREADABLE"})
        after = [vm.begin("query-status") for _ in range(3)]
        assert before.result(PATIENCE)["qemu"]
        with pytest.raises(CommandError, match=desc) as caught:
            refused.result(PATIENCE)
        assert caught.value.command == "human-monitor-command"
        assert [each.result(PATIENCE)["status"] for each in after] == ["running"] * 3


# Reconnecting


def test_qemu_is_restarted(face: Face, program: Callable[[str], str], tmp_path: Path) -> None:
    path = tmp_path / "qmp"
    argv = [program(QEMU), *BASE]
    argv += ["-qmp", f"unix:{path},server=on,wait=off"]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    try:
        options = {"timeout": PATIENCE, "wait_for_socket": True, "reconnect": PATIENCE}
        with face.connect(path, command_timeout=PATIENCE, **options) as vm:
            vm.execute("stop")
            vm.execute("cont")
            mark = vm.event_mark()
            waiting = vm.start("wait_event", "STOP", since=mark)
            process.kill()
            process.wait()
            while not vm.client.interruptions:  # until the loss is noticed
                vm.event_mark()
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
            assert vm.execute("query-status")["status"] == "running"
            vm.execute("stop")
            assert waiting.result(PATIENCE).number > mark
            (interruption,) = vm.client.interruptions
            assert interruption.last_event == mark
    finally:
        process.kill()
        process.wait()


def test_pipelined_descriptors(launch: Callable[..., Vm]) -> None:
    """QEMU reads on before it executes a command, and has room for one set of descriptors."""
    with launch() as vm, open(os.devnull, "rb") as file:
        named = [vm.begin("getfd", {"fdname": f"n{n}"}, fds=[file.fileno()]) for n in range(100)]
        assert [each.result(PATIENCE) for each in named] == [{}] * 100
        for n in range(100):
            vm.execute("closefd", {"fdname": f"n{n}"})
