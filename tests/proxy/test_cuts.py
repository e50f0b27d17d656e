"""Connections that are cut after each byte, on both sides: nobody hangs, and nothing is left.

Modules: door, hub, multiplexer, server_connection, session.
"""

import asyncio
import gc
import json
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import pytest

from qmpeer import limits
from qmpeer.errors import QMPError
from qmpeer.proxy import Proxy
from tests.monitor.conftest import LOOPS
from tests.patience import PATIENCE
from tests.proxy.conversations import GREETING
from tests.proxy.modelled import ModelServer

ON_EACH_LOOP = pytest.mark.parametrize(
    # uvloop notices a client that has left in the middle of a request after limits.HANGUP_CHECK.
    "loop",
    ["asyncio", *(pytest.param(name, marks=pytest.mark.slow) for name in [*LOOPS][1:])],
)

NEGOTIATION = b'{"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}'
TALK = (
    NEGOTIATION
    + b'{"execute": "emit", "id": "\xc3\xa9", "arguments": {"n": 1, "key": "a", "turns": 3}}'
    + b'{"exec-oob": "peek", "id": [1, 2], "arguments": {"n": 2, "key": "b"}}'
    + b'{"execute": "put", "arguments": {"n": 3, "key": "a", "value": 1, "turns": 2}}\n'
    + b'{"execute": "query-version"}'
    + b'{"execute": "get", "arguments": {"n": 4, "key": "a"}}\r\n'
)
FIRST_ID = 1_000_000_000
BEGINNING = len(json.dumps(GREETING) + json.dumps({"return": {}, "id": FIRST_ID})) + 4
"""The bytes of a server until it has negotiated."""
RESPONSES = 6
"""The responses to that talk."""
EXECUTED = 8
"""The numbered commands of two such talks."""
ROUNDS = 10_000
AT_ONCE = 50
OUTCOMES = (
    "The connection to the server has ended, so the outcome of ",
    "wasn't sent: the connection to the server has ended: ",
)


