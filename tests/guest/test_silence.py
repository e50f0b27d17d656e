"""A machine that never answers a request for unplugging, because no operating system runs in it."""

from collections.abc import Callable

import pytest

from qmpeer import CommandError
from tests.linux_guest import Guest
from tests.patience import PATIENCE
from tests.qemu import QEMU

pytestmark = pytest.mark.real
DISK = ("-blockdev", "null-co,node-name=disk,size=1048576")
PORT = ("-device", "pcie-root-port,id=root1,chassis=1,slot=1")
NATIVE = ("-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off")
STOPPED = ("-S",)
PENDING = "Device v is already in the process of unplug"


@pytest.mark.parametrize(
    ("machine", "bus", "options", "again", "reset_completes", "after_reset"),
    [
        ("pc", "pci.0", STOPPED, PENDING, True, "Device 'v' not found"),
        ("pc", "pci.0", (), "", True, "Device 'v' not found"),
        ("q35", "root1", PORT, "", True, "Device 'v' not found"),
        ("q35", "root1", (*PORT, *NATIVE, *STOPPED), PENDING, False, PENDING),
    ],
    ids=["pc-stopped", "pc", "q35", "q35-pciehp-stopped"],
)
def test_what_a_pending_request_and_a_reset_do(
    program: Callable[[str], str],
    machine: str,
    bus: str,
    options: tuple[str, ...],
    again: str,
    reset_completes: bool,
    after_reset: str,
) -> None:
    device = ("-device", f"virtio-blk-pci,id=v,drive=disk,bus={bus}")
    arguments = (*DISK, *options, *device)
    with Guest(program(QEMU), *arguments, files=None, machine=machine) as guest:
        client = guest.client

        def ask() -> str:
            try:
                client.execute("device_del", {"id": "v"})
            except CommandError as error:
                return error.desc
            return ""

        assert [ask(), ask(), ask()] == ["", again, again]
        with pytest.raises(CommandError, match="Node disk is in use"):
            client.execute("blockdev-del", {"node-name": "disk"})
        with client.events("RESET", "DEVICE_DELETED") as events:
            client.execute("system_reset")
            assert events.next(PATIENCE).name == "RESET"
            if reset_completes:
                seen = iter(lambda: events.next(PATIENCE), None)
                assert any(event.data.get("device") == "v" for event in seen)
        assert ask() == after_reset
