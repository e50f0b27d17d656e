"""Clients of a monitor that don't read or read late: they harm only themselves."""

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.monitor import Monitor
from qmpeer.monitor.connection import MemoryBudget
from qmpeer.values import JsonObject
from tests import growth
from tests.monitor.conftest import Connect
from tests.monitor.raw_client import RawClient, until
from tests.patience import PATIENCE

KERNEL = 8 * 1024 * 1024
"""More bytes than the socket buffers of both sides hold."""


def unsent(monitor: Monitor) -> int:
    return max(
        (connection.stream.unsent for connection in monitor._openings.connections), default=0
    )


@pytest.mark.parametrize("scheme", ["unix", "tcp"])
@pytest.mark.parametrize("is_oob", [False, True], ids=["in-band", "oob"])
async def test_no_further_command_is_taken(
    monitor: Monitor, path: Path, scheme: str, is_oob: bool
) -> None:
    executed = 0
    size, count = 50_000, 400

    @monitor.command("get")
    def get() -> str:
        nonlocal executed
        executed += 1
        return "x" * size

    listener = await monitor.listen(path if scheme == "unix" else "tcp:127.0.0.1:0", many=True)
    async with (
        await RawClient.connect(listener.address, oob=is_oob) as client,
        await RawClient.connect(listener.address) as other,
    ):
        requests = b"".join(b'{"execute":"get","id":%d}' % number for number in range(count))
        sending = asyncio.create_task(client.send_all(requests))
        await until(lambda: unsent(monitor) > limits.UNSENT_OUTPUT)
        before = -1
        while before != executed:
            before = executed
            assert "return" in await other.execute("query-version")
        assert executed * size < limits.UNSENT_OUTPUT + KERNEL
        assert unsent(monitor) < limits.UNSENT_OUTPUT + 3 * size
        for number in range(count):
            assert (await client.receive())["id"] == number
        assert executed == count
        await sending


@pytest.mark.parametrize("is_oob", [False, True], ids=["in-band", "oob"])
async def test_one_reply_of_any_size_passes(
    connect: Connect, monitor: Monitor, is_oob: bool
) -> None:
    monitor.command("get")(lambda size: "x" * size)
    client = await connect(oob=is_oob)
    for size in (limits.UNSENT_OUTPUT, 20_000_000):
        client.send({"execute": "get", "arguments": {"size": size}})
        client.send({"execute": "query-version"})
        assert len((await client.receive())["return"]) == size
        assert "qemu" in (await client.receive())["return"]


@pytest.mark.parametrize("size", [550_000, 2 * limits.UNSENT_OUTPUT])
@pytest.mark.parametrize("kinds", [("get",), ("get-later", "get")], ids="-".join)
async def test_what_queued_behind_a_slow_command_is_bounded_too(
    connect: Connect, monitor: Monitor, size: int, kinds: tuple[str, ...]
) -> None:
    executed: list[int] = []
    release = asyncio.Event()

    @monitor.command("slow")
    async def slow() -> None:
        await release.wait()

    @monitor.command("get-later")
    async def get_later(number: int) -> str:
        return get(number)

    @monitor.command("get")
    def get(number: int) -> str:
        executed.append(number)
        return "x" * size

    client, other = await connect(oob=True), await connect()
    client.send({"execute": "slow"})
    for number in range(limits.IN_BAND_QUEUE):
        name = kinds[number % len(kinds)]
        client.send({"execute": name, "arguments": {"number": number}, "id": number})
    assert "return" in await other.execute("query-version")
    release.set()
    await until(lambda: unsent(monitor) > limits.UNSENT_OUTPUT)
    for _ in range(5):
        assert "return" in await other.execute("query-version")
    assert len(executed) * size <= 2 * limits.UNSENT_OUTPUT + 2 * size
    assert unsent(monitor) < 2 * limits.UNSENT_OUTPUT + size
    assert await client.receive() == {"return": {}}
    for number in range(limits.IN_BAND_QUEUE):
        assert (await client.receive())["id"] == number
    assert executed == list(range(limits.IN_BAND_QUEUE))


