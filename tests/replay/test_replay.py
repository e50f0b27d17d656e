"""A replay behind a monitor, on real sockets, with both clients.

Modules: files, replay, session.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from qmpeer import AsyncClient, Client
from qmpeer.errors import CommandError, TranscriptError
from qmpeer.monitor import Monitor
from qmpeer.replay import Replay
from tests.patience import PATIENCE
from tests.replay.plays import recording

Opened = Callable[[Replay], str]
TICK = 0.005
"""uvloop's clock stands still during a turn of the loop, and has milliseconds."""

SESSION = """\
GREETING
NEGOTIATION
<- {"event": "FIRST", "timestamp": {"seconds": 1, "microseconds": 2}}
-> {"execute": "query-status", "id": 1}
<- {"return": {"status": "running"}, "id": 1}
-> {"execute": "stop", "id": 2}
<- {"event": "STOP", "timestamp": {"seconds": 3, "microseconds": 4}}
<- {"return": {}, "id": 2}
-> {"execute": "query-status", "id": 3}
<- {"return": {"status": "paused"}, "id": 3}
-> {"execute": "device_del", "arguments": {"id": "$any"}, "id": 4}
<- {"id": 4, "error": {"class": "DeviceNotFound", "desc": "Device 'x' not found"}}
-> {"execute": "quit", "id": 5}
<- {"return": {}, "id": 5}
<- {"event": "SHUTDOWN", "data": {"guest": false}, "timestamp": {"seconds": 5, "microseconds": 6}}
@ closed by server
"""


@pytest_asyncio.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Opened]:
    """Return a function that opens a monitor for a replay, and returns its address."""
    monitors: list[Monitor] = []

    def open_monitor(replay: Replay) -> str:
        monitor = Monitor(backend=replay)
        monitors.append(monitor)
        path = tmp_path / f"{len(monitors)}.qmp"
        monitor.start(path)
        return f"unix:{path}"

    yield open_monitor
    for monitor in monitors:
        await asyncio.to_thread(monitor.stop)


def play(address: str) -> list[Any]:
    """Go through SESSION with the blocking client."""
    with Client.connect(address) as vm:
        first = vm.wait_event("FIRST", since=0, timeout=PATIENCE)
        seen: list[Any] = [first.timestamp.seconds, vm.execute("query-status")["status"]]
        mark = vm.event_mark()
        vm.execute("stop")
        seen.append(vm.wait_event("STOP", since=mark, timeout=PATIENCE).name)
        seen.append(vm.execute("query-status")["status"])
        with pytest.raises(CommandError, match="DeviceNotFound"):
            vm.execute("device_del", {"id": "x"})
        with vm.events() as events:
            vm.execute("quit")
            seen += [event.name for event in events]
    return seen


async def test_a_session_with_the_blocking_client(opened: Opened) -> None:
    replay = Replay(recording(SESSION), order="recorded", strict=True, timestamps="recorded")
    address = opened(replay)
    for _ in range(3):
        assert await asyncio.to_thread(play, address) == [
            1,
            "running",
            "STOP",
            "paused",
            "SHUTDOWN",
        ]
    assert replay.report.is_complete
    assert replay.report.played == 5
    assert replay.report.clients == 3


async def test_a_session_with_the_async_client(opened: Opened) -> None:
    misses: list[str] = []
    replay = Replay(
        recording(SESSION), clock=lambda: 77.5, on_miss=lambda miss: misses.append(str(miss))
    )
    async with await AsyncClient.connect(opened(replay)) as vm:
        assert vm.greeting.version.qemu.major == 7
        event = await vm.wait_event("FIRST", since=0, timeout=PATIENCE)
        assert (event.timestamp.seconds, event.timestamp.microseconds) == (77, 500_000)
        found = await asyncio.gather(*(vm.execute("query-status") for _ in range(3)))
        assert [each["status"] for each in found] == ["running", "paused", "paused"]
        with pytest.raises(CommandError, match="CommandNotFound: The command stopp has not been"):
            await vm.execute("stopp")
    assert misses == ["not recorded: stopp\n  nearest: stop (r.txt:7)"]
    assert not replay.report.is_complete


