"""The loop stays awake for the next command while one client alone is active."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from qmpeer.monitor import Monitor
from tests.monitor.raw_client import RawClient, until
from tests.patience import PATIENCE


@pytest_asyncio.fixture
async def patient(path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Monitor]:
    """A monitor that would stay awake for a minute, from a client's second command on."""
    monkeypatch.setattr("qmpeer.limits.LINGER_ALONE", 0.0)
    monitor = Monitor(linger=60.0)
    await monitor.listen(path, many=True)
    yield monitor
    monitor.shutdown()
    async with asyncio.timeout(PATIENCE):
        await monitor.wait_closed()


async def test_one_client_keeps_the_loop_awake(patient: Monitor, path: Path) -> None:
    client = await RawClient.connect(path)
    await client.execute("query-version")
    await client.execute("query-version")
    assert patient._turns._is_lingering
    client.close()


async def test_a_second_client_lets_it_sleep(patient: Monitor, path: Path) -> None:
    clients = [await RawClient.connect(path) for _ in range(2)]
    await clients[0].execute("query-version")
    await clients[0].execute("query-version")
    await clients[1].execute("query-version")
    await until(lambda: not patient._turns._is_lingering)
    for client in clients:
        client.close()


async def test_one_that_has_gone_lets_it_sleep(patient: Monitor, path: Path) -> None:
    client = await RawClient.connect(path)
    await client.execute("query-version")
    await client.execute("query-version")
    client.close()
    await until(lambda: not patient._turns._is_lingering)


async def test_it_can_be_switched_off(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpeer.limits.LINGER_ALONE", 0.0)
    monitor = Monitor(linger=0)
    await monitor.listen(path)
    client = await RawClient.connect(path)
    for _ in range(3):
        await client.execute("query-version")
    assert not monitor._turns._is_lingering
    client.close()
    monitor.shutdown()
    async with asyncio.timeout(PATIENCE):
        await monitor.wait_closed()