@pytest.mark.parametrize("scheme", ["unix", "tcp"])
async def test_events_queue_up_to_a_limit(
    monitor: Monitor, path: Path, scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    listener = await monitor.listen(path if scheme == "unix" else "tcp:127.0.0.1:0", many=True)
    bystander = await RawClient.connect(listener.address)
    sleeper = await RawClient.connect(listener.address)
    data: JsonObject = {"x": "x" * 100_000}
    sent, most = 0, 0
    spent: list[float] = []
    while monitor.connections == 2:
        start = time.process_time()
        monitor.emit("E", data)
        sent += 1
        most = max(most, unsent(monitor))
        assert (await bystander.receive())["event"] == "E"
        assert "return" in await bystander.execute("query-version")
        spent.append(time.process_time() - start)
        assert sent * 100_000 < limits.UNSENT_OUTPUT + limits.UNSENT_EVENTS + KERNEL
    assert sent * 100_000 > limits.UNSENT_EVENTS
    assert most <= limits.UNSENT_OUTPUT + limits.UNSENT_EVENTS + 200_100
    part = len(spent) // 4  # a long queue must not slow it down (7 times)
    assert sum(spent[-part:]) < 4 * max(sum(spent[:part]), growth.LEAST_SECONDS)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "disconnected" in caplog.text
    await sleeper.receive_rest()
    assert "return" in await bystander.execute("query-version")
    sleeper.close()
    bystander.close()


async def test_a_reader_that_is_late_loses_nothing(connect: Connect, monitor: Monitor) -> None:
    client = await connect()
    count = limits.UNSENT_EVENTS // 1000 - 200
    for number in range(count):
        monitor.emit("E", {"n": number, "x": "x" * 800})
        if number % 100 == 0:
            await asyncio.sleep(0)
    client.send({"execute": "query-version"})
    for number in range(count):
        assert (await client.receive())["data"]["n"] == number
    assert "return" in await client.receive()


@pytest.mark.parametrize("kind", ["sync", "blocking"])
async def test_a_burst_within_one_handler_is_bounded(
    connect: Connect, monitor: Monitor, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    most = 0

    @monitor.command("burst", blocking=kind == "blocking")
    def burst() -> None:
        nonlocal most
        for _ in range(300):
            monitor.emit("E", {"x": "x" * 100_000})
            most = max(most, unsent(monitor))

    client, other = await connect(), await connect()
    client.send({"execute": "burst"})
    await until(lambda: monitor.connections == 0)
    assert most < limits.UNSENT_OUTPUT * 3 + limits.UNSENT_EVENTS
    assert len(caplog.records) == 2
    for gone in (client, other):
        assert len(await gone.receive_rest()) < 30_000_000 // 2


async def test_a_client_that_never_reads_and_leaves(connect: Connect, monitor: Monitor) -> None:
    monitor.command("get")(lambda: "x" * 3_000_000)
    client = await connect()
    client.send({"execute": "get"}, {"execute": "get"})
    await until(lambda: unsent(monitor))
    client.close()
    await until(lambda: monitor.connections == 0)


async def test_shutdown_does_not_wait_for_who_never_reads(
    connect: Connect, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CLOSE_TIMEOUT", 0.05)
    monitor.command("get")(lambda: "x" * (KERNEL + 4_000_000))
    client = await connect()
    client.send({"execute": "get"})
    await until(lambda: unsent(monitor))
    monitor.shutdown()
    async with asyncio.timeout(PATIENCE):
        await monitor.wait_closed()


async def test_nothing_is_executed_of_who_was_cut_off(
    monitor: Monitor, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LISTENER_MEMORY", 40_000)
    executed = answered = 0

    @monitor.command("touch", allow_oob=True)
    def touch() -> None:
        nonlocal executed
        executed += 1

    listener = await monitor.listen(path, many=True)
    client = await RawClient.connect(listener.address, oob=True)
    line = b'{"exec-oob":"touch","id":1}\n'
    client.send(b" " * 16_000 + b"\n" + line * 1600)
    with contextlib.suppress(EOFError, ConnectionError):
        while "return" in await client.receive():
            answered += 1
    client.close()
    await until(lambda: monitor.connections == 0)
    assert executed <= answered + 1


@pytest.mark.parametrize("what", ["requests without end", "replies that nobody reads"])
async def test_clients_share_a_budget(
    monitor: Monitor,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    what: str,
) -> None:
    """The client that exceeds the listener's memory budget is dropped; the others continue."""
    monkeypatch.setattr(limits, "LISTENER_MEMORY", 2_000_000)
    monitor.command("get")(lambda: "x" * 900_000)
    listener = await monitor.listen(path, many=True)
    other_listener = await monitor.listen("tcp:127.0.0.1:0")
    monitor_clients = [await RawClient.connect(listener.address) for _ in range(4)]
    first, *others = monitor_clients
    for client in others:
        if what == "requests without end":
            with contextlib.suppress(ConnectionError):
                await client.send_all(b'{"execute": "' + b"a" * 400_000)
        else:
            client.send({"execute": "get"})
    await until(lambda: any("= disconnected: the clients" in m for m in caplog.messages))
    await until(lambda: monitor.connections == 3)
    assert "return" in await first.execute("query-version")
    async with await RawClient.connect(other_listener.address) as elsewhere:
        assert "x" in (await elsewhere.execute("get"))["return"]
    for client in monitor_clients:
        client.close()
    await until(lambda: monitor.connections == 0)
    async with await RawClient.connect(listener.address) as client:  # no memory is held any more
        assert "x" in (await client.execute("get"))["return"]


async def test_a_burst_of_events_keeps_to_the_budget(
    monitor: Monitor, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that doesn't read is dropped within the turn that emits too much, not after it."""
    clients, budget, most_held = 12, 8 << 20, 0
    change = MemoryBudget.change

    def watched(self: MemoryBudget, before: int, now: int) -> bool:
        nonlocal most_held
        is_too_much = change(self, before, now)
        most_held = max(most_held, self.held)
        return is_too_much

    monkeypatch.setattr(limits, "LISTENER_MEMORY", budget)
    monkeypatch.setattr(MemoryBudget, "change", watched)

    @monitor.command("burst")
    def burst() -> None:
        for _ in range(50):
            monitor.emit("NEWS", {"text": "x" * 60_000})

    listener = await monitor.listen(path, many=True)
    connected = [await RawClient.connect(listener.address) for _ in range(clients)]
    connected[0].send({"execute": "burst"})
    await until(lambda: monitor.connections < clients)
    assert most_held < budget + clients * (limits.UNSENT_OUTPUT + 60_100)
    for client in connected:
        client.close()


def test_the_budget_cuts_no_client_that_is_only_a_little_late() -> None:
    budget = MemoryBudget()
    budget.clients, budget.most = 4, 1000
    assert not budget.change(0, 900)
    assert not budget.change(0, 90)
    assert not budget.change(0, 200)  # together too much, but less than an equal share
    assert budget.change(900, 901)
    assert not budget.change(901, 800)
    assert budget.change(90, 300)