async def test_each_client_gets_the_next_conversation(opened: Opened) -> None:
    text = "NEGOTIATION\n" + "NEGOTIATION\n".join(
        f'-> {{"execute": "a"}}\n<- {{"return": {number}}}\n' for number in range(3)
    )
    address = opened(Replay(recording(text)))

    async def answer(conversation: int | None = None) -> Any:
        async with await AsyncClient.connect(address) as vm:
            return await vm.execute("a")

    async with await AsyncClient.connect(address):  # asks nothing
        pass
    assert [await answer() for _ in range(4)] == [0, 1, 2, 0]
    address = opened(Replay(recording(text), conversation=2))
    assert [await answer() for _ in range(2)] == [1, 1]


async def test_events_come_after_their_delay(opened: Opened) -> None:
    text = (
        "@ time 0\nGREETING\nNEGOTIATION\n"
        '-> {"execute": "a"}\n@ time 0.02\n<- {"return": 1}\n@ time 0.05\n<- {"event": "E"}\n'
        '-> {"execute": "b"}\n@ time 3600\n<- {"return": 2}\n'
    )
    loop = asyncio.get_running_loop()
    async with await AsyncClient.connect(opened(Replay(recording(text), delays="recorded"))) as vm:
        before = loop.time()
        assert await vm.execute("a") == 1
        assert loop.time() - before >= 0.02 - TICK
        await vm.wait_event("E", since=0, timeout=PATIENCE)
        assert loop.time() - before >= 0.05 - TICK
        with pytest.raises(TimeoutError):
            await vm.execute("b", timeout=0.01)
    async with await AsyncClient.connect(opened(Replay(recording(text), delays=0.03))) as vm:
        before = loop.time()
        assert await vm.execute("b") == 2
        assert await vm.execute("a") == 1
        await vm.wait_event("E", since=0, timeout=PATIENCE)
        assert loop.time() - before >= 0.03 - TICK


async def test_a_guest_agent(opened: Opened) -> None:
    text = '-> {"execute": "guest-ping"}\n<- {"return": {}}\n'
    address = opened(Replay(recording(text)))
    async with await AsyncClient.connect(address, negotiate=False) as agent:
        assert await agent.execute("guest-ping") == {}


def test_load(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text('-> {"execute": "a"}\n<- {"return": 1}\n')
    assert Replay.load(path, path).report.never_asked_count == 2
    path.write_text("-> {}x\n")
    with pytest.raises(TranscriptError, match=rf"{path}:1: found"):
        Replay.load(path)
    with pytest.raises(FileNotFoundError):
        Replay.load(tmp_path / "none")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"conversation": 2}, "found conversation 2, expected 1"),
        ({"order": "odd"}, "found order 'odd', expected any or recorded"),
        ({"delays": "odd"}, "found delays 'odd', expected none or recorded"),
        ({"delays": -1}, "found -1 seconds, expected 0 or more"),
        ({"delays": float("nan")}, "found nan seconds, expected 0 or more"),
        ({"timestamps": "odd"}, "found timestamps 'odd', expected now or recorded"),
    ],
)
def test_bad_options(options: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        Replay(recording(SESSION), **options)
    with pytest.raises(ValueError, match="found no recording"):
        Replay()


@pytest.mark.parametrize("delays", ["none", "recorded"])
async def test_a_command_that_never_ended(opened: Opened, delays: str) -> None:
    text = (
        'GREETING\nNEGOTIATION\n-> {"execute": "a"}\n<- {"return": 1}\n'
        '-> {"exec-oob": "b"}\n<- {"return": 2}\n-> {"execute": "hang"}\n'
    )
    async with await AsyncClient.connect(opened(Replay(recording(text), delays=delays))) as vm:
        for name in ("hang", "a"):
            with pytest.raises(TimeoutError):
                await vm.execute(name, timeout=0.01)
        assert await vm.execute("b", oob=True) == 2
