"""Both loops, and sockets at both ends of a relay."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest_asyncio

from tests.relay.ends import Ends

try:
    import uvloop
except ImportError:  # an extra
    LOOPS = {"asyncio": asyncio.new_event_loop}
else:
    LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOPS


@pytest_asyncio.fixture
async def ends(tmp_path: Path) -> AsyncIterator[Ends]:
    """Makes relays with plain sockets at both ends."""
    made = Ends(tmp_path)
    yield made
    await made.close()
