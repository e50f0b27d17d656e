"""The outcomes of each fault for both clients: the table on the page, line by line."""

import asyncio
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from qmpeer import AsyncClient, Client
from qmpeer.faults import Faults, ProcessFaults
from qmpeer.relay import Relay
from tests.client.faces import AsyncFace, BlockingFace, Face, LoopThread
from tests.faults.faulty_monitor import FaultyMonitor, Switch, outcomes
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU, find_program

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "misbehave.md"
HEADING = "## What a client of qmpeer makes of it"
ROW = re.compile(r"^\| `([^`]+)` \| (.*) \|$", re.MULTILINE)
ROWS = ROW.findall(PAGE.read_text().partition(HEADING)[2].partition("\n## ")[0])


class FaultyQemu:
    """A real QEMU, behind a relay with faults."""

    def __init__(self, qemu: str, folder: Path, *, happens_to_process: bool = False) -> None:
        self.address = f"unix:{folder}/faulty"
        server = f"unix:{folder}/qemu"
        argv = [qemu, *BASE, "-qmp", f"{server},server=on,wait=off"]
        self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        self.pid = self._process.pid
        self.switch = Switch(ProcessFaults(self.pid) if happens_to_process else None)
        self._loop = LoopThread(asyncio.new_event_loop)
        relaying = partial(Relay, server, wrap=self.switch.wrap, wait_for_socket=True)
        self._relay = self._loop.call(lambda: self._open(relaying))

    async def _open(self, relaying: Callable[[], Relay]) -> Relay:
        relay = relaying()
        await relay.listen(self.address)
        return relay

    def run(self) -> None:
        """Let the machine run again, so that it can be stopped again."""
        self.switch.plan(Faults())
        with Client.connect(self.address, timeout=PATIENCE) as vm:
            vm.execute("cont")

    def close(self) -> None:
        async def close() -> None:
            self._relay.close()
            await self._relay.wait_closed()

        self._loop.call(close)
        self._loop.end()
        self._process.kill()
        self._process.wait(PATIENCE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyMonitor]:
    with FaultyMonitor(tmp_path_factory.mktemp("faulty") / "qmp") as server:
        yield server


@pytest.fixture(scope="module")
def qemu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyQemu]:
    program = find_program(QEMU)
    if program is None:
        pytest.skip(f"{QEMU} isn't installed")
    qemu = FaultyQemu(program, tmp_path_factory.mktemp("faulty"))
    yield qemu
    qemu.close()


@pytest.fixture(scope="module", params=["blocking", "asyncio"])
def face(request: pytest.FixtureRequest) -> Iterator[Face]:
    face = BlockingFace() if request.param == "blocking" else AsyncFace(asyncio.new_event_loop)
    yield face
    face.end()


def cells(shown: str) -> list[str]:
    return [cell.strip().replace("`", "") for cell in shown.split("|")]


def assert_outcome(found: list[str], expected: list[str]) -> None:
    found = found + [""] * (len(expected) - len(found))
    assert len(found) == len(expected) == 5
    for step, either in zip(found, expected, strict=True):
        assert step in either.split(" or "), found


@pytest.mark.parametrize(("fault", "shown"), ROWS, ids=[fault for fault, _ in ROWS])
def test_an_outcome(fault: str, shown: str, server: FaultyMonitor, face: Face) -> None:
    expected = cells(shown)
    server.switch.plan(Faults([fault]))
    assert_outcome(outcomes(face, server.address, expected), expected)
    assert set(server.switch.happened) == {fault}


async def test_swapped_ids_give_each_command_the_others_reply(server: FaultyMonitor) -> None:
    """No client can notice it: both replies have an id that it has sent."""
    faults = ["swap-ids reply=query-status", "coalesce sender=client seconds=0.1"]
    server.switch.plan(Faults(faults))
    async with await AsyncClient.connect(server.address, timeout=PATIENCE) as vm:
        values = await asyncio.gather(vm.execute("query-status"), vm.execute("stop"))
    assert sorted(server.switch.happened) == sorted(faults)
    assert list(values) == [{}, {"status": "running"}]


FIRST_GEAR = ("cut after=stop", "error command=stop", "inject GUEST_PANICKED reply=stop")
"""Faults that the common tests let happen to a real QEMU; the slow tests take all of them."""


@pytest.mark.real
@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        pytest.param(fault, shown, marks=() if fault in FIRST_GEAR else pytest.mark.slow, id=fault)
        for fault, shown in ROWS
    ],
)
def test_an_outcome_with_a_real_qemu(fault: str, shown: str, qemu: FaultyQemu, face: Face) -> None:
    expected = cells(shown)
    if fault == "duplicate command=stop":  # QEMU stops only once
        expected[-1] = "STOP"
    qemu.run()
    qemu.switch.plan(Faults([fault]))
    assert_outcome(outcomes(face, qemu.address, expected), expected)
    assert set(qemu.switch.happened) == {fault}


@pytest.mark.real
@pytest.mark.parametrize(
    ("fault", "stopped"),
    [("sigstop command=stop", "TimeoutError"), ("sigkill command=stop", "cut")],
)
def test_the_process_of_a_real_qemu(
    fault: str, stopped: str, program: Callable[[str], str], tmp_path: Path, face: Face
) -> None:
    qemu = FaultyQemu(program(QEMU), tmp_path, happens_to_process=True)
    try:
        qemu.switch.plan(Faults([fault]))
        expected = ["ok", "ok", stopped, "TimeoutError", ""]
        found = outcomes(face, qemu.address, expected)
        pid, status = os.waitpid(qemu.pid, os.WUNTRACED)
    finally:
        qemu.close()
    if stopped == "cut":
        assert found[:4] == ["ok", "ok", "CommandInterrupted", "ConnectionClosed"]
        assert os.WTERMSIG(status) == signal.SIGKILL
    else:
        assert found == expected
        assert os.WSTOPSIG(status) == signal.SIGSTOP
    assert pid == qemu.pid


def test_the_table_has_most_kinds() -> None:
    words = {fault.split()[0] for fault, _ in ROWS}
    assert len(ROWS) > 40
    assert {"delay", "stall", "cut", "drop", "error", "inject", "flood", "refuse"} <= words
