"""A machine that never answers a request for unplugging, because no operating system runs in it."""

from collections.abc import Callable
from time import monotonic

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
    ("machine", "bus", "options", "again", "after_reset"),
    [
        ("pc", "pci.0", STOPPED, PENDING, "Device 'v' not found"),
        ("pc", "pci.0", (), "", "Device 'v' not found"),
        ("q35", "root1", PORT, "", "Device 'v' not found"),
        ("q35", "root1", (*PORT, *NATIVE, *STOPPED), PENDING, PENDING),
    ],
    ids=["pc-stopped", "pc", "q35", "q35-pciehp-stopped"],
)
def test_what_a_pending_request_and_a_reset_do(
    program: Callable[[str], str],
    machine: str,
    bus: str,
    options: tuple[str, ...],
    again: str,
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

        assert ask() == ""
        for _ in range(2):
            # A request ends with the next millisecond of the guest's clock, if that goes on.
            end = monotonic() + PATIENCE
            while (found := ask()) != again:
                assert found == PENDING
                assert monotonic() < end
        with pytest.raises(CommandError, match="Node disk is in use"):
            client.execute("blockdev-del", {"node-name": "disk"})
        # The device is then gone, although DEVICE_DELETED may come as late as with the next reset.
        with client.events("RESET") as resets:
            client.execute("system_reset")
            resets.next(PATIENCE)
        assert ask() == after_reset
