"""Hostile clients: floods, silence, garbage, huge requests. Others wait for the window only.

Modules: door, hub, multiplexer, server_connection, session.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from qmpeer import AsyncClient, limits
from qmpeer.chardev import Chardevs, Host, parse_chardev
from qmpeer.proxy import Proxy
from tests.patience import PATIENCE
from tests.proxy.modelled import ModelServer
from tests.proxy.proxied import Proxied
from tests.proxy.test_cuts import NEGOTIATION, Raw

WINDOW = 3
HOSTILE = 1_000_000
"""The first number of a hostile client's commands."""


class Place:
    """A model server, a proxy, and the path of its listener."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "proxy"
        self.server = ModelServer(Random(0), WINDOW)
        self.proxy = Proxy(self.server.sock, window=WINDOW)
        self.clients: list[Raw] = []

    def client(self, text: bytes = NEGOTIATION) -> Raw:
        client = Raw(self.path)
        client.sock.send(text)
        self.clients.append(client)
        return client

    async def until(self, is_true: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not is_true():
                await asyncio.sleep(0)


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path)
    await made.proxy.start()
    await made.proxy.listen(made.path)
    yield made
    for client in made.clients:
        client.sock.close()
    made.proxy.close()
    await made.proxy.wait_closed()
    made.server.close()


def _put(n: int, **more: Any) -> bytes:
    arguments = {"n": n, "key": "k", "value": n, "turns": 1, **more}
    return json.dumps({"execute": "put", "arguments": arguments, "id": n}).encode() + b"\n"


async def _answers(client: Raw, count: int) -> list[Any]:
    """Receive until so many answers with an id are there."""
    async with asyncio.timeout(PATIENCE):
        while client.received[-1:] != b"\n" or client.received.count(b'"id": ') < count:
            assert await client.receive(), "the connection ended"
    return [each for each in client.messages if "id" in each]


async def test_who_pipelines_delays_another_by_the_window_only(place: Place) -> None:
    greedy, modest = place.client(), place.client()
    for client in (greedy, modest):
        await client.receive_lines(2)
    loop = asyncio.get_running_loop()
    flood = b"".join(_put(HOSTILE + n) for n in range(10_000))
    sending = loop.create_task(loop.sock_sendall(greedy.sock, flood))
    loop.add_reader(greedy.sock, lambda: greedy.sock.recv(1 << 16))
    executed = place.server.executed
    await place.until(lambda: len(executed) > 20)
    for n in range(50):
        before = len(executed)
        modest.send(_put(n))
        await _answers(modest, n + 1)
        # What is at the server, and what comes in while the command is on its way.
        assert executed.index(n) - before <= 3 * WINDOW
    assert len(executed) < 2000
    loop.remove_reader(greedy.sock)
    greedy.sock.close()
    sending.cancel()


async def test_who_does_not_read_holds_up_nobody(place: Place) -> None:
    subscribers = [place.client() for _ in range(20)]
    silent = place.client()  # it never reads
    sender = place.client()  # it sends without reading
    assert not place.server.faults
    large = {"key": "k", "size": 300_000, "turns": 0}
    for client in (*subscribers, silent, sender):
        await client.receive_lines(2)
    for n in range(100):
        arguments = {"n": HOSTILE + n, **large}
        sender.send(json.dumps({"execute": "large", "arguments": arguments}).encode())
    for n in range(80):
        leaver = place.client()  # it leaves in the middle of a command
        leaver.send(_put(2 * HOSTILE + n)[: n % 90])
        leaver.sock.close()
        client = subscribers[n % len(subscribers)]
        place.server.emit()
        client.received = b""
        client.send(_put(n))
        await _answers(client, 1)
    executed = place.server.executed
    assert len([n for n in executed if HOSTILE <= n < 2 * HOSTILE]) < 100
    assert [n for n in executed if n < HOSTILE] == list(range(80))
    await place.until(lambda: place.proxy.clients == 22)


async def test_a_client_that_lets_events_wait_is_disconnected(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UNSENT_EVENTS", 20_000)
    reading, silent = place.client(), place.client()
    for client in (reading, silent):
        await client.receive_lines(2)
    request = {"execute": "large", "arguments": {"n": 1, "key": "k", "size": 3_000_000}}
    silent.send(json.dumps(request).encode())
    await place.until(lambda: 1 in place.server.executed)
    count = 0
    while place.proxy.clients == 2:
        place.server.emit()
        count += 1
        await reading.receive_lines(2 + count)
    numbers = [each["data"]["number"] for each in reading.messages if "event" in each]
    assert numbers == list(range(1, count + 1))


async def test_silent_clients(place: Place) -> None:
    crowd = [place.client(b"") for _ in range(400)]
    client = place.client(NEGOTIATION + _put(1))
    assert (await _answers(client, 1))[0]["return"]["n"] == 1
    assert place.proxy.clients == 401
    for each in crowd:
        each.sock.close()
    await place.until(lambda: place.proxy.clients == 1)
    client.send(_put(2))
    assert len(await _answers(client, 2)) == 2


async def test_a_client_that_never_negotiates(place: Place) -> None:
    client, other = place.client(_put(1) * 500), place.client(NEGOTIATION)
    assert {each["error"]["class"] for each in await _answers(client, 500)} == {"CommandNotFound"}
    await other.receive_lines(2)
    place.server.emit()
    await other.receive_lines(3)
    assert b"TICK" not in client.received
    assert place.server.executed == []


async def test_garbage(place: Place) -> None:
    random = Random(1)
    other = place.client()
    await other.receive_lines(2)
    for n in range(12):
        garbage = place.client(NEGOTIATION + random.randbytes(2000))
        other.send(_put(n))
        await _answers(other, n + 1)
        garbage.sock.close()
    assert place.server.executed == list(range(12))
    await place.until(lambda: place.proxy.clients == 1)


async def test_an_id_of_a_mebibyte(place: Place) -> None:
    client, other = place.client(), place.client()
    for each in (client, other):
        await each.receive_lines(2)
    id = "x" * (1 << 20)
    request = {"execute": "get", "arguments": {"n": 1, "key": "k"}, "id": id}
    loop = asyncio.get_running_loop()
    sending = loop.create_task(loop.sock_sendall(client.sock, json.dumps(request).encode()))
    other.send(_put(2))
    await _answers(other, 1)
    assert (await _answers(client, 1))[0]["id"] == id
    await sending


async def test_large_commands_of_a_busy_server_are_bounded(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A client whose commands wait takes no more memory than the listener has."""
    monkeypatch.setattr(limits, "LISTENER_MEMORY", 4_000_000)
    place.path = tmp_path / "small"
    await place.proxy.listen(place.path)
    blocker = place.client(NEGOTIATION)
    await blocker.receive_lines(2)
    blocker.send(_put(0, turns=1 << 30))
    sessions = place.proxy._hub.sessions
    loop = asyncio.get_running_loop()
    large = b"".join(_put(HOSTILE, filler="x" * 200_000) for _ in range(WINDOW))
    for _ in range(30):  # one after another, so that few requests are unfinished
        client = place.client()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await loop.sock_sendall(client.sock, large)
        last = [*sessions][-1]
        async with asyncio.timeout(PATIENCE):
            while last in sessions and len(last.requests) < WINDOW:
                await asyncio.sleep(0)
    assert place.proxy.clients <= 2 + 4_000_000 // len(large)
    assert place.proxy.clients > 3


