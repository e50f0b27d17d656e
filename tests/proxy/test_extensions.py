"""Events by listener and by client, and the proxy's own commands where they are enabled.

Modules: event_history, extensions, merged_schema, session.
"""

import asyncio
import json
import socket
from typing import Any

import pytest

from qmpeer import AsyncClient
from qmpeer.errors import CommandError
from qmpeer.messages import CommandMessage, Event, Timestamp
from qmpeer.monitor import Reply
from qmpeer.monitor.raw_connection import RawConnection
from qmpeer.values import JsonValue
from tests.patience import PATIENCE
from tests.proxy.lines import NEGOTIATE, LineClient
from tests.proxy.proxied import Proxied, until

COMMANDS = ["__qmpeer_set-events", "__qmpeer_query-events"]


async def _open(proxied: Proxied, path: str | None = None, **options: Any) -> LineClient:
    """Return a new client: of a listener, or of a new one with these options."""
    client = await LineClient.open(path or await _listen(proxied, **options))
    proxied.clients.append(client)
    return client


async def _listen(proxied: Proxied, **options: Any) -> str:
    """Start a proxy with one more listener; return its path."""
    if proxied.proxy is None:
        await proxied.start()
        proxied.server.answers = _answer
    assert proxied.proxy is not None
    path = f"{proxied.folder}/listener-{len(list(proxied.folder.iterdir()))}"
    await proxied.proxy.listen(f"unix:{path}", **options)
    return path


def _answer(command: CommandMessage) -> JsonValue:
    match command.name:
        case "query-commands":
            return [{"name": "stop"}]
        case "query-qmp-schema":
            return [{"name": "0", "meta-type": "object", "members": []}]
    return command.name


def _emit(proxied: Proxied, *names: str) -> None:
    for name in names:
        proxied.server.deliver(Event(name, {}, Timestamp(1, 2)))


async def _names(client: LineClient, count: int) -> list[str]:
    return [(await client.read())["event"] for _ in range(count)]


# Filters


async def test_each_listener_has_its_events(proxied: Proxied) -> None:
    everything = await _open(proxied)
    some = await _open(proxied, events=["JOB_*", "STOP"])
    none = await _open(proxied, events=[])
    _emit(proxied, "STOP", "RESUME", "JOB_STATUS_CHANGE")
    assert await _names(everything, 3) == ["STOP", "RESUME", "JOB_STATUS_CHANGE"]
    assert await _names(some, 2) == ["STOP", "JOB_STATUS_CHANGE"]
    assert await none.ask("query-name") == "query-name"


async def test_a_client_chooses_its_events(proxied: Proxied) -> None:
    path = await _listen(proxied, events=["JOB_*", "STOP"], extensions=True)
    chooser, other = await _open(proxied, path), await _open(proxied, path)
    place = await chooser.ask(COMMANDS[0], patterns=["S*", "RESUME"], numbers=True)
    assert place["last"] == 0
    _emit(proxied, "JOB_STATUS_CHANGE", "STOP", "RESUME")
    event = await chooser.read()
    assert (event["event"], event["__qmpeer_number"]) == ("STOP", 2)
    assert await _names(other, 2) == ["JOB_STATUS_CHANGE", "STOP"]
    assert (await chooser.ask(COMMANDS[0]))["last"] == 3
    _emit(proxied, "JOB_STATUS_CHANGE")
    assert "__qmpeer_number" not in await chooser.read()
    await chooser.ask(COMMANDS[0], patterns=[])
    _emit(proxied, "STOP")
    assert await chooser.ask("query-name") == "query-name"


async def test_events_from_the_moment_of_negotiation(proxied: Proxied) -> None:
    path = await _listen(proxied)
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(path)
        stream.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_recv(stream, 4096)
        _emit(proxied, "BEFORE")
        watch = await _open(proxied, path)
        # Both can be read at the proxy's next look, first what was sent first.
        stream.send(NEGOTIATE)
        _emit(proxied, "SOON")
        assert isinstance(proxied.server.client, RawConnection)
        proxied.server.client.flush()
        assert await _names(watch, 1) == ["SOON"]
        received = b""
        async with asyncio.timeout(PATIENCE):
            while received.count(b"\n") < 2:
                received += await loop.sock_recv(stream, 4096)
    reply, event = map(json.loads, received.splitlines())
    assert (reply, event["event"]) == ({"return": {}}, "SOON")


# What a client has missed


async def test_a_client_comes_back(proxied: Proxied) -> None:
    path = await _listen(proxied, extensions=True)
    client = await _open(proxied, path)
    place = await client.ask(COMMANDS[0], numbers=True)
    _emit(proxied, "STOP")
    number = (await client.read())["__qmpeer_number"]
    await client.close()
    assert proxied.proxy is not None
    await until(lambda: proxied.proxy and proxied.proxy.clients == 0)
    _emit(proxied, "RESUME")
    proxied.server.deliver(Event("JOB", {"id": "j"}, Timestamp(3, 4)))
    watch = await _open(proxied, path)
    await until(lambda: proxied.proxy and proxied.proxy._hub._history.last == 3)
    client = await _open(proxied, path)
    found = await client.ask(COMMANDS[1], since=number, epoch=place["epoch"])
    assert found == {
        "epoch": place["epoch"],
        "last": 3,
        "lost": False,
        "more": False,
        "events": [
            {"number": 2, "event": "RESUME", "timestamp": {"seconds": 1, "microseconds": 2}},
            {
                "number": 3,
                "event": "JOB",
                "data": {"id": "j"},
                "timestamp": {"seconds": 3, "microseconds": 4},
            },
        ],
    }
    await watch.ask(COMMANDS[0], patterns=["JOB"])
    assert [each["number"] for each in (await watch.ask(COMMANDS[1], since=0))["events"]] == [3]


