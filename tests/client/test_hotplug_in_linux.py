"""Plugging and unplugging with a Linux guest, which consents, refuses, or doesn't listen yet."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpeer import CompletionError
from qmpeer.values import JsonObject
from tests.client.faces import Face, Vm
from tests.linux_guest import Guest
from tests.patience import PATIENCE
from tests.qemu import QEMU

pytestmark = pytest.mark.real
MIB = 1 << 20
STATES = "/sys/devices/system/memory/memory*/state"
ROOM = ("-smp", "1,maxcpus=8")
"""Under TCG, QEMU 10.0 can't start more processors than that, one after the other."""
MEMORY = "256,slots=4,maxmem=1G"
DISK: JsonObject = {"driver": "virtio-blk-pci", "id": "disk0"}
NODE: JsonObject = {"driver": "null-co", "size": MIB}


@pytest.fixture(scope="module")
def guest(start_guest: Callable[..., Guest]) -> Iterator[Guest]:
    with start_guest(*ROOM, memory=MEMORY) as made:
        yield made


@pytest.fixture
def vm(face: Face, guest: Guest) -> Iterator[Vm]:
    with face.connect(guest.address, command_timeout=PATIENCE) as made:
        yield made


def unplugged(vm: Vm, plugged: object, **options: object) -> object:
    return vm.start_on(plugged, "unplug", timeout=PATIENCE, **options).result(PATIENCE)


def test_a_guest_that_consents(vm: Vm, guest: Guest) -> None:
    for _ in range(2):
        plugged = vm.call("plug", DISK, NODE)
        guest.wait_until("[ -e /dev/vda ]")
        assert unplugged(vm, plugged) == plugged.backends
        guest.wait_until("[ ! -e /dev/vda ]")
    plugged = vm.call("plug", DISK, NODE)  # before the guest has noticed it
    assert unplugged(vm, plugged) == plugged.backends
    assert vm.call("names", "block-node") == []


@pytest.mark.slow
def test_a_controller_with_a_disk(vm: Vm, guest: Guest) -> None:
    controller = vm.call("plug", {"driver": "virtio-scsi-pci", "id": "scsi0"})
    disk = vm.call("plug", {"driver": "scsi-hd", "bus": "scsi0.0"}, NODE)
    guest.wait_until("[ -e /dev/sda ]")
    assert unplugged(vm, controller) == disk.backends
    assert not disk.is_plugged
    assert vm.call("names", "device") == []
    assert vm.call("names", "block-node") == []


@pytest.mark.slow
def test_memory(vm: Vm, guest: Guest) -> None:
    plugged = vm.call("plug_memory", 128 * MIB)
    guest.wait_until(f"grep -q offline {STATES}")
    assert unplugged(vm, plugged) == plugged.backends


@pytest.fixture(scope="module")
def memory_in_use(guest: Guest) -> str:
    """Plug memory that the guest's kernel needs, and return the device's id."""
    plugged = guest.client.plug_memory(128 * MIB)
    guest.wait_until(f"grep -q offline {STATES}")
    guest.run(f"for each in $(grep -l offline {STATES}); do echo online_kernel >$each; done")
    # The kernel takes memory for processes from the new zone, and can't move it.
    guest.run("for each in $(seq 50); do sleep 10000 & done")
    return plugged.id


@pytest.mark.slow
def test_a_guest_that_refuses(vm: Vm, memory_in_use: str) -> None:
    with pytest.raises(CompletionError) as caught:
        vm.call("unplug", memory_in_use)
    assert caught.value.event == "ACPI_DEVICE_OST"
    assert memory_in_use in vm.call("names", "device")


@pytest.mark.slow
def test_processors(vm: Vm, guest: Guest, qemu_version: tuple[int, int]) -> None:
    """QEMU sends no DEVICE_DELETED for them."""
    if qemu_version < (10, 0):
        pytest.skip("QEMU 7.2 crashes after the removal of two processors under TCG")
    plugged = vm.call("plug_cpus", 2)
    guest.wait_until("[ -e /sys/devices/system/cpu/cpu2 ]")
    for each in plugged:
        assert unplugged(vm, each) == ()
    assert [slot.get("qom-path") for slot in vm.execute("query-hotpluggable-cpus")][:2] == [
        None
    ] * 2


@pytest.mark.slow
def test_a_guest_that_starts(face: Face, program: Callable[[str], str], guest_files: Path) -> None:
    """It ignores the request until its kernel runs, so it is asked again."""
    with (
        Guest(program(QEMU), files=guest_files) as guest,
        face.connect(guest.address, command_timeout=PATIENCE) as vm,
    ):
        plugged = vm.call("plug", DISK, NODE)
        assert unplugged(vm, plugged, repeat=0.2) == plugged.backends
        guest.until_ready()


@pytest.mark.slow
def test_a_slot_of_pci_express(face: Face, start_guest: Callable[..., Guest]) -> None:
    """The guest waits 5 s for somebody to press the button again. Right after a plug it is busy."""
    options = (
        "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
        "-device", "pcie-root-port,id=port1,slot=1",
    )  # fmt: skip
    with (
        start_guest(*options, machine="q35") as guest,
        face.connect(guest.address, command_timeout=PATIENCE) as vm,
    ):
        plugged = vm.call("plug", {**DISK, "bus": "port1"}, NODE)
        assert unplugged(vm, plugged, repeat=1.0) == plugged.backends
        assert vm.call("names", "block-node") == []
