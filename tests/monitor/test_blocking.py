"""Blocking handlers delay their own client, in a limited number of threads; exclusive ones all."""

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpeer import limits
from qmpeer.client import Client
from qmpeer.monitor import Context, Monitor
from tests.monitor.conftest import Connect
from tests.monitor.raw_client import RawClient, until
from tests.patience import PATIENCE


class Gate:
    """Handlers that end when the test allows it; `begun` and `ended` list their names in order."""

    def __init__(self, monitor: Monitor) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.most = 0
        self._lock = threading.Lock()
        self._running = 0
        self._doors: dict[str, threading.Event] = {}
        for register in (monitor.command, monitor.human_command):
            register("work", blocking=True)(self.wait)
            register("hold", exclusive=True)(self.wait)
            register("note")(self.note)

        @monitor.command("human-monitor-command")
        def run(command_line: str, *, context: Context) -> str | Awaitable[str]:
            return monitor.run_human(command_line, context)

    def _door(self, name: str) -> threading.Event:
        with self._lock:
            return self._doors.setdefault(name, threading.Event())

    def open(self, *names: str) -> None:
        for name in names:
            self._door(name).set()

    def wait(self, name: str) -> str:
        door = self._door(name)
        with self._lock:
            self.begun.append(name)
            self._running += 1
            self.most = max(self.most, self._running)
        assert door.wait(PATIENCE)
        with self._lock:
            self._running -= 1
            self.ended.append(name)
        return name

    def note(self, name: str) -> str:
        self.begun.append(name)
        return name

    def close(self) -> None:
        with self._lock:
            for door in self._doors.values():
                door.set()


@pytest.fixture
def gate(monitor: Monitor) -> Iterator[Gate]:
    gate = Gate(monitor)
    yield gate
    gate.close()


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BLOCKING_THREADS", 2)


def command(verb: str, name: str) -> dict[str, Any]:
    return {"execute": verb, "arguments": {"name": name}, "id": name}


def line(verb: str, name: str) -> dict[str, Any]:
    text = {"command-line": f"{verb} {name}"}
    return {"execute": "human-monitor-command", "arguments": text, "id": name}


Say = Callable[[str, str], dict[str, Any]]
both_ways = pytest.mark.parametrize("say", [command, line])


async def answers(client: RawClient, count: int) -> list[Any]:
    return [(await client.receive())["id"] for _ in range(count)]


@both_ways
async def test_a_blocking_handler_keeps_back_its_own_client_only(
    connect: Connect, gate: Gate, say: Say
) -> None:
    client, other = await connect(oob=True), await connect()
    client.send(say("work", "a"), say("note", "late"))
    await until(lambda: gate.begun)
    other.send(say("note", "b"), say("work", "c"), say("note", "d"))
    await until(lambda: gate.begun == ["a", "b", "c"])
    assert await answers(other, 1) == ["b"]
    gate.open("c")
    assert await answers(other, 2) == ["c", "d"]
    assert client.is_silent()
    gate.open("a")
    assert await answers(client, 2) == ["a", "late"]


async def test_a_terminals_line_keeps_back_its_own_terminal_only(
    monitor: Monitor, connect: Connect, gate: Gate, tmp_path: Path
) -> None:
    client = await connect()
    await monitor.listen(tmp_path / "hmp", human=True, many=True)
    async with (
        await RawClient.dial(tmp_path / "hmp") as terminal,
        await RawClient.dial(tmp_path / "hmp") as other,
    ):
        terminal.send(b"work a\r")
        await until(lambda: gate.begun == ["a"])
        other.send(b"work b\r")
        await until(lambda: gate.begun == ["a", "b"])
        gate.open("b")
        await until(lambda: gate.ended == ["b"])
        assert "return" in await client.execute("query-version")
        other.send(b"note c\r")
        await until(lambda: gate.begun == ["a", "b", "c"])
        gate.open("a")
        await until(lambda: gate.ended == ["b", "a"])


