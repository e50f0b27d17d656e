"""Values that JSON can't hold: only the emitter or the handler gets the error."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from qmpeer import limits
from qmpeer.errors import CommandError
from qmpeer.monitor import Monitor
from qmpeer.schema import Schema, schema_from_qapi
from tests.monitor.conftest import Connect
from tests.monitor.raw_client import RawClient
from tests.patience import PATIENCE


class Fails:
    """A value whose own methods fail."""

    def __str__(self) -> str:
        raise CommandError("GenericError", "of its own")

    __repr__ = __str__


SHARED: Any = {"x": [1, 2]}
UNWRITABLE: dict[str, Callable[[], Any]] = {
    "object": object,
    "fails": Fails,
    "generator": lambda: iter([1]),
    "complex": lambda: 1j,
    "key": lambda: {(1, 2): 3},
    "digits": lambda: 10**5000,
    "within": lambda: [{"a": [1, 2, {"b": [object()]}]}],
    "function": lambda: print,
    "itself": lambda: [holding_itself()],
    "itself-by-name": lambda: {"a": [holding_itself()]},
    "deep": lambda: nested(1_100),
    "a-little-deep": lambda: nested(1024),
}
WRITABLE: dict[str, Any] = {
    "as-deep-as-it-may-be": lambda: nested(1020),
    "wide": lambda: [[]] * 10_000,
    "shared": lambda: [SHARED, SHARED, {"a": SHARED}],
    "pairs": lambda: "\U0001f600" * 100,
}


def holding_itself() -> list[Any]:
    value: list[Any] = [1]
    value.append({"again": value})
    return value


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


values = pytest.mark.parametrize("value", UNWRITABLE.values(), ids=list(UNWRITABLE))
EVENTS = ["STOP", "RTC_CHANGE", "VSERPORT_CHANGE"]  # the last two are limited, by name and by id


def declared() -> Schema:
    """A schema with an event and a command that may hold anything."""
    text = b"{'event': 'STOP', 'data': {'value': 'any'}}\n{'command': 'get', 'returns': 'any'}"
    return schema_from_qapi("x.json", lambda name: text)


def emit_all(monitor: Monitor, value: Any) -> list[type[BaseException]]:
    """Emit the value with each event, twice; return the exceptions."""
    raised: list[type[BaseException]] = []
    for name in EVENTS * 2:
        try:
            monitor.emit(name, {"id": value, "value": value})
        except BaseException as error:
            raised.append(type(error))
    return raised


async def still_well(monitor: Monitor, *clients: RawClient) -> None:
    """Assert that all clients are answered and get the next event, and no other."""
    monitor.emit("END", {"n": 1})
    for client in clients:
        assert (await client.receive())["event"] == "END"
        assert "return" in await client.execute("query-version")


@values
@pytest.mark.parametrize("place", ["loop", "thread"])
async def test_who_emits_it_gets_a_type_error(
    monitor: Monitor, connect: Connect, value: Callable[[], Any], place: str
) -> None:
    clients = [await connect(), await connect(oob=True)]
    if place == "loop":
        raised = emit_all(monitor, value())
    else:
        raised = await asyncio.to_thread(emit_all, monitor, value())
    assert raised == [TypeError] * len(EVENTS) * 2
    await still_well(monitor, *clients)


@values
@pytest.mark.parametrize("kind", ["sync", "async", "blocking"])
async def test_a_handler_that_emits_it_goes_on(
    monitor: Monitor, connect: Connect, value: Callable[[], Any], kind: str
) -> None:
    def work() -> int:
        return len(emit_all(monitor, value()))

    async def slow() -> int:
        await asyncio.sleep(0)
        return work()

    monitor.command("work", blocking=kind == "blocking")(slow if kind == "async" else work)
    client, other = await connect(), await connect()
    assert await client.execute("work") == {"return": len(EVENTS) * 2}
    await still_well(monitor, client, other)


@values
@pytest.mark.parametrize(
    ("kind", "is_oob"),
    [("sync", False), ("async", False), ("blocking", False), ("sync", True), ("async", True)],
)
async def test_a_handler_that_returns_it_fails(
    monitor: Monitor, connect: Connect, value: Callable[[], Any], kind: str, is_oob: bool
) -> None:
    def get() -> Any:
        return {"value": [value()]}

    async def slow() -> Any:
        await asyncio.sleep(0)
        return get()

    handler = slow if kind == "async" else get
    monitor.command("get", blocking=kind == "blocking", allow_oob=is_oob)(handler)
    client, other = await connect(oob=is_oob), await connect()
    for number in range(2):
        client.send({"exec-oob" if is_oob else "execute": "get", "id": number})
        answer = await client.receive()
        assert answer["id"] == number
        assert answer["error"]["desc"].startswith("Internal error in get: ")
    await still_well(monitor, client, other)


@values
async def test_where_output_is_held_to_a_schema(connect: Connect, value: Callable[[], Any]) -> None:
    monitor = Monitor(schema=declared(), checks_output=True)
    monitor.command("get")(value)
    listener = await monitor.listen("tcp:127.0.0.1:0", many=True)
    async with await RawClient.connect(listener.address) as client:
        with pytest.raises(TypeError):
            monitor.emit("STOP", {"value": value()})
        answer = await client.execute("get")
        assert answer["error"]["desc"].startswith("Internal error in get: ")
        assert "return" in await client.execute("query-version")
    monitor.shutdown()
    await monitor.wait_closed()


@pytest.mark.parametrize("data", [[1], "x", 5, object()], ids=lambda data: type(data).__name__)
async def test_data_is_an_object(monitor: Monitor, connect: Connect, data: Any) -> None:
    client = await connect()
    for name in EVENTS:
        with pytest.raises(TypeError, match="expected data as a dict"):
            monitor.emit(name, data)
    await still_well(monitor, client)


async def test_a_name_is_a_text(monitor: Monitor, connect: Connect) -> None:
    client = await connect()
    with pytest.raises(TypeError, match="found int, expected an event's name as a str"):
        monitor.emit(5)  # type: ignore[arg-type]  # the point
    await still_well(monitor, client)


async def test_an_event_is_what_it_was_when_it_was_emitted(
    monitor: Monitor, connect: Connect
) -> None:
    """Later changes to the same dict change no event, whenever it is sent."""
    client = await connect()
    listener = await monitor.listen("tcp:127.0.0.1:0", pretty=True)

    def count() -> None:
        data: dict[str, Any] = {"n": 0, "id": 2**70, "f": 0.1}
        for number in range(3):
            data["n"] = number
            monitor.emit("E", data)
        data["n"] = object()  # nobody may see it

    async with await RawClient.connect(listener.address, pretty=True) as reader:
        thread = threading.Thread(target=count)
        thread.start()
        thread.join(PATIENCE)  # the loop stands still meanwhile
        for number in range(3):
            expected = {"n": number, "id": 2**70, "f": 0.1}
            assert (await client.receive())["data"] == expected
            assert (await reader.receive(pretty=True))["data"] == expected
        await still_well(monitor, client)


async def test_without_anybody_there(monitor: Monitor) -> None:
    """The mistake shows before the first client comes."""
    with pytest.raises(TypeError, match="event STOP can't be written as JSON"):
        monitor.emit("STOP", {"value": object()})  # type: ignore[dict-item]  # the point


@pytest.mark.parametrize("value", WRITABLE.values(), ids=list(WRITABLE))
async def test_what_it_can_hold_is_sent(
    monitor: Monitor, connect: Connect, value: Callable[[], Any]
) -> None:
    client = await connect()
    monitor.command("get")(value)
    for name in EVENTS:
        monitor.emit(name, {"id": value(), "value": value()})
        assert name.encode() in await client.receive_bytes()
    client.send({"execute": "get"})
    assert (await client.receive_bytes()).startswith(b'{"return": ')
    await still_well(monitor, client)


async def test_a_text_that_is_too_long(
    monitor: Monitor, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WRITTEN_SIZE", 1_000_000)
    monitor.command("long")(lambda: "x" * 1_100_000)
    monitor.command("within")(lambda: "x" * 900_000)
    client = await connect()
    assert "is longer than 1000000 bytes" in (await client.execute("long"))["error"]["desc"]
    assert len((await client.execute("within"))["return"]) == 900_000
