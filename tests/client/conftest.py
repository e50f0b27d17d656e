"""Fixtures that run each scenario with both clients, the async one on every installed loop."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpeer import Monitor
from qmpeer.values import JsonValue
from tests.client.faces import AsyncFace, BlockingFace, Face
from tests.client.hourglass import Hourglass

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
try:
    import uvloop
except ImportError:  # an optional extra
    pass
else:
    LOOPS["uvloop"] = uvloop.new_event_loop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOPS


@pytest.fixture(params=["blocking", *LOOPS])
def face(request: pytest.FixtureRequest) -> Iterator[Face]:
    made = BlockingFace() if request.param == "blocking" else AsyncFace(LOOPS[request.param])
    yield made
    made.end()


@pytest.fixture
def hourglass(monkeypatch: pytest.MonkeyPatch) -> Hourglass:
    return Hourglass(monkeypatch)


class OurMonitor:
    """Our own monitor in a thread, with a command that waits and one that emits events."""

    def __init__(self, path: Path) -> None:
        self.address = f"unix:{path}"
        self.path = path
        self.monitor = monitor = Monitor(name="ours", version=(7, 2, 0))
        self._held: dict[str, asyncio.Event] = {}

        @monitor.command("echo")
        def echo(value: JsonValue = None) -> JsonValue:
            return {"value": value}

        @monitor.command("emit")
        def emit(name: str, count: int = 1) -> None:
            for number in range(count):
                monitor.emit(name, {"count": number})

        @monitor.command("hold")
        async def hold(name: str) -> JsonValue:
            """Answer once "release" is executed."""
            event = self._held.setdefault(name, asyncio.Event())
            monitor.emit("HELD", {"name": name})
            await event.wait()
            return {"held": name}

        @monitor.command("release", allow_oob=True)
        def release(name: str) -> None:
            self._held.setdefault(name, asyncio.Event()).set()

    def start(self, *, pretty: bool = False) -> None:
        self.monitor.start(self.address, many=True, pretty=pretty)


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[OurMonitor]:
    made = OurMonitor(tmp_path / "qmp")
    made.start()
    yield made
    made.monitor.stop()