@pytest.mark.parametrize(("option", "scheme"), [("", "tcp:"), ("websocket=on,", "ws://")])
async def test_other_listeners(place: Place, option: str, scheme: str) -> None:
    devices = Chardevs(Host(serves_many=True))
    text = f"socket,id=a,host=127.0.0.1,port=0,{option}server=on,wait=off"
    device = await devices.add_described(parse_chardev(text))
    place.proxy.attach(device, name="a")
    address = f"{scheme}127.0.0.1:{device.address.port}"  # type: ignore[attr-defined]
    clients = [await AsyncClient.connect(address) for _ in range(3)]
    try:
        mark = await clients[0].event_mark()
        place.server.emit()
        values = [
            await each.execute("put", {"n": n, "key": "a", "value": n})
            for n, each in enumerate(clients)
        ]
        assert [value["value"] for value in values] == [None, 0, 1]
        assert (await clients[0].wait_event("TICK", since=mark)).data == {"number": 1}
    finally:
        for each in clients:
            await each.close()
        devices.close()


async def test_a_client_of_telnet(place: Place) -> None:
    devices = Chardevs(Host(serves_many=True))
    text = "socket,id=a,host=127.0.0.1,port=0,telnet=on,server=on,wait=off"
    device = await devices.add_described(parse_chardev(text))
    place.proxy.attach(device, name="a")
    where = "127.0.0.1", device.address.port  # type: ignore[attr-defined]
    reader, writer = await asyncio.open_connection(*where)
    await reader.readline()
    writer.write(
        b"\xff\xfa\x18\x00vt100\xff\xf0" + NEGOTIATION + _put(1).replace(b"k", b"\xff\xf1k")
    )
    lines = [json.loads(await reader.readline()) for _ in range(2)]
    assert lines[1] == {"return": {"n": 1, "value": None, "events": 0}, "id": 1}
    writer.close()
    await writer.wait_closed()
    devices.close()


@pytest.mark.slow
async def test_requests_and_replies_of_64_mib(proxied: Proxied) -> None:
    """Both pass, and other clients are served meanwhile."""
    await proxied.start()
    proxied.server.answers = lambda command: (command.arguments or {}).get("text", "small")
    client, other = await proxied.client(), await proxied.client()
    text = "x" * (60 << 20)
    large = asyncio.ensure_future(client.execute("large", {"text": text}))
    count = 0
    while not large.done():
        assert await other.execute("query-name") == "small"
        count += 1
    assert await large == text
    assert count > 20
