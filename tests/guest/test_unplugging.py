"""Devices that a Linux guest lets go, and the events in their order, on pc and on q35."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from qmpeer import CommandError
from qmpeer.values import JsonObject
from tests.linux_guest import Guest
from tests.patience import PATIENCE

pytestmark = [pytest.mark.real, pytest.mark.slow]
BACKENDS = (
    *("-blockdev", "null-co,node-name=disk,size=1048576"),
    *("-netdev", "hubport,id=net,hubid=1"),
)
PORT = ("-device", "pcie-root-port,id=root1,chassis=1,slot=1")
NATIVE = ("-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off")


@dataclass
class Slot:
    """A place for a device in a running guest."""

    guest: Guest
    bus: str

    def plug(self, driver: str, present: str, *, bus: str | None = None, **more: str) -> None:
        """Plug a device, and wait until a command of the shell finds it in the guest."""
        arguments: JsonObject = {"driver": driver, "bus": bus or self.bus, **more}
        self.guest.client.execute("device_add", arguments)
        self.guest.wait_until(present)

    def unplug(self, name: str, count: int) -> list[JsonObject]:
        """Unplug a device, and return the data of the events that follow."""
        with self.guest.client.events("DEVICE_DELETED") as deleted:
            self.guest.client.execute("device_del", {"id": name})
            return [deleted.next(PATIENCE).data for _ in range(count)]


@pytest.fixture(
    scope="module",
    params=[
        ("pc", "pci.0", ()),
        ("q35", "root1", PORT),
        ("q35", "root1", (*PORT, *NATIVE)),
    ],
    ids=["pc", "q35", "q35-pciehp"],
)
def slot(request: pytest.FixtureRequest, start_guest: Callable[..., Guest]) -> Iterator[Slot]:
    machine, bus, options = request.param
    with start_guest(*BACKENDS, *options, machine=machine) as guest:
        yield Slot(guest, bus)


def of(name: str) -> list[JsonObject]:
    """Return the data of the events for a virtio device with an id."""
    path = f"/machine/peripheral/{name}"
    return [{"path": f"{path}/virtio-backend"}, {"device": name, "path": path}]


def test_disk_and_network(slot: Slot) -> None:
    slot.plug("virtio-blk-pci", "[ -e /sys/block/vda ]", id="a", drive="disk")
    assert slot.unplug("a", 2) == of("a")
    slot.plug("virtio-net-pci", "[ -e /sys/class/net/eth0 ]", id="n", netdev="net")
    assert slot.unplug("n", 2) == of("n")
    with pytest.raises(CommandError, match="Device 'n' not found"):
        slot.guest.client.execute("device_del", {"id": "n"})


def test_disk_of_a_controller(slot: Slot) -> None:
    events = [{"device": "d", "path": "/machine/peripheral/d"}]
    slot.plug("virtio-scsi-pci", "grep -q virtio /sys/class/scsi_host/host*/proc_name", id="scsi")
    slot.plug("scsi-hd", "[ -e /sys/block/sda ]", bus="scsi.0", id="d", drive="disk")
    assert slot.unplug("d", 1) == events
    slot.guest.wait_until("[ ! -e /sys/block/sda ]")
    slot.plug("scsi-hd", "[ -e /sys/block/sda ]", bus="scsi.0", id="d", drive="disk")
    assert slot.unplug("scsi", 3) == events + of("scsi")


def test_device_without_an_id(slot: Slot) -> None:
    slot.plug("virtio-blk-pci", "[ -e /sys/block/vda ]", drive="disk")
    listed = slot.guest.client.execute("qom-list", {"path": "/machine/peripheral-anon"})
    path = f"/machine/peripheral-anon/{listed[-1]['name']}"
    assert slot.unplug(path, 2) == [{"path": f"{path}/virtio-backend"}, {"path": path}]


def test_asked_too_early_and_twice(slot: Slot, request: pytest.FixtureRequest) -> None:
    if "pciehp" not in request.node.name:
        pytest.skip("ACPI takes the request at any time")
    client = slot.guest.client
    client.execute(
        "device_add", {"driver": "virtio-blk-pci", "bus": "root1", "id": "a", "drive": "disk"}
    )
    with client.events("DEVICE_DELETED", match={"device": "a"}) as deleted:
        refusal = ""
        try:
            client.execute("device_del", {"id": "a"})
        except CommandError as error:
            refusal = error.desc
        if refusal:  # else the guest was faster than we
            assert "guest is busy" in refusal
            slot.guest.wait_until("[ -e /sys/block/vda ]")
            client.execute("device_del", {"id": "a"})
        with pytest.raises(CommandError, match="already in the process of unplug"):
            client.execute("device_del", {"id": "a"})
        deleted.next(PATIENCE)
