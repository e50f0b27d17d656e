"""Devices that a Linux guest doesn't let go, and those that it does for once it may."""

from collections.abc import Callable, Iterator

import pytest

from qmpeer import Client, CommandError
from qmpeer.values import JsonObject
from tests.linux_guest import Guest
from tests.patience import PATIENCE

pytestmark = [pytest.mark.real, pytest.mark.slow]
BACKENDS = ("-object", "memory-backend-ram,id=backend,size=128M", "-smp", "1,maxcpus=2")
IN_PROGRESS, BUSY = 0x84, 0x82  # of ACPI's method _OST


@pytest.fixture(scope="module")
def guest(
    start_guest: Callable[..., Guest], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guest]:
    disc = tmp_path_factory.mktemp("disc") / "disc"
    disc.write_bytes(bytes(1 << 21))
    node = f"file,filename={disc},node-name=disc,read-only=on"
    options = (*BACKENDS, "-blockdev", node, "-device", "ide-cd,id=cd,drive=disc")
    with start_guest(*options, memory="256M,slots=2,maxmem=1G") as made:
        yield made


def unplug(client: Client, name: str, count: int) -> list[tuple[str, JsonObject]]:
    """Unplug a device, and return the names and data of the events that follow."""
    with client.events("DEVICE_DELETED", "ACPI_DEVICE_OST", "MEM_UNPLUG_ERROR") as events:
        client.execute("device_del", {"id": name})
        seen = [events.next(PATIENCE) for _ in range(count)]
    return [(event.name, event.data) for event in seen]


def ost(status: int, device: str | None, kind: str = "DIMM", slot: str = "0") -> object:
    """Return the event of a guest's report about an ejection."""
    info: JsonObject = {"source": 3, "status": status, "slot": slot, "slot-type": kind}
    return "ACPI_DEVICE_OST", {"info": info | ({"device": device} if device else {})}


def plug_memory(guest: Guest, kind: str) -> None:
    guest.run(f"echo {kind} >/sys/devices/system/memory/auto_online_blocks")
    with guest.client.events("ACPI_DEVICE_OST") as reports:
        guest.client.execute("device_add", {"driver": "pc-dimm", "id": "m", "memdev": "backend"})
        assert reports.next(PATIENCE).data["info"]["status"] == 0


def test_memory_that_can_be_moved_and_memory_that_cannot(guest: Guest) -> None:
    plug_memory(guest, "online_movable")
    gone = ("DEVICE_DELETED", {"device": "m", "path": "/machine/peripheral/m"})
    assert unplug(guest.client, "m", 3) == [ost(IN_PROGRESS, "m"), gone, ost(0, None)]
    plug_memory(guest, "online_kernel")
    guest.run("mkdir /t; mount -t tmpfs t /t; for i in $(seq 50); do mkdir /t/$i; done")
    for _ in range(2):
        assert unplug(guest.client, "m", 2) == [ost(IN_PROGRESS, "m"), ost(BUSY, "m")]
    assert guest.client.execute("query-memory-devices")


def test_processor(guest: Guest) -> None:
    client = guest.client
    free, boot = client.execute("query-hotpluggable-cpus")
    with pytest.raises(CommandError, match="Boot CPU is unpluggable"):
        client.execute("device_del", {"id": boot["qom-path"]})
    with client.events("ACPI_DEVICE_OST") as reports:
        client.execute("device_add", {"driver": free["type"], "id": "c", **free["props"]})
        assert reports.next(PATIENCE).data["info"]["source"] == 1
    guest.run("echo 1 >/sys/devices/system/cpu/cpu1/online")
    gone = ("DEVICE_DELETED", {"path": "/machine/peripheral/c/lapic"})
    begun, ended = (
        ost(status, name, "CPU", "1") for status, name in ((IN_PROGRESS, "c"), (0, None))
    )
    assert unplug(client, "c", 3) == [begun, gone, ended]
    assert len(client.execute("query-cpus-fast")) == 1


def test_locked_tray(guest: Guest) -> None:
    client = guest.client
    tray: JsonObject = {"id": "cd"}
    guest.wait_until("[ -e /dev/sr0 ]")
    guest.run("exec 8</dev/sr0; sleep 1000 <&8 &")
    assert client.execute("query-block")[0]["locked"]
    client.execute("blockdev-open-tray", tray)
    with pytest.raises(CommandError, match="Tray of device 'cd' is not open"):
        client.execute("blockdev-remove-medium", tray)
    with client.events("DEVICE_TRAY_MOVED") as moved:
        client.execute("blockdev-open-tray", {**tray, "force": True})
        assert moved.next(PATIENCE).data == {"device": "", "tray-open": True, "id": "cd"}
