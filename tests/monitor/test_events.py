"""Events: their recipients, their order, their rate limits, and emission from any thread."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from qmpeer import limits
from qmpeer.monitor import Monitor
from qmpeer.protocol import Throttle
from tests.monitor.conftest import Connect
from tests.monitor.raw_client import RawClient, until
from tests.patience import PATIENCE


def names(*messages: dict[str, Any]) -> list[Any]:
    return [message.get("event", message.get("return")) for message in messages]


async def test_the_shape(monitor: Monitor, connect: Connect) -> None:
    client = await connect()
    monitor.emit("STOP")
    monitor.emit("RESET", {"guest": False, "reason": "\u00e9"})
    bare, full = await client.receive_bytes(), await client.receive()
    assert bare.startswith(b'{"timestamp": {"seconds": ')
    assert bare.endswith(b'}, "event": "STOP"}')
    assert list(full) == ["timestamp", "event", "data"]
    assert full["data"] == {"guest": False, "reason": "\u00e9"}
    assert 0 <= full["timestamp"]["microseconds"] < 1_000_000


@pytest.mark.parametrize("kind", ["sync", "async", "blocking"])
async def test_an_event_precedes_the_reply_of_its_handler(
    monitor: Monitor, connect: Connect, kind: str
) -> None:
    def stop() -> None:
        monitor.emit("STOP")
        monitor.emit("RESUME")

    async def slow() -> None:
        await asyncio.sleep(0)
        stop()

    monitor.command("stop", blocking=kind == "blocking")(slow if kind == "async" else stop)
    client, other = await connect(), await connect(oob=True)
    client.send({"execute": "stop"}, {"execute": "stop"})
    got = names(*[await client.receive() for _ in range(6)])
    assert got == ["STOP", "RESUME", {}] * 2
    assert names(*[await other.receive() for _ in range(4)]) == ["STOP", "RESUME"] * 2


async def test_events_of_a_handler_that_fails(monitor: Monitor, connect: Connect) -> None:
    @monitor.command("stop")
    def stop() -> None:
        monitor.emit("STOP")
        raise OSError("after all")

    client = await connect()
    client.send({"execute": "stop"})
    assert (await client.receive())["event"] == "STOP"
    assert "error" in await client.receive()


async def test_only_who_has_negotiated_gets_events(monitor: Monitor, connect: Connect) -> None:
    ready = await connect()
    late = await RawClient.dial(monitor.listeners[0].address)
    async with late:
        assert "QMP" in await late.receive()
        monitor.emit("STOP")
        assert (await ready.receive())["event"] == "STOP"
        assert await late.execute("qmp_capabilities") == {"return": {}}
        monitor.emit("RESUME")
        assert (await late.receive())["event"] == "RESUME"
        assert (await ready.receive())["event"] == "RESUME"


async def test_events_without_clients_are_lost(monitor: Monitor, connect: Connect) -> None:
    monitor.emit("BEFORE")
    await monitor.listen("tcp:127.0.0.1:0")
    monitor.emit("STOP")
    async with await RawClient.connect(monitor.listeners[0].address) as client:
        assert "return" in await client.execute("query-version")


async def test_from_other_threads(monitor: Monitor, connect: Connect) -> None:
    clients = [await connect() for _ in range(3)]
    count, workers = 300, 4

    def work(number: int) -> None:
        for index in range(count):
            monitor.emit("E", {"worker": number, "index": index})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for client in clients:
        seen: dict[int, list[int]] = {number: [] for number in range(workers)}
        for _ in range(count * workers):
            data = (await client.receive())["data"]
            seen[data["worker"]].append(data["index"])
        assert all(indexes == list(range(count)) for indexes in seen.values())
    for thread in threads:
        thread.join(PATIENCE)


async def test_two_threads_that_emit_at_the_same_moment(
    monitor: Monitor, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each sees the other's event in the queue, and one of them must wake the loop all the same."""

    class Meeting(type(monitor._events._emitted)):  # type: ignore[misc]
        def append(self, event: Any) -> None:
            super().append(event)
            if event[0] == "E":
                barrier.wait(PATIENCE)

    barrier = threading.Barrier(2)
    monkeypatch.setattr(monitor._events, "_emitted", Meeting())
    client = await connect()
    threads = [threading.Thread(target=monitor.emit, args=("E",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert names(await client.receive(), await client.receive()) == ["E", "E"]
    for thread in threads:
        thread.join(PATIENCE)


async def test_too_many_from_other_threads(
    monitor: Monitor,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(limits, "EMITTED_EVENTS", 10)
    client = await connect()

    def flood() -> None:
        for index in range(100):
            monitor.emit("E", {"index": index})

    thread = threading.Thread(target=flood)
    thread.start()
    thread.join(PATIENCE)  # the loop stands still meanwhile
    assert [(await client.receive())["data"]["index"] for _ in range(10)] == list(range(90, 100))
    assert len(caplog.records) == 1
    assert "lost" in caplog.text


async def test_pretty_clients_get_pretty_events(monitor: Monitor, connect: Connect) -> None:
    plain = await connect()
    listener = await monitor.listen("tcp:127.0.0.1:0", pretty=True)
    async with await RawClient.connect(listener.address, pretty=True) as client:
        for number in range(2):
            monitor.emit("E", {"a": [], "number": number})
            text = await client.receive_bytes(b"\r\n}\r\n")
            assert text.startswith(b'{\r\n    "timestamp": {\r\n        "seconds": ')
            end = b'"event": "E",\r\n    "data": {\r\n        "a": [\r\n        ],\r\n'
            assert end + b'        "number": %d\r\n    }' % number in text
            assert (await plain.receive())["data"]["number"] == number


@pytest.fixture
def throttled(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Monitor]:
    """A monitor whose seconds are short. The first event of a burst starts the period, by which
    the rest of the burst is kept back, however long it takes."""
    monkeypatch.setattr("qmpeer.monitor.event_broadcast.Throttle", lambda: Throttle(0.05))
    return lambda: Monitor(name="throttled")


async def test_a_burst_of_throttled_events(throttled: Callable[[], Monitor]) -> None:
    monitor = throttled()
    listener = await monitor.listen("tcp:127.0.0.1:0", many=True)
    clients = [await RawClient.connect(listener.address) for _ in range(2)]
    for round_ in range(2):
        for offset in range(10):
            monitor.emit("RTC_CHANGE", {"offset": offset})
        monitor.emit("STOP")
        for client in clients:
            got = [await client.receive() for _ in range(3)]
            assert names(*got) == ["RTC_CHANGE", "STOP", "RTC_CHANGE"]
            assert [got[0]["data"]["offset"], got[2]["data"]["offset"]] == [0, 9]
            stamps = [event["timestamp"] for event in (got[2], got[1])]
            stamps = [stamp["seconds"] * 1_000_000 + stamp["microseconds"] for stamp in stamps]
            assert stamps[0] <= stamps[1], "it keeps the stamp of its own moment"
        await until(lambda: monitor._events._throttle.next_due is None)
        assert round_ < 2
    late = await RawClient.dial(listener.address)
    await late.receive()
    monitor.emit("RTC_CHANGE", {"offset": 1})
    monitor.emit("RTC_CHANGE", {"offset": 2})
    await late.execute("qmp_capabilities")
    assert (await late.receive())["data"] == {"offset": 2}, "as it negotiated before it was sent"
    monitor.emit("RTC_CHANGE")
    monitor.shutdown()
    await monitor.wait_closed()
    for client in (late, *clients):
        client.close()


async def test_emitting_at_the_wrong_time_is_quiet() -> None:
    monitor = Monitor()
    monitor.emit("STOP")
    monitor.emit("RTC_CHANGE")
    listener = await monitor.listen("tcp:127.0.0.1:0")
    client = await RawClient.connect(listener.address)
    monitor.shutdown()
    await monitor.wait_closed()
    assert await client.receive_rest() == b""
    client.close()
    monitor.emit("STOP")
    monitor.emit("RTC_CHANGE")
    thread = threading.Thread(target=monitor.emit, args=("STOP",))
    thread.start()
    thread.join(PATIENCE)