async def test_so_many_run_at_once_and_the_others_in_order(connect: Connect, gate: Gate) -> None:
    """At the real limit: a few more clients than threads, and one that is always served."""
    names = [f"{number:03}" for number in range(limits.BLOCKING_THREADS + 6)]
    clients = [await connect() for _ in names]
    for client, name in zip(clients, names, strict=True):
        client.send(command("work", name))
        client.send(command("work", f"{name}'"))
    await until(lambda: len(gate.begun) == limits.BLOCKING_THREADS)
    other = await connect()
    for _ in range(10):
        assert "return" in await other.execute("query-version")
    assert sorted(gate.begun) == names[: limits.BLOCKING_THREADS]
    for number, name in enumerate(names[limits.BLOCKING_THREADS :]):
        gate.open(names[number])
        await until(lambda name=name: name in gate.begun)
    gate.open(*names, *(f"{name}'" for name in names))
    for client, name in zip(clients, names, strict=True):
        assert await answers(client, 2) == [name, f"{name}'"]
    assert gate.most == limits.BLOCKING_THREADS


@both_ways
@pytest.mark.usefixtures("two_threads")
async def test_who_leaves_while_it_waits_is_forgotten(
    monitor: Monitor, connect: Connect, gate: Gate, say: Say
) -> None:
    busy = [await connect() for _ in range(2)]
    for client, name in zip(busy, "ab", strict=True):
        client.send(say("work", name))
    await until(lambda: len(gate.begun) == 2)
    stayer = await connect()
    for _ in range(5):
        leaver = await connect()
        leaver.send(command("work", "never"))
        assert "return" in await stayer.execute("query-version")
        leaver.close()
        await until(lambda: monitor.connections == 3)
    stayer.send(say("work", "c"))
    gate.open("a", "b", "c")
    assert await answers(stayer, 1) == ["c"]
    assert "never" not in gate.begun


@pytest.mark.usefixtures("two_threads")
async def test_an_exclusive_one_that_waits_for_a_thread_and_leaves_lets_others_go(
    monitor: Monitor, connect: Connect, gate: Gate
) -> None:
    first, second, holder, other = [await connect() for _ in range(4)]
    first.send(command("work", "a"))
    second.send(command("work", "b"))
    await until(lambda: len(gate.begun) == 2)
    holder.send(command("hold", "never"))
    other.send({"execute": "note", "arguments": {"name": "x"}, "id": 1})
    await until(lambda: monitor.connections == 4)
    holder.close()
    assert await other.receive() == {"return": "x", "id": 1}
    gate.open("a", "b")
    assert await answers(first, 1) + await answers(second, 1) == ["a", "b"]


@both_ways
@pytest.mark.usefixtures("two_threads")
async def test_what_waits_at_the_end_is_answered(
    monitor: Monitor, connect: Connect, gate: Gate, say: Say
) -> None:
    clients = [await connect() for _ in range(3)]
    for client, name in zip(clients, "abc", strict=True):
        client.send(say("work", name))
    await until(lambda: len(gate.begun) == 2)
    assert "return" in await (await connect()).execute("query-version")
    monitor.shutdown()
    answer = await clients[2].receive()
    assert "The monitor was shut down" in str(answer)
    gate.open("a", "b")
    assert await answers(clients[0], 1) + await answers(clients[1], 1) == ["a", "b"]
    assert "c" not in gate.begun


@pytest.mark.usefixtures("two_threads")
async def test_a_line_that_waits_can_be_cancelled(
    monitor: Monitor, connect: Connect, gate: Gate
) -> None:
    client = await connect()
    lines: list[Awaitable[str]] = []
    for name in "abc":
        said = monitor.run_human(f"work {name}")
        assert not isinstance(said, str)
        lines.append(asyncio.ensure_future(said))
    await until(lambda: len(gate.begun) == 2)
    last = lines.pop()
    assert isinstance(last, asyncio.Task)
    await asyncio.sleep(0)  # until it waits
    last.cancel()
    with pytest.raises(asyncio.CancelledError):
        await last
    gate.open("a", "b")
    assert await asyncio.gather(*lines) == ["a\r\n", "b\r\n"]
    assert await client.execute("note", {"name": "z"}) == {"return": "z"}
    assert gate.begun == ["a", "b", "z"]


