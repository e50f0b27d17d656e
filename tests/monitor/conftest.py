"""Both loops, and a monitor that listens on a unix socket of its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from qmpeer.monitor import Monitor
from tests.monitor.raw_client import RawClient
from tests.patience import PATIENCE

try:
    import uvloop
except ImportError:  # an extra
    LOOPS = {"asyncio": asyncio.new_event_loop}
else:
    LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOPS


Connect = Callable[..., Awaitable[RawClient]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "qmp"


@pytest_asyncio.fixture
async def monitor() -> AsyncIterator[Monitor]:
    """A monitor that doesn't listen yet and is shut down after the test."""
    monitor = Monitor(name="test", version=(7, 2, 0))
    yield monitor
    monitor.shutdown()
    async with asyncio.timeout(PATIENCE):
        await monitor.wait_closed()


@pytest_asyncio.fixture
async def connect(monitor: Monitor, path: Path) -> AsyncIterator[Connect]:
    """Return a function that connects to the monitor and negotiates."""
    clients: list[RawClient] = []

    async def connect(**options: Any) -> RawClient:
        if not monitor.listeners:
            await monitor.listen(path, many=True)
        clients.append(await RawClient.connect(path, **options))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()
