"""A relay or a recorder in the test's own event loop, before a monitor."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from qmpeer import Monitor
from qmpeer.cli.relay_options import RelayOptions
from qmpeer.cli.relay_process import run_relay
from qmpeer.options.signals import OnSignal
from qmpeer.relay import Observer
from tests.patience import PATIENCE


@asynccontextmanager
async def monitor_at(path: Path) -> AsyncIterator[Monitor]:
    """A monitor at a unix path, which executes one command."""
    monitor = Monitor(name="vm", version=(7, 2, 0))
    monitor.command("query-status")(lambda: {"status": "running"})
    await monitor.listen(path, many=True)
    try:
        yield monitor
    finally:
        monitor.shutdown()
        await monitor.wait_closed()


class Relaying:
    """A relay that runs until `stop`.

    Attributes:
        said: What it has written to standard error.
    """

    def __init__(self, options: RelayOptions, observer: Observer | None = None) -> None:
        self.said: list[str] = []
        self._is_ready = asyncio.Event()
        self._signal: OnSignal | None = None
        self._task = asyncio.create_task(
            run_relay(options, self.said.append, self._is_ready.set, observer, self._watch)
        )

    def _watch(self, when: OnSignal) -> None:
        self._signal = when

    async def __aenter__(self) -> "Relaying":
        ready = asyncio.create_task(self._is_ready.wait())
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait((ready, self._task), return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            ready.cancel()
            self._task.result()
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._signal is not None
        self._signal(signal.SIGTERM, "")
        async with asyncio.timeout(PATIENCE):
            await self._task
