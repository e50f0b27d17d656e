"""Commands until their event with a real QEMU: each rule of the table that needs no guest."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qmpeer import CommandError, CompletionError, Event
from tests.client.faces import Face, Vm
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

pytestmark = pytest.mark.real
MIB = 1 << 20


@pytest.fixture
def launch(face: Face, program: Callable[[str], str]) -> Callable[..., Vm]:
    def begin(*options: str) -> Vm:
        argv = [program(QEMU), "-machine", "q35", *BASE[2:], "-m", "64M", *options]
        return face.launch(argv, command_timeout=PATIENCE)

    return begin


def name_of(event: Event | None) -> str | None:
    return None if event is None else event.name


def test_the_machine(launch: Callable[..., Vm]) -> None:
    with launch("-S") as vm:

        def until(command: str, **arguments: Any) -> str | None:
            return name_of(vm.execute(command, arguments, until=True))

        assert until("stop") is None
        assert [until(command) for command in ("cont", "cont", "stop", "stop")] == [
            "RESUME",
            None,
            "STOP",
            None,
        ]
        assert until("system_reset") == "RESET"
        with pytest.raises(CommandError, match="suspend"):
            vm.execute("system_wakeup", until=True)
        assert until("quit") == "SHUTDOWN"


def test_no_reboot(launch: Callable[..., Vm]) -> None:
    with launch("-S", "-no-reboot") as vm:
        with pytest.raises(CompletionError, match="the machine ended") as caught:
            vm.execute("system_reset", until=True)
        assert caught.value.event == "SHUTDOWN"


def test_devices_and_media(launch: Callable[..., Vm]) -> None:
    memory = "memory-backend-ram,id=m,size=128M"
    with launch(
        *("-S", "-m", "64M,maxmem=1G", "-object", memory),
        *("-device", "virtio-mem-pci,id=vm,memdev=m"),
        *("-device", "virtio-scsi-pci", "-device", "scsi-cd,id=cd", "-device", "isa-fdc,id=fdc"),
        *("-blockdev", "null-co,node-name=n", "-device", "floppy,id=floppy,drive=n"),
        *("-device", "virtio-balloon-pci"),
    ) as vm:  # fmt: skip

        def until(command: str, **arguments: Any) -> str | None:
            return name_of(vm.execute(command, arguments, until=True))

        trays = ["blockdev-open-tray", "blockdev-open-tray", "blockdev-close-tray", "eject"]
        moved = "DEVICE_TRAY_MOVED"
        assert [until(each, id="cd") for each in trays] == [moved, None, moved, moved]
        for id in ("cd", "/machine/peripheral/cd"):
            assert until("blockdev-close-tray", id=id) == (moved if id == "cd" else None)
        assert until("eject", id="floppy", force=True) is None
        event = vm.execute("device_del", {"id": "cd"}, until=True)
        assert event.data == {"device": "cd", "path": "/machine/peripheral/cd"}
        assert until("balloon", value=64 * MIB) is None
        size = {"path": "/machine/peripheral/vm", "property": "requested-size"}
        assert until("qom-set", **size, value=0) is None


def test_dumps(launch: Callable[..., Vm], tmp_path: Path) -> None:
    with launch("-S") as vm:
        dump = {"paging": False, "detach": True, "protocol": f"file:{tmp_path / 'dump'}"}
        event = vm.execute("dump-guest-memory", dump, until=True)
        assert event.data["result"]["status"] == "completed"
        full = {**dump, "protocol": "file:/dev/full"}
        with pytest.raises(CompletionError, match="failed to write elf header") as caught:
            vm.execute("dump-guest-memory", full, until=True)
        assert caught.value.reason.startswith("dump: failed to write elf header")


def test_exports_and_jobs(launch: Callable[..., Vm], tmp_path: Path) -> None:
    null = "null-co,size=67108864,read-zeroes=off,node-name="
    with launch("-S", "-blockdev", f"{null}a", "-blockdev", f"{null}b") as vm:
        address = {"type": "unix", "data": {"path": str(tmp_path / "nbd")}}
        vm.execute("nbd-server-start", {"addr": address})
        for command, member in (("block-export-del", "id"), ("nbd-server-remove", "name")):
            vm.execute("block-export-add", {"type": "nbd", "id": "e", "node-name": "a"})
            event = vm.execute(command, {member: "e"}, until=True)
            assert event.data == {"id": "e"}
        job = {"job-id": "j", "device": "a", "target": "b", "sync": "full"}
        for command, member in (("job-cancel", "id"), ("block-job-cancel", "device")):
            vm.execute("blockdev-backup", {**job, "speed": MIB})
            event = vm.execute(command, {member: "j"}, until=True)
            assert event.data == {"id": "j", "status": "concluded"}
            assert vm.execute("query-jobs") == []
        for command, member in (("job-complete", "id"), ("block-job-complete", "device")):
            mark = vm.event_mark()
            vm.execute("blockdev-mirror", {**job, "sync": "none"})
            vm.wait_event("BLOCK_JOB_READY", {"device": "j"}, since=mark)
            assert vm.execute(command, {member: "j"}, until=True).data["status"] == "concluded"
        for command in ("job-finalize", "block-job-finalize"):
            mark = vm.event_mark()
            vm.execute("blockdev-backup", {**job, "sync": "none", "auto-finalize": False})
            vm.execute("job-cancel", {"id": "j"}, until=True)
            vm.execute("blockdev-backup", {**job, "auto-finalize": False})
            pending = {"id": "j", "status": "pending"}
            vm.wait_event("JOB_STATUS_CHANGE", pending, since=mark)
            assert vm.execute(command, {"id": "j"}, until=True).data["status"] == "concluded"


def test_the_dirty_rate(launch: Callable[..., Vm]) -> None:
    with launch() as vm:
        assert vm.execute("calc-dirty-rate", {"calc-time": 1}, until=True) is None
        assert vm.execute("query-dirty-rate")["status"] == "measured"


def test_an_event_that_qemu_lacks(launch: Callable[..., Vm]) -> None:
    with launch("-S") as vm:
        with pytest.raises(ValueError, match=r"found 'DEVICE_DELTED', .*is it DEVICE_DELETED\?"):
            vm.execute("device_del", {"id": "x"}, until="DEVICE_DELTED")
        with pytest.raises(CommandError, match="Device 'x' not found"):
            vm.execute("device_del", {"id": "x"}, until=True)
