"""Both loops, and proxies in front of a server of ours."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest_asyncio

from tests.monitor.conftest import LOOPS
from tests.proxy.proxied import Proxied


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOPS


@pytest_asyncio.fixture
async def proxied(tmp_path: Path) -> AsyncIterator[Proxied]:
    """Makes a server, a proxy in front of it, and clients."""
    made = Proxied(tmp_path)
    yield made
    await made.close()
