"""A Linux guest that the tests of several modules share: its start takes seconds."""

from collections.abc import Callable, Iterator

import pytest

from tests.linux_guest import Guest

MIB = 1 << 20
OPTIONS = (
    *("-smp", "1,maxcpus=8"),  # under TCG, QEMU 10.0 can't start more, one after the other
    *("-vga", "std", "-device", "qemu-xhci", "-device", "usb-tablet"),
    *("-device", "virtio-balloon-pci"),
    *("-device", "virtio-scsi-pci", "-device", "scsi-cd,id=cd"),
    *("-blockdev", f"null-co,node-name=disk,size={MIB}"),
)
MEMORY = "256M,slots=4,maxmem=1G"


@pytest.fixture(scope="session")
def common_guest(start_guest: Callable[..., Guest]) -> Iterator[Guest]:
    """Return the guest, which is stopped."""
    with start_guest(*OPTIONS, memory=MEMORY) as made:
        made.client.execute("stop")
        yield made


@pytest.fixture(scope="module")
def guest(common_guest: Guest) -> Iterator[Guest]:
    """Return the guest, which runs only during the tests of the module."""
    common_guest.client.execute("cont")
    yield common_guest
    common_guest.client.execute("stop")