class Raw:
    """A client of bare bytes."""

    def __init__(self, path: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.setblocking(False)
        self.sock.connect(str(path))
        self.received = b""

    def send(self, data: bytes) -> None:
        assert self.sock.send(data) == len(data)

    async def receive(self) -> bool:
        """Receive bytes; return False at the end."""
        try:
            data = await self._loop.sock_recv(self.sock, 1 << 16)
        except ConnectionResetError:
            return False
        self.received += data
        return bool(data)

    async def receive_lines(self, count: int) -> list[Any]:
        while self.received.count(b"\n") < count:
            assert await self.receive(), "the connection ended"
        return self.messages

    @property
    def messages(self) -> list[Any]:
        return [json.loads(line) for line in self.received.splitlines()]


class ShortServer(ModelServer):
    """A server that leaves once it has sent so many bytes, or answered two such talks."""

    def __init__(self, random: Random, window: int, size: int | None) -> None:
        self._left = size
        super().__init__(random, window)

    def _flush(self) -> None:
        if self._left is not None:
            del self._output[self._left :]
            self._left -= len(self._output)
            data = bytes(self._output)
            self._output.clear()
            self._is_flush_due = False
            self._sock.sendall(data)
            if not self._left or (len(self.executed) == EXECUTED and self.is_idle):
                self.close()
        else:
            super()._flush()

    def _send(self, message: dict[str, Any]) -> None:
        if self._sock.fileno() >= 0:
            super()._send(message)


def _run(loop: str, main: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        faults: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
        async with asyncio.timeout(PATIENCE):
            await main()
        assert faults == []

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(bounded())


async def _until(is_true: Callable[[], object]) -> None:
    while not is_true():
        await asyncio.sleep(0)


class Bench:
    """A model server, a proxy in front of it, and a client that stays."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "proxy"
        self.server = ModelServer(Random(0), 4)
        self.proxy = Proxy(self.server.sock)
        self._count = 0

    async def __aenter__(self) -> "Bench":
        await self.proxy.start()
        await self.proxy.listen(self.path)
        self._staying = Raw(self.path)
        self._staying.send(NEGOTIATION)
        await self._staying.receive_lines(2)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._staying.sock.close()
        self.proxy.close()
        await self.proxy.wait_closed()
        self.server.close()

    async def check(self) -> None:
        """Check that the client that stays is served, and that nothing is left of others."""
        self._count += 1
        self._staying.received = b""
        arguments = {"n": self._count, "key": "mine", "value": self._count}
        request = {"execute": "put", "id": self._count, "arguments": arguments}
        self._staying.send(json.dumps(request).encode())
        while True:
            await self._staying.receive()
            if self._staying.received[-1:] != b"\n":
                continue
            answers = [each for each in self._staying.messages if "event" not in each]
            if answers:
                break
        assert [answer["id"] for answer in answers] == [self._count]
        assert answers[0]["return"]["value"] == (self._count - 1 or None)
        await _until(lambda: self.proxy.clients == 1 and self.server.is_idle)
        hub = self.proxy._hub
        server = hub.server
        assert server is not None
        await _until(lambda: not server.session.commands_in_flight)
        assert (hub._multiplexer.in_flight, len(hub._multiplexer._turns)) == (0, 0)
        assert (len(hub._deadlines._requests), len(hub.sessions)) == (0, 1)


@ON_EACH_LOOP
def test_a_client_is_cut_off_after_each_byte(loop: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with Bench(tmp_path) as bench:
            for size in range(len(TALK) + 1):
                client = Raw(bench.path)
                client.send(TALK[:size])
                if size % 3:
                    await asyncio.sleep(0)
                client.sock.close()
                await bench.check()

    _run(loop, main)


@ON_EACH_LOOP
def test_a_client_leaves_after_each_byte_that_it_gets(loop: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with Bench(tmp_path) as bench:
            whole = Raw(bench.path)
            whole.send(TALK)
            await whole.receive_lines(1 + RESPONSES + 1)
            size = len(whole.received)
            whole.sock.close()
            for count in range(0, size, 3):
                client = Raw(bench.path)
                client.send(TALK)
                while len(client.received) < count:
                    data = await asyncio.get_running_loop().sock_recv(
                        client.sock, count - len(client.received)
                    )
                    assert data
                    client.received += data
                client.sock.close()
                await bench.check()

    _run(loop, main)


@ON_EACH_LOOP
def test_a_client_with_descriptors_is_cut_off_after_each_byte(loop: str, tmp_path: Path) -> None:
    text = (
        b'{"execute": "getfd", "arguments": {"fdname": "a", "turns": 2}}'
        b'{"execute": "put", "arguments": {"n": 7, "key": "b", "value": 1}}'
        b'{"execute": "getfd", "arguments": {"fdname": "b"}}'
    )

    async def main() -> None:
        async with Bench(tmp_path) as bench:
            before = len(os.listdir("/proc/self/fd"))
            null = os.open(os.devnull, os.O_RDONLY)
            for size in range(1, len(text) + 1):
                client = Raw(bench.path)
                client.send(NEGOTIATION)
                socket.send_fds(client.sock, [text[:size]], [null, null])
                for _ in range(size % 12):
                    await asyncio.sleep(0)
                client.sock.close()
                await bench.check()
                # What it has passed to the server is closed, by a command of the proxy's own.
                await _until(lambda: not bench.server.model.fds and bench.server.is_idle)
            os.close(null)
            assert len(os.listdir("/proc/self/fd")) == before
            assert bench.server.model.closed > 10

    _run(loop, main)


async def _server_cut_after(size: int, path: Path) -> bool:
    """Cut the server's connection after so many bytes; return True if all was answered before."""
    server = ShortServer(Random(0), 4, size)
    proxy = Proxy(server.sock, timeout=PATIENCE)
    await proxy.listen(path)
    try:
        with patch("random.randrange", lambda start, end: FIRST_ID):  # the length counts
            await proxy.start()
    except QMPError:
        assert size <= BEGINNING
        proxy.close()
        await proxy.wait_closed()
        return False
    assert size > BEGINNING
    clients = [Raw(path), Raw(path)]
    for client in clients:
        client.send(TALK)
    for client in clients:
        while await client.receive():
            pass
        client.sock.close()
    await proxy.wait_closed()
    server.close()
    assert proxy.end_reason is not None
    is_whole = True
    for client in clients:
        messages = [each for each in client.messages[1:] if "event" not in each]
        # The out-of-band response may be anywhere; the others are in order.
        in_band = [each for each in messages if each.get("id") != [1, 2]]
        assert len(messages) == RESPONSES, messages
        assert in_band[0] == {"return": {}}
        assert in_band[1]["id"] == "é"
        for message in messages[1:]:
            if "error" in message:
                is_whole = False
                assert any(text in message["error"]["desc"] for text in OUTCOMES), message
    return is_whole


@pytest.mark.parametrize(
    ("loop", "step"),
    [("asyncio", 5), *(pytest.param(name, 1, marks=pytest.mark.slow) for name in LOOPS)],
)
def test_the_server_is_cut_off_after_each_byte(loop: str, step: int, tmp_path: Path) -> None:
    """The short form cuts it after each fifth byte."""
    sizes: list[int] = []

    async def main() -> None:
        is_whole = False
        while not is_whole:
            sizes.append(step * len(sizes))
            is_whole = await _server_cut_after(sizes[-1], tmp_path / f"{sizes[-1]}")

    _run(loop, main)
    assert sizes[-1] > 700


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_memory_is_flat(loop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PROXY_EVENTS", 8)  # soon full

    async def main() -> None:
        random = Random(0)
        sizes: list[tuple[int, int]] = []
        async with Bench(tmp_path) as bench:
            for number in range(ROUNDS // AT_ONCE):
                clients = [Raw(bench.path) for _ in range(AT_ONCE)]
                for client in clients:
                    client.send(TALK[: random.randrange(len(TALK) + 1)])
                for client in clients:
                    if not random.randrange(8):
                        await asyncio.sleep(0)
                    client.sock.close()
                await bench.check()
                if number % (ROUNDS // AT_ONCE // 5) == 0:
                    gc.collect()
                    sizes.append((len(gc.get_objects()), len(os.listdir("/proc/self/fd"))))
            assert len(asyncio.all_tasks()) == 1
        objects, descriptors = zip(*sizes[1:], strict=True)
        assert max(objects) - min(objects) < 200, sizes
        assert len({*descriptors}) == 1, sizes

    _run(loop, main)
