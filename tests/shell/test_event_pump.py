"""Events on their way to the screen, when more come than can be shown."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from qmpeer import AsyncClient, limits
from qmpeer.messages import Event
from qmpeer.monitor import Monitor
from qmpeer.shell.event_pump import EventPump
from qmpeer.shell.script import ScriptScreen
from tests.patience import PATIENCE


class Screen(ScriptScreen):
    """Keep what is shown, and count what isn't."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.left_out = 0
        self.is_last_shown = asyncio.Event()

    def show_event(self, event: Event) -> None:
        self.shown.append(event.name)
        if event.name == "LAST":
            self.is_last_shown.set()

    def leave_out(self, count: int) -> None:
        self.left_out += count


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[tuple[Monitor, AsyncClient]]:
    monitor = Monitor(name="test", version=(7, 2, 0))
    await monitor.listen(tmp_path / "qmp", many=True)
    async with await AsyncClient.connect(tmp_path / "qmp") as client:
        yield monitor, client
    monitor.shutdown()
    await monitor.wait_closed()


def flood(client: AsyncClient) -> None:
    """Have more events than a subscription holds, before anybody can look at them."""
    log = client._channel.log
    for _ in range(limits.EVENTS_SUBSCRIBED + 10):
        log.add(Event("NOISE", {}, None, log.last + 1))


@pytest.mark.parametrize("word", ["on", "LAST", "NOISE|LAST"])
async def test_only_what_the_filter_takes_is_told_as_left_out(
    client: tuple[Monitor, AsyncClient], word: str
) -> None:
    monitor, connected = client
    screen = Screen()
    pump = EventPump(screen, is_on=True)
    pump.filter.set(word)
    pump.begin(connected)
    try:
        flood(connected)
        monitor.emit("LAST")
        async with asyncio.timeout(PATIENCE):
            await screen.is_last_shown.wait()
        expected = 0 if word == "LAST" else 10
        assert expected <= screen.left_out <= expected + 1
        assert (screen.shown == ["LAST"]) is (word == "LAST")
    finally:
        await pump.end()


async def test_off_is_off(client: tuple[Monitor, AsyncClient]) -> None:
    monitor, connected = client
    screen = Screen()
    pump = EventPump(screen, is_on=True)
    pump.begin(connected)
    try:
        flood(connected)
        pump.filter.set("off")  # in the middle of it
        for _ in range(3):
            monitor.emit("NOISE")
            await connected.execute("query-version")
            flood(connected)
        await pump.take()
        assert (screen.shown, screen.left_out) == ([], 0)
        pump.filter.set("on")
        monitor.emit("LAST")
        async with asyncio.timeout(PATIENCE):
            await screen.is_last_shown.wait()
        assert (screen.shown, screen.left_out) == (["LAST"], 0)
    finally:
        await pump.end()
