"""Fixtures for both ends: a monitor on either loop, and clients of each kind."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.pretended_server import Twins
from tests.monitor.conftest import LOOPS, connect, monitor, path

__all__ = ["connect", "monitor", "path"]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOPS


@pytest.fixture(params=["blocking", *LOOPS])
def twins(request: pytest.FixtureRequest) -> Iterator[Twins]:
    """Return the kinds of clients: the blocking one, and the async one on each loop."""
    twins = Twins(LOOPS.get(request.param))
    yield twins
    twins.close()


@pytest.fixture(params=["unix", "tcp"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    """Return the address of a pretended server: a path, or any free port."""
    return tmp_path / "pretended" if request.param == "unix" else None