async def test_own_commands_keep_the_order(proxied: Proxied) -> None:
    """A filter counts for what happens after the commands before it, and not earlier."""
    client = await _open(proxied, extensions=True)
    proxied.server.answers = None
    client.send("stop")
    client.send(COMMANDS[0], patterns=[])
    client.send(COMMANDS[1], since=0)
    client.send("cont")
    await until(lambda: len(proxied.server.received) == 2)
    _emit(proxied, "STOP")
    proxied.server.answer("stopped")
    _emit(proxied, "RESUME")
    proxied.server.answer("goes on")
    assert (await client.read())["event"] == "STOP"
    assert await client.read() == {"return": "stopped"}
    assert (await client.read())["return"]["last"] == 1
    assert (await client.read())["return"]["events"] == []  # it has chosen none
    assert await client.read() == {"return": "goes on"}


# Where they are


async def test_where_they_are_listed(proxied: Proxied) -> None:
    with_them = await _open(proxied, extensions=True)
    without = await _open(proxied)
    for client, expected in ((without, []), (with_them, COMMANDS), (without, [])):
        names = [each["name"] for each in await client.ask("query-commands")]
        assert names == ["stop", *expected]
        for _ in range(2):  # the second time, the schema is known
            schema = await client.ask("query-qmp-schema")
            assert [each["name"] for each in schema if each["meta-type"] == "command"] == expected
            assert schema[0] == {"name": "0", "meta-type": "object", "members": []}


async def test_elsewhere_the_server_answers(proxied: Proxied) -> None:
    client = await _open(proxied)
    assert await client.ask(COMMANDS[0], patterns=7) == COMMANDS[0]
    assert proxied.server.received[-1].arguments == {"patterns": 7}


@pytest.mark.parametrize(
    ("name", "arguments", "desc"),
    [
        (COMMANDS[1], {}, "Parameter 'since' is missing"),
        (COMMANDS[1], {"since": "1"}, "Invalid parameter type for 'since', expected: integer"),
        (COMMANDS[1], {"since": 1, "x": 1}, "Parameter 'x' is unexpected"),
        (COMMANDS[0], {"patterns": "A"}, "Invalid parameter type for 'patterns', expected: array"),
        (
            COMMANDS[0],
            {"patterns": [1]},
            "Invalid parameter type for 'patterns[0]', expected: string",
        ),
        (COMMANDS[0], {"numbers": 1}, "Invalid parameter type for 'numbers', expected: boolean"),
        (
            COMMANDS[0],
            {"patterns": ["A|B"]},
            "Found 'A|B', expected the name of an event, in which * stands for any text",
        ),
    ],
    ids=str,
)
async def test_wrong_arguments(
    proxied: Proxied, name: str, arguments: dict[str, Any], desc: str
) -> None:
    client = await _open(proxied, extensions=True)
    assert await client.desc(name, **arguments) == desc


async def test_they_are_in_band_only(proxied: Proxied) -> None:
    path = await _listen(proxied, extensions=True)
    async with await AsyncClient.connect(f"unix:{path}") as client:
        with pytest.raises(CommandError, match="does not support OOB"):
            await client.execute(COMMANDS[0], oob=True)
        assert await client.execute("query-name", oob=True) == "query-name"


async def test_a_client_leaves_with_an_own_command_open(proxied: Proxied) -> None:
    client = await _open(proxied, extensions=True)
    proxied.server.answers = None
    client.send("slow")
    client.send(COMMANDS[0], numbers=True)
    await until(lambda: proxied.server.received)
    await client.close()
    await until(lambda: proxied.proxy and proxied.proxy.clients == 0)
    proxied.server.answer()
    proxied.server.answers = _answer
    other = await _open(proxied, extensions=True)
    assert await other.ask("query-name") == "query-name"


async def test_bad_names_of_events(proxied: Proxied) -> None:
    proxy = await proxied.start()
    for events in (["A B"], "STOP"):
        with pytest.raises(ValueError, match="expected"):
            await proxy.listen(f"unix:{proxied.folder}/x", events=events)


# Clients that don't read


async def test_a_client_that_never_reads(proxied: Proxied) -> None:
    path = await _listen(proxied)
    deaf, reading = await _open(proxied, path), await _open(proxied, path)
    deaf.stop_reading()
    large = Event("LARGE", {"text": "x" * 60_000})
    for number in range(120):
        proxied.server.deliver(large)
        assert (await reading.read())["event"] == "LARGE"
        if number == 40:
            assert proxied.proxy is not None
            assert proxied.proxy.clients == 2
    await until(lambda: proxied.proxy and proxied.proxy.clients == 1)
    assert await reading.ask("query-name") == "query-name"


async def test_events_and_answers_in_the_servers_order(proxied: Proxied) -> None:
    client = await _open(proxied)
    proxied.server.answers = None
    client.send("stop")
    await until(lambda: proxied.server.received)
    stop = proxied.server.received[0]
    first, last = (Event(name, {}, Timestamp(1, 2)) for name in ("FIRST", "LAST"))
    proxied.server._open.clear()
    proxied.server.deliver(first, Reply(stop, {}), last)
    found = [next(iter({"event", "return"} & (await client.read()).keys())) for _ in range(3)]
    assert found == ["event", "return", "event"]
