"""A real QEMU behind the relay: our clients, descriptors, a second client, every byte counted."""

import asyncio
import logging
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpeer import AsyncClient, limits
from qmpeer.relay import Relay
from tests.listening import until_listening
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU
from tests.relay.conftest import LOOPS
from tests.relay.ends import until
from tests.relay.soak import soak

pytestmark = pytest.mark.real


@pytest.fixture
def qemu(tmp_path: Path, program: Callable[[str], str]) -> Iterator[Path]:
    """Return the path of a QEMU's monitor."""
    path = tmp_path / "qemu"
    options = ("-qmp", f"unix:{path},server=on,wait=off")
    with subprocess.Popen([program(QEMU), *BASE, *options], stderr=subprocess.DEVNULL) as process:
        until_listening(path, process)
        yield path
        process.kill()


async def test_commands_events_and_descriptors(qemu: Path, tmp_path: Path) -> None:
    async with Relay(qemu) as relay:
        listener = await relay.listen(tmp_path / "relay")
        async with await AsyncClient.connect(listener.address, timeout=PATIENCE) as vm:
            mark = await vm.event_mark()
            await vm.execute("stop")
            await vm.wait_event("STOP", since=mark, timeout=PATIENCE)
            with open(os.devnull) as null:
                added = await vm.execute("add-fd", {"fdset-id": 1}, fds=[null.fileno()])
            assert added["fdset-id"] == 1
            assert [each["fdset-id"] for each in await vm.execute("query-fdsets")] == [1]
            await vm.execute("quit")
        await until(lambda: not relay.links)


async def test_a_second_client_waits_as_without_a_relay(
    qemu: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RELAY_SILENCE", 0.05)
    caplog.set_level(logging.INFO, "qmpeer.relay")
    async with Relay(qemu) as relay:
        listener = await relay.listen(tmp_path / "relay")
        vm = await AsyncClient.connect(listener.address, timeout=PATIENCE)
        second = asyncio.create_task(AsyncClient.connect(listener.address, timeout=PATIENCE))
        await until(lambda: "it may serve another client" in caplog.text)
        assert not second.done()
        await vm.close()
        async with await second as vm:
            assert (await vm.execute("query-status"))["running"]


@pytest.mark.parametrize("loop", list(LOOPS))
def test_no_byte_is_changed(tmp_path: Path, program: Callable[[str], str], loop: str) -> None:
    program(QEMU)
    tally = soak(tmp_path, 10_000 // len(LOOPS), 4, LOOPS[loop], longest=100)
    assert tally.faults == []
    assert tally.messages >= 10_000 // len(LOOPS)
    assert tally.events
    assert tally.fds
