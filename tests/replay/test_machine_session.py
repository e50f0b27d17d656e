"""A session with a real QEMU, recorded, replayed to the same program with the same outcome."""

import asyncio
from pathlib import Path

import pytest

from qmpeer import Client
from qmpeer.monitor import Monitor
from qmpeer.replay import Replay
from tests.qemu import QEMU, find_program
from tests.replay.machine_session import machine, run_session

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(find_program(QEMU) is None, reason=f"{QEMU} is not installed"),
]


def play(address: str, commands: int) -> object:
    with Client.connect(address) as vm:
        return run_session(vm, commands)


@pytest.mark.parametrize(
    ("commands", "times"),
    [(20, 1), pytest.param(200, 10, marks=pytest.mark.slow)],
    ids=["short", "long"],
)
async def test_the_same_program_sees_the_same(commands: int, times: int, tmp_path: Path) -> None:
    file = tmp_path / "session.txt"
    with Client.launch(machine(), record=file) as vm:
        sent, seen = run_session(vm, commands)
    assert sent >= commands
    replay = Replay.load(file, order="recorded", strict=True)
    monitor = Monitor(backend=replay)
    monitor.start(f"unix:{tmp_path / 'q'}")
    try:
        for _ in range(times):
            found = await asyncio.to_thread(play, f"unix:{tmp_path / 'q'}", commands)
            assert found == [sent, seen]
    finally:
        monitor.stop()
    assert replay.report.is_complete, str(replay.report)
    assert replay.report.clients == times
