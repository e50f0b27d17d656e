"""The order of in-band, out-of-band, async and blocking handlers of several clients."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from qmpeer import limits
from qmpeer.monitor import Monitor
from tests.monitor.conftest import Connect
from tests.monitor.raw_client import RawClient, until
from tests.patience import PATIENCE


class Gate:
    """Handlers that end when the test allows it; `entered` lists those that began."""

    def __init__(self, monitor: Monitor) -> None:
        self.open = asyncio.Event()
        self.released = threading.Event()
        self.entered: list[str] = []
        monitor.command("slow")(self.slow)
        monitor.command("slow-oob", allow_oob=True)(self.slow)
        monitor.command("block", exclusive=True)(self.block)
        monitor.command("note")(self.note)
        monitor.command("note-oob", allow_oob=True)(self.note)

    async def slow(self, name: str = "slow") -> str:
        self.entered.append(name)
        async with asyncio.timeout(PATIENCE):
            await self.open.wait()
        return name

    def block(self, name: str = "block") -> str:
        self.entered.append(name)
        assert self.released.wait(PATIENCE)
        return name

    def note(self, name: str) -> str:
        self.entered.append(name)
        return name


@pytest.fixture
def gate(monitor: Monitor) -> Iterator[Gate]:
    gate = Gate(monitor)
    yield gate
    gate.open.set()
    gate.released.set()


def execute(
    command: str, id: object = None, verb: str = "execute", /, **arguments: object
) -> object:
    return {verb: command, "arguments": arguments, "id": id}


async def test_replies_keep_the_order_of_commands(connect: Connect, gate: Gate) -> None:
    for oob in (False, True):
        client = await connect(oob=oob)
        client.send(
            execute("slow", 1),
            execute("note", 2, name="n"),
            b"[]",
            execute("nope", 3),
            execute("note", 4, name="m"),
            b"{'execute':zz}\n",
            execute("note", 5, name="o"),
        )
        gate.open.set()
        answers = [await client.receive() for _ in range(7)]
        assert [answer.get("id", answer.get("error", {}).get("desc")) for answer in answers] == [
            1,
            2,
            "QMP input must be a JSON object",
            3,
            4,
            "JSON parse error, invalid keyword 'zz'",
            5,
        ]


async def test_an_async_handler_keeps_back_its_own_client_only(
    connect: Connect, gate: Gate
) -> None:
    client, other = await connect(oob=True), await connect()
    client.send(execute("slow", 1), execute("note", 2, name="late"))
    await until(lambda: gate.entered)
    assert await other.execute("note", {"name": "other"}) == {"return": "other"}
    assert client.is_silent()
    gate.open.set()
    assert [(await client.receive())["id"] for _ in range(2)] == [1, 2]
    assert gate.entered == ["slow", "other", "late"]


async def test_an_exclusive_handler_holds_all_in_band(connect: Connect, gate: Gate) -> None:
    client, other, oob = await connect(), await connect(), await connect(oob=True)
    client.send(execute("block", 1), execute("note", 2, name="a"))
    await until(lambda: gate.entered)
    other.send(execute("note", 3, name="b"))
    oob.send(execute("note", 4, name="c"), execute("note-oob", 5, "exec-oob", name="d"))
    assert await oob.receive() == {"return": "d", "id": 5}
    assert client.is_silent()
    assert other.is_silent()
    gate.released.set()
    assert [(await client.receive())["id"] for _ in range(2)] == [1, 2]
    assert (await other.receive())["id"] == 3
    assert (await oob.receive())["id"] == 4
    assert gate.entered[:2] == ["block", "d"]


async def test_exclusive_handlers_take_turns(connect: Connect, gate: Gate) -> None:
    clients = [await connect(oob=True) for _ in range(3)]
    for index, client in enumerate(clients):
        client.send(*(execute("block", n, name=f"{index}{n}") for n in range(3)))
    gate.released.set()
    for client in clients:
        assert [(await client.receive())["id"] for _ in range(3)] == [0, 1, 2]
    assert gate.entered == ["00", "10", "20", "01", "11", "21", "02", "12", "22"]


async def test_connections_are_served_in_turn(connect: Connect, gate: Gate) -> None:
    blocker, one, two = await connect(), await connect(oob=True), await connect(oob=True)
    blocker.send(execute("block"))
    await until(lambda: gate.entered)
    for client, letter in ((one, "a"), (two, "b")):
        client.send(*(execute("note", n, name=f"{letter}{n}") for n in range(3)))
        client.send(execute("note-oob", "x", "exec-oob", name="read"))
        assert (await client.receive())["id"] == "x"
    gate.released.set()
    await two.receive()
    await until(lambda: len(gate.entered) == 9)
    assert gate.entered[3:] == ["a0", "b0", "a1", "b1", "a2", "b2"]


@pytest.mark.parametrize("blocker", ["slow", "block"])
async def test_out_of_band_overtakes(connect: Connect, gate: Gate, blocker: str) -> None:
    client = await connect(oob=True)
    client.send(
        execute(blocker, 1),
        execute("note", 2, name="late"),
        execute("note-oob", 3, "exec-oob", name="x"),
        execute("note-oob", 4, "exec-oob"),
        execute("nope", 5, "exec-oob"),
        execute("note", 6, "exec-oob", name="x"),
        execute("qmp_capabilities", 7, "exec-oob"),
    )
    answers = [await client.receive() for _ in range(5)]
    assert answers[0] == {"return": "x", "id": 3}
    assert [answer["id"] for answer in answers] == [3, 4, 5, 6, 7]
    assert [answer["error"] for answer in answers[1:]] == [
        {"class": "GenericError", "desc": "Parameter 'name' is missing"},
        {"class": "CommandNotFound", "desc": "The command nope has not been found"},
        {"class": "GenericError", "desc": "The command note does not support OOB"},
        {"class": "GenericError", "desc": "The command qmp_capabilities does not support OOB"},
    ]
    gate.open.set()
    gate.released.set()
    assert [(await client.receive())["id"] for _ in range(2)] == [1, 2]


async def test_out_of_band_needs_negotiation(connect: Connect, gate: Gate) -> None:
    client = await connect()
    client.send(execute("note-oob", 1, "exec-oob", name="x"))
    assert await client.receive() == {
        "id": 1,
        "error": {"class": "GenericError", "desc": "QMP input member 'exec-oob' is unexpected"},
    }
    assert not gate.entered


async def test_an_async_out_of_band_handler_keeps_nobody_back(connect: Connect, gate: Gate) -> None:
    client = await connect(oob=True)
    client.send(
        execute("slow-oob", 1, "exec-oob"),
        execute("note", 2, name="a"),
        execute("note-oob", 3, "exec-oob", name="b"),
    )
    assert [(await client.receive())["id"] for _ in range(2)] == [2, 3]
    gate.open.set()
    assert (await client.receive())["id"] == 1


async def test_the_ninth_in_flight_stops_the_reading(connect: Connect, gate: Gate) -> None:
    client = await connect(oob=True)
    size = limits.IN_BAND_QUEUE
    client.send(execute("slow", 0), execute("block", 1))
    client.send(*(execute("note", n, name=str(n)) for n in range(2, size)))
    client.send(execute("note-oob", "x", "exec-oob", name="x"))
    assert (await client.receive())["id"] == "x"
    client.send(execute("note", size, name=str(size)))
    client.send(execute("note-oob", "y", "exec-oob", name="y"))
    other = await connect()
    assert "return" in await other.execute("query-version")
    assert client.is_silent()
    gate.open.set()
    assert [(await client.receive())["id"] for _ in range(2)] == [0, "y"]
    gate.released.set()
    assert [(await client.receive())["id"] for _ in range(size)] == list(range(1, size + 1))


async def test_without_out_of_band_one_command_is_admitted(connect: Connect, gate: Gate) -> None:
    client, other = await connect(), await connect()
    client.send(*(execute("slow", n, name=str(n)) for n in range(20)))
    assert "return" in await other.execute("query-version")
    assert gate.entered == ["0"]
    gate.open.set()
    assert [(await client.receive())["id"] for _ in range(20)] == list(range(20))


async def test_the_reply_of_a_client_that_left_goes_to_nobody(
    monitor: Monitor, connect: Connect, gate: Gate
) -> None:
    leaver, stayer = await connect(), await connect()
    leaver.send(execute("block", "theirs", name="first"), execute("note", "queued", name="never"))
    await until(lambda: gate.entered)
    leaver.close()
    async with await RawClient.dial(monitor.listeners[0].address) as newcomer:
        assert "QMP" in await newcomer.receive()
        gate.released.set()
        assert await newcomer.execute("qmp_capabilities") == {"return": {}}
        assert await newcomer.execute("note", {"name": "n"}, id=1) == {"return": "n", "id": 1}
    assert await stayer.execute("note", {"name": "s"}, id=1) == {"return": "s", "id": 1}
    await until(lambda: monitor.connections == 1)
    assert "never" not in gate.entered


async def test_many_out_of_band_commands_at_once(connect: Connect, gate: Gate) -> None:
    client = await connect(oob=True)
    count = limits.OOB_RUNNING + 10
    client.send(*(execute("slow-oob", n, "exec-oob", name=str(n)) for n in range(count)))
    await until(lambda: len(gate.entered) == limits.OOB_RUNNING)
    assert "return" in await (await connect()).execute("query-version")
    assert len(gate.entered) == limits.OOB_RUNNING
    gate.open.set()
    assert sorted([(await client.receive())["id"] for _ in range(count)]) == list(range(count))
