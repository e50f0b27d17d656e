"""Commands until their event in both clients, with a Linux guest that consents, refuses, is silent.

The room of the clients has their other tests.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from qmpeer import AsyncClient, Client, CompletionError, Event
from qmpeer.values import JsonObject
from tests.linux_guest import Guest
from tests.patience import PATIENCE

pytestmark = [pytest.mark.real]
Execute = Callable[..., Event | None]
MIB = 1 << 20


@pytest.fixture(params=["blocking", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextmanager
def executing(guest: Guest, kind: str) -> Iterator[Execute]:
    """Yield a function that executes a command of the guest's machine until it is completed."""
    if kind == "blocking":
        with Client.connect(guest.address, timeout=PATIENCE) as vm:

            def execute(command: str, timeout: float = PATIENCE, **arguments: Any) -> Event | None:
                return vm.execute(command, arguments, until=True, timeout=timeout)

            yield execute
    else:

        def execute(command: str, timeout: float = PATIENCE, **arguments: Any) -> Event | None:
            return asyncio.run(execute_async(guest.address, command, arguments, timeout))

        yield execute


async def execute_async(
    address: str, command: str, arguments: JsonObject, timeout: float
) -> Event | None:
    async with await AsyncClient.connect(address, timeout=PATIENCE) as vm:
        return await vm.execute(command, arguments, until=True, timeout=timeout)


@pytest.mark.parametrize("is_by_path", [False, True], ids=["id", "path"])
def test_a_guest_that_consents(guest: Guest, kind: str, is_by_path: bool) -> None:
    with executing(guest, kind) as execute:
        guest.client.execute("device_add", {"driver": "virtio-rng-pci", "id": "rng"})
        path = "/machine/peripheral/rng"
        event = execute("device_del", id=path if is_by_path else "rng")
        assert event is not None
        assert event.data == {"device": "rng", "path": path}


def test_a_balloon(guest: Guest, kind: str) -> None:
    with executing(guest, kind) as execute:
        for size in (200 * MIB, 256 * MIB):
            event = execute("balloon", value=size)
            assert event is None or event.data == {"actual": size}
            assert guest.client.execute("query-balloon") == {"actual": size}
        assert execute("balloon", value=256 * MIB) is None


@pytest.mark.slow
def test_a_processor(start_guest: Callable[..., Guest], kind: str) -> None:
    """QEMU sends no event of it, only one of its interrupt controller."""
    with start_guest("-smp", "1,maxcpus=2") as guest, executing(guest, kind) as execute:
        (free,) = (
            each
            for each in guest.client.execute("query-hotpluggable-cpus")
            if "qom-path" not in each
        )
        plugged = {"since": guest.client.event_mark(), "timeout": PATIENCE}
        cpu: JsonObject = {"driver": free["type"], "id": "cpu1", **free["props"]}
        guest.client.execute("device_add", cpu)
        guest.client.wait_event("ACPI_DEVICE_OST", **plugged)
        event = execute("device_del", id="cpu1")
        assert event is not None
        assert event.data["path"].startswith("/machine/peripheral/cpu1")
        names = guest.client.execute("qom-list", {"path": "/machine/peripheral"})
        assert "cpu1" not in [each["name"] for each in names]


@pytest.mark.slow
def test_a_guest_that_refuses(start_guest: Callable[..., Guest], kind: str) -> None:
    """It uses the memory."""
    memory = "256M,slots=2,maxmem=1G"
    with start_guest(memory=memory) as guest, executing(guest, kind) as execute:
        guest.run("echo online_kernel >/sys/devices/system/memory/auto_online_blocks")
        backend: JsonObject = {"qom-type": "memory-backend-ram", "id": "m", "size": 128 * MIB}
        guest.client.execute("object-add", backend)
        plugged = {"since": guest.client.event_mark(), "timeout": PATIENCE}
        guest.client.execute("device_add", {"driver": "pc-dimm", "id": "dimm", "memdev": "m"})
        guest.client.wait_event("ACPI_DEVICE_OST", **plugged)
        # The kernel can't move its inodes, and takes this memory first: it is above 4 GiB.
        guest.run("mkdir /m; mount -t tmpfs none /m; for i in $(seq 3000); do : >/m/$i; done")
        with pytest.raises(CompletionError) as caught:
            execute("device_del", id="dimm")
        assert caught.value.event == "ACPI_DEVICE_OST"
        assert caught.value.data["info"]["device"] == "dimm"


@pytest.mark.slow
def test_a_guest_that_never_answers(start_guest: Callable[..., Guest], kind: str) -> None:
    options = ("-device", "virtio-rng-pci,id=rng")
    silent = ["acpiphp.disable=1"]
    with (
        start_guest(*options, kernel_options=silent) as guest,
        executing(guest, kind) as execute,
        pytest.raises(TimeoutError, match="the guest must act, and may not"),
    ):
        execute("device_del", id="rng", timeout=1.0)


def test_power(start_guest: Callable[..., Guest], kind: str) -> None:
    with start_guest() as guest, executing(guest, kind) as execute:
        guest.wait_until("ls -l /proc/$(pidof acpid)/fd 2>/dev/null | grep -q input")
        event = execute("system_powerdown")
        assert event is not None
        assert (event.name, event.data["guest"]) == ("SHUTDOWN", True)
