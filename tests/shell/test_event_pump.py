"""Events on their way to the screen, when they come too fast to be shown."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from prompt_toolkit.output import DummyOutput

from qmpeer import AsyncClient, limits
from qmpeer.messages import Event
from qmpeer.monitor import Monitor
from qmpeer.shell.event_pump import EventPump
from qmpeer.shell.script import ScriptScreen
from qmpeer.shell.settings import Settings
from qmpeer.shell.terminal_screen import TerminalScreen
from tests.patience import PATIENCE


class Screen(ScriptScreen):
    """A screen that stores the shown events, and counts the others."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.omitted = 0
        self.is_last_shown = asyncio.Event()

    def show_event(self, event: Event) -> None:
        self.shown.append(event.name)
        if event.name == "LAST":
            self.is_last_shown.set()

    def add_omitted(self, count: int) -> None:
        self.omitted += count


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[tuple[Monitor, AsyncClient]]:
    monitor = Monitor(name="test", version=(7, 2, 0))
    await monitor.listen(tmp_path / "qmp", many=True)
    async with await AsyncClient.connect(tmp_path / "qmp") as client:
        yield monitor, client
    monitor.shutdown()
    await monitor.wait_closed()


def flood(client: AsyncClient) -> None:
    """Receive more events than a subscription holds, before the pump can take any."""
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
        assert expected <= screen.omitted <= expected + 1
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
        assert (screen.shown, screen.omitted) == ([], 0)
        pump.filter.set("on")
        monitor.emit("LAST")
        async with asyncio.timeout(PATIENCE):
            await screen.is_last_shown.wait()
        assert (screen.shown, screen.omitted) == (["LAST"], 0)
    finally:
        await pump.end()


class BusyScreen(TerminalScreen):
    """A screen whose every write causes another one."""

    def __init__(self) -> None:
        super().__init__(DummyOutput(), Settings())
        self.shown: list[str] = []
        self.is_told = asyncio.Event()

    async def _above_the_prompt(self) -> None:
        self.shown += self._pending
        self._pending[:] = ["NOISE"]
        if "7 more events were not shown" in "".join(self.shown):
            self.is_told.set()
            self._pending.clear()


async def test_what_was_left_out_is_told_while_more_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpeer.limits.SHELL_EVENT_PERIOD", 0.0)
    monkeypatch.setattr("qmpeer.shell.terminal_screen._GATHER", 0)
    screen = BusyScreen()
    monkeypatch.setattr(screen, "_pending", ["NOISE"])
    screen.add_omitted(7)
    async with asyncio.timeout(PATIENCE):
        await screen.is_told.wait()
    await screen.close()