@both_ways
@pytest.mark.usefixtures("two_threads")
async def test_only_so_many_wait(
    connect: Connect, gate: Gate, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BLOCKING_WAITING", 3)
    clients = [await connect() for _ in range(6)]
    for client, name in zip(clients, "abcdef", strict=True):
        client.send(say("work", name))
    answer = await clients[5].receive()
    assert "3 commands wait for a thread already" in str(answer)
    assert await clients[5].execute("note", {"name": "n"}) == {"return": "n"}
    gate.open(*"abcde")
    assert [await answers(client, 1) for client in clients[:5]] == [[name] for name in "abcde"]


async def test_a_thread_that_cannot_be_started_later(
    connect: Connect, gate: Gate, two_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    clients = [await connect() for _ in range(3)]
    for client, name in zip(clients, "abc", strict=True):
        client.send(command("work", name))
    await until(lambda: len(gate.begun) == 2)
    assert "return" in await (await connect()).execute("query-version")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        gate.open("a")
        assert await answers(clients[0], 1) == ["a"]
        answer = await clients[2].receive()
    assert "can't start new thread" in answer["error"]["desc"]
    gate.open("b", "d")
    clients[2].send(command("work", "d"))
    assert await answers(clients[1], 1) + await answers(clients[2], 1) == ["b", "d"]


@both_ways
async def test_an_exclusive_one_lets_nothing_begin_and_what_runs_end(
    connect: Connect, gate: Gate, say: Say
) -> None:
    client, holder, other = [await connect() for _ in range(3)]
    client.send(say("work", "a"))
    await until(lambda: gate.begun == ["a"])
    holder.send(say("hold", "h"))
    await until(lambda: gate.begun == ["a", "h"])
    other.send(say("note", "n"))
    gate.open("a")
    assert await answers(client, 1) == ["a"]
    client.send(say("work", "b"))
    await until(lambda: gate.ended == ["a"])
    assert other.is_silent()
    gate.open("h", "b")
    assert await answers(holder, 1) + await answers(other, 1) == ["h", "n"]
    assert await answers(client, 1) == ["b"]
    assert gate.begun[:2] == ["a", "h"]


async def test_two_exclusive_lines_of_programs(
    monitor: Monitor, connect: Connect, gate: Gate
) -> None:
    """A program may run them side by side; other commands wait until both have ended."""
    client = await connect()
    lines = [monitor.run_human(f"hold {name}") for name in "ab"]
    futures = [asyncio.ensure_future(said) for said in lines if not isinstance(said, str)]
    await until(lambda: sorted(gate.begun) == ["a", "b"])
    client.send(command("note", "n"))
    gate.open("b")
    await futures[1]
    assert client.is_silent()
    gate.open("a")
    await futures[0]
    assert await answers(client, 1) == ["n"]


def test_where_the_caller_says(path: Path) -> None:
    """Their number isn't limited there. Handlers that aren't blocking run there one at a time."""
    monitor = Monitor()
    works: queue.Queue[Callable[[], None]] = queue.Queue()
    for name, is_blocking in (("work", True), ("note", False)):
        monitor.command(name, blocking=is_blocking)(lambda: None)
    monitor.start(path, many=True, call=works.put)
    try:
        clients = [Client.connect(path, command_timeout=PATIENCE) for _ in range(4)]
        for name, count in (("work", 4), ("note", 1)):
            users = [
                threading.Thread(target=client.execute, args=(name,), daemon=True)
                for client in clients
            ]
            for user in users:
                user.start()
            begun = [works.get(timeout=PATIENCE) for _ in range(count)]
            assert works.empty() or name == "work"
            for _ in users:
                (begun.pop() if begun else works.get(timeout=PATIENCE))()
            for user in users:
                user.join(PATIENCE)
        for client in clients:
            client.close()
    finally:
        monitor.stop()


def test_an_exclusive_handler_is_neither_async_nor_out_of_band() -> None:
    async def handler() -> None: ...

    with pytest.raises(ValueError, match="exclusive and also out-of-band or async"):
        Monitor().command("a", exclusive=True)(handler)
    with pytest.raises(ValueError, match="exclusive and also out-of-band or async"):
        Monitor().command("a", exclusive=True, allow_oob=True)(lambda: None)
    with pytest.raises(ValueError, match="exclusive and also async"):
        Monitor().human_command("a", exclusive=True)(handler)
