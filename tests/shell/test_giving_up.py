"""C-c while the shell waits: the message depends on whether a command was sent."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from qmpeer.monitor import Monitor
from tests.patience import PATIENCE
from tests.shell.person import Person


class Sleeper:
    """Serve a command that never ends, with an event that is set when it begins."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_asleep = asyncio.Event()

    async def sleep(self) -> None:
        self.is_asleep.set()
        await asyncio.Event().wait()


@pytest_asyncio.fixture
async def sleeper(tmp_path: Path) -> AsyncIterator[Sleeper]:
    sleeper = Sleeper(tmp_path / "qmp")
    monitor = Monitor(name="test", version=(7, 2, 0))
    monitor.command("sleep")(sleeper.sleep)
    await monitor.listen(sleeper.path, many=True)
    yield sleeper
    monitor.shutdown()
    await monitor.wait_closed()


async def test_a_command_that_was_sent(sleeper: Sleeper) -> None:
    async with Person(sleeper.path) as person:
        person.types("sleep\r")
        async with asyncio.timeout(PATIENCE):
            await sleeper.is_asleep.wait()
        os.kill(os.getpid(), signal.SIGINT)
        await person.reads("cancelled; the server may still execute the command")


async def test_where_nothing_was_sent(sleeper: Sleeper) -> None:
    async with Person(sleeper.path) as person:
        person.types("sleep\r")  # the cancelled command has no effect on this one
        async with asyncio.timeout(PATIENCE):
            await sleeper.is_asleep.wait()
        os.kill(os.getpid(), signal.SIGINT)
        await person.reads("may still execute.*qmp>")
        person.types("wait 60 LATE\r")
        async with asyncio.timeout(PATIENCE):
            while person.terminal._running is None:
                await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGINT)
        found = await person.reads(r"cancelled([^\n]*)\n")
        assert found[1] == ""
