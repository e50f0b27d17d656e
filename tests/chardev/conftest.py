"""Both loops, and devices that are closed after the test."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest_asyncio

from qmpeer.chardev import Chardevs, Host
from tests.chardev.program import Program

try:
    import uvloop
except ImportError:  # an extra
    LOOPS = {"asyncio": asyncio.new_event_loop}
else:
    LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOPS


@pytest_asyncio.fixture
async def own() -> AsyncIterator[Program]:
    """A program with character devices."""
    program = Program()
    yield program
    await program.end()


@pytest_asyncio.fixture
async def devices() -> AsyncIterator[Chardevs]:
    """Devices of a host that does nothing."""
    made = Chardevs(Host())
    yield made
    made.close()
