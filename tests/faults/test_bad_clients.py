"""A monitor with clients that die, half-close, or send their requests in pieces."""

import asyncio
import fcntl
import json
import logging
import socket
import struct
import termios
import threading
from pathlib import Path

import pytest

from qmpeer.monitor import Monitor
from tests.monitor.conftest import Connect
from tests.monitor.raw_client import RawClient, until
from tests.patience import PATIENCE


def is_all_read(client: RawClient) -> bool:
    """Return whether the server has received everything that a client on a unix socket sent."""
    unread = fcntl.ioctl(client.sock, termios.TIOCOUTQ, b"\0\0\0\0")
    return unread == struct.pack("i", 0)


@pytest.mark.parametrize(
    "request_text",
    [
        '{"execute": "echo", "arguments": {"value": "q\\"\\u00e9\u00e9\U0001d11e"}, "id": [1, {}]}',
        "{'execute': 'echo', 'arguments': {'value': [1e2, -0.5, null, true, {'a': '}'}]}, 'id': 0}",
        '{\r\n    "execute": "echo",\r\n    "arguments": {\r\n        "value": 1\r\n    }\r\n}\r\n',
    ],
    ids=["double-quoted", "single-quoted", "pretty"],
)
async def test_requests_cut_at_every_byte(
    monitor: Monitor, connect: Connect, request_text: str
) -> None:
    monitor.command("echo")(lambda value: value)
    client = await connect()
    request = request_text.encode()
    client.send(request)
    expected = await client.receive()
    assert "return" in expected
    for cut in range(1, len(request)):
        client.send(request[:cut])
        await until(lambda: is_all_read(client))
        client.send(request[cut:])
        assert await client.receive() == expected
    for byte in request:
        client.send(bytes([byte]))
    assert await client.receive() == expected


@pytest.mark.parametrize("scheme", ["unix", "tcp"])
@pytest.mark.parametrize("is_oob", [False, True], ids=["in-band", "oob"])
async def test_a_half_closed_socket(
    monitor: Monitor, path: Path, scheme: str, is_oob: bool
) -> None:
    """Requests are answered, then the connection is closed, as in QEMU."""
    release = asyncio.Event()

    @monitor.command("slow")
    async def slow() -> str:
        await release.wait()
        return "slow"

    monitor.command("block", blocking=True)(lambda: "block")
    monitor.command("large")(lambda: "x" * 3_000_000)
    listener = await monitor.listen(path if scheme == "unix" else "tcp:127.0.0.1:0", many=True)
    names = ["slow", "block", "large", "slow"] * 5
    async with (
        await RawClient.connect(listener.address, oob=is_oob) as client,
        await RawClient.connect(listener.address) as other,
    ):
        client.send(*({"execute": name, "id": n} for n, name in enumerate(names)))
        client.sock.shutdown(socket.SHUT_WR)
        assert "return" in await other.execute("query-version")
        assert client.is_silent()
        release.set()
        for number, name in enumerate(names):
            answer = await client.receive()
            expected = "x" * 3_000_000 if name == "large" else name
            assert answer == {"return": expected, "id": number}
        assert await client.receive_rest() == b""
        await until(lambda: monitor.connections == 1)


async def test_a_half_close_without_anything_asked(monitor: Monitor, connect: Connect) -> None:
    client = await connect()
    client.sock.shutdown(socket.SHUT_WR)
    assert await client.receive_rest() == b""


@pytest.mark.parametrize("scheme", ["unix", "tcp"])
@pytest.mark.parametrize("ending", ["closed", "reset"])
async def test_a_client_killed_mid_reply(
    monitor: Monitor, path: Path, scheme: str, ending: str, caplog: pytest.LogCaptureFixture
) -> None:
    monitor.command("get")(lambda: "x" * 5_000_000)
    listener = await monitor.listen(path if scheme == "unix" else "tcp:127.0.0.1:0", many=True)
    other = await RawClient.connect(listener.address)
    for _ in range(3):
        client = await RawClient.connect(listener.address, oob=True)
        client.send(*[{"execute": "get"}] * 20)
        async with asyncio.timeout(PATIENCE):
            await asyncio.get_running_loop().sock_recv(client.sock, 1000)
        if ending == "reset" and scheme == "tcp":
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        await until(lambda: monitor.connections == 1)
        monitor.emit("STOP")
        assert (await other.receive())["event"] == "STOP"
    assert "return" in await other.execute("query-version")
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]
    other.close()


@pytest.mark.parametrize("kind", ["async", "blocking"])
async def test_a_client_killed_while_its_command_runs(
    monitor: Monitor, path: Path, kind: str
) -> None:
    entered, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def block() -> str:
        loop.call_soon_threadsafe(entered.set)
        assert release.wait(PATIENCE)
        return "theirs"

    async def slow() -> str:
        return await asyncio.to_thread(block)

    monitor.command("work", blocking=kind == "blocking")(slow if kind == "async" else block)
    await monitor.listen(path)
    client = await RawClient.connect(path)
    client.send({"execute": "work", "id": 1}, {"execute": "work", "id": 2})
    async with asyncio.timeout(PATIENCE):
        await entered.wait()
    client.close()
    async with await RawClient.dial(path) as following:
        assert "QMP" in await following.receive()
        release.set()
        assert await following.execute("qmp_capabilities") == {"return": {}}
        assert "qemu" in (await following.execute("query-version"))["return"]


async def test_garbage_ends_no_connection(monitor: Monitor, connect: Connect) -> None:
    client = await connect()
    for garbage in (b"\x00\x01\xfe\xff", b"GET / HTTP/1.1\r\n\r\n", b"]}" * 50, b"{" * 2000):
        await client.send_all(garbage + b"\xff\n")
        client.send({"execute": "query-version", "id": "after"})
        while (answer := await client.receive()).get("id") != "after":
            assert answer["error"]["class"] == "GenericError"
        assert "return" in answer


async def test_a_request_of_many_megabytes(monitor: Monitor, connect: Connect) -> None:
    @monitor.command("size")
    def size(value: str) -> int:
        return len(value)

    client, other = await connect(), await connect()
    text = json.dumps({"execute": "size", "arguments": {"value": "x" * 8_000_000}}).encode()
    sending = asyncio.create_task(client.send_all(text))
    assert "return" in await other.execute("query-version")
    await sending
    assert await client.receive() == {"return": 8_000_000}
