"""Opening and closing inside asyncio: serve, listen, attach, connect, shutdown."""

import asyncio
import errno
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from qmpeer.client import AsyncClient, Client
from qmpeer.monitor import Monitor
from qmpeer.transport import Address
from tests.monitor.conftest import Connect
from tests.monitor.raw_client import RawClient, until
from tests.patience import PATIENCE


async def listening(monitor: Monitor, count: int) -> Sequence[Address]:
    await until(lambda: len(monitor.listeners) == count)
    return [listener.address for listener in monitor.listeners]


@pytest.mark.ipv6
async def test_serve_on_several_addresses(monitor: Monitor, path: Path) -> None:
    serving = asyncio.create_task(monitor.serve(path, "tcp:127.0.0.1:0", "tcp:[::1]:0"))
    clients = [await RawClient.connect(address) for address in await listening(monitor, 3)]
    assert monitor.connections == 3
    monitor.emit("STOP")
    for client in clients:
        assert (await client.receive())["event"] == "STOP"
        assert "return" in await client.execute("query-version")
    monitor.shutdown()
    async with asyncio.timeout(PATIENCE):
        await serving
    for client in clients:
        assert await client.receive_rest() == b""
        client.close()
    assert not path.exists()
    assert monitor.connections == 0
    assert monitor.listeners == ()


async def test_a_cancelled_serve_closes(monitor: Monitor, path: Path) -> None:
    serving = asyncio.create_task(monitor.serve(path))
    await listening(monitor, 1)
    async with await RawClient.connect(path) as client:
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        assert not path.exists()
        assert await client.receive_rest() == b""


async def test_serve_that_cannot_listen_closes_the_rest(monitor: Monitor, path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError) as caught:
        await monitor.serve(path, f"tcp:127.0.0.1:{taken.getsockname()[1]}")
    assert caught.value.errno == errno.EADDRINUSE
    assert not path.exists()


async def test_an_open_port_is_refused(monitor: Monitor) -> None:
    with pytest.raises(PermissionError, match="insecure=True"):
        await monitor.listen("tcp:0.0.0.0:0")


@pytest.mark.parametrize("scheme", ["unix", "tcp"])
async def test_shutdown_in_a_handler(monitor: Monitor, path: Path, scheme: str) -> None:
    """As in QEMU: event, reply, end; commands pipelined behind it aren't answered."""
    executed: list[str] = []

    @monitor.command("quit")
    def quit_() -> None:
        monitor.emit("SHUTDOWN")
        monitor.shutdown()

    @monitor.command("note", allow_oob=True)
    def note(name: str) -> None:
        executed.append(name)

    serving = asyncio.create_task(monitor.serve(path if scheme == "unix" else "tcp:127.0.0.1:0"))
    address = (await listening(monitor, 1))[0]
    async with await RawClient.connect(address, oob=True) as client:
        client.send(
            {"execute": "quit", "id": 1},
            {"execute": "note", "arguments": {"name": "in-band"}},
            {"exec-oob": "note", "arguments": {"name": "out-of-band"}},
        )
        lines = (await client.receive_rest()).splitlines()
        assert b"SHUTDOWN" in lines[0]
        assert lines[1:] == [b'{"return": {}, "id": 1}']
        async with asyncio.timeout(PATIENCE):
            await serving
    assert executed == []
    assert not path.exists()


@pytest.mark.parametrize("kind", ["async", "blocking", "oob"])
async def test_shutdown_lets_what_runs_be_answered(
    monitor: Monitor, connect: Connect, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpeer.limits.CLOSE_TIMEOUT", 2 * PATIENCE)
    entered, release = asyncio.Event(), asyncio.Event()
    loop, let = asyncio.get_running_loop(), threading.Event()

    async def slow() -> str:
        entered.set()
        await release.wait()
        return "done"

    def block() -> str:
        loop.call_soon_threadsafe(entered.set)
        assert let.wait(PATIENCE)
        return "done"

    if kind == "blocking":
        monitor.command("work", blocking=True)(block)
    else:
        monitor.command("work", allow_oob=True)(slow)
    client, idle = await connect(oob=True), await connect()
    client.send({"exec-oob" if kind == "oob" else "execute": "work", "id": 1})
    async with asyncio.timeout(PATIENCE):
        await entered.wait()
    if kind != "oob":
        client.send({"execute": "query-version", "id": 2}, {"execute": "query-version"})
    monitor.shutdown()
    assert await idle.receive_rest() == b""
    client.send({"execute": "query-version", "id": 3})
    release.set()
    let.set()
    async with asyncio.timeout(PATIENCE):  # it doesn't wait for CLOSE_TIMEOUT
        assert await client.receive_rest() == b'{"return": "done", "id": 1}\r\n'
        await monitor.wait_closed()


async def test_shutdown_does_not_wait_for_ever(
    monitor: Monitor, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpeer.limits.CLOSE_TIMEOUT", 0.05)
    is_cancelled = asyncio.Event()

    @monitor.command("hang")
    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            is_cancelled.set()

    client = await connect()
    client.send({"execute": "hang"})
    await until(lambda: monitor._turns._tasks)
    monitor.shutdown()
    async with asyncio.timeout(PATIENCE):
        await monitor.wait_closed()
        assert await client.receive_rest() == b""
        await is_cancelled.wait()


async def test_shutdown_from_another_thread(monitor: Monitor, path: Path) -> None:
    serving = asyncio.create_task(monitor.serve(path))
    await listening(monitor, 1)
    async with await RawClient.connect(path) as client:
        thread = threading.Thread(target=monitor.shutdown)
        thread.start()
        assert await client.receive_rest() == b""
        async with asyncio.timeout(PATIENCE):
            await serving
        thread.join(PATIENCE)


async def test_shutdown_flushes_a_long_answer(monitor: Monitor, connect: Connect) -> None:
    @monitor.command("quit")
    def quit_() -> str:
        monitor.shutdown()
        return "x" * 3_000_000

    client = await connect()
    client.send({"execute": "quit"})
    assert len(await client.receive_rest()) == 3_000_000 + len('{"return": ""}\r\n')


async def test_shutdown_before_serve(path: Path) -> None:
    monitor = Monitor()
    monitor.shutdown()
    async with asyncio.timeout(PATIENCE):
        await monitor.serve(path)
    assert not path.exists()
    monitor.shutdown()


async def test_shutdown_twice_and_after_the_loop() -> None:
    monitor = Monitor()

    def run() -> None:
        async def main() -> None:
            await monitor.listen("tcp:127.0.0.1:0")
            monitor.shutdown()
            monitor.shutdown()
            await monitor.wait_closed()

        asyncio.run(main())
        monitor.shutdown()
        monitor.emit("STOP")

    async with asyncio.timeout(PATIENCE):
        await asyncio.to_thread(run)


# One client at a time, or many


async def test_the_next_client_waits_silently(monitor: Monitor, path: Path) -> None:
    """As in QEMU: one is served, two wait in the backlog, the fourth gets EAGAIN."""
    await monitor.listen(path)
    first = await RawClient.connect(path)
    second, third = await RawClient.dial(path), await RawClient.dial(path)
    with pytest.raises(BlockingIOError):
        await RawClient.dial(path)
    second.send({"execute": "qmp_capabilities"}, {"execute": "query-version", "id": "early"})
    for _ in range(3):
        assert "return" in await first.execute("query-version")
    assert second.is_silent()
    assert monitor.connections == 1
    first.close()
    assert "QMP" in await second.receive()
    assert await second.receive() == {"return": {}}
    assert (await second.receive())["id"] == "early"
    assert third.is_silent()
    second.close()
    await third.begin()
    third.close()


async def test_the_next_client_does_not_inherit_anything(monitor: Monitor, path: Path) -> None:
    await monitor.listen(path)
    first = await RawClient.connect(path, oob=True)
    first.send(b'{"execute": "unfini')
    assert first.is_silent()
    first.close()
    async with await RawClient.dial(path) as second:
        assert "QMP" in await second.receive()
        answer = await second.execute("query-version", id=1)
        assert "Expecting capabilities negotiation" in answer["error"]["desc"]
        assert await second.execute("qmp_capabilities") == {"return": {}}
        second.send({"exec-oob": "query-version"})
        assert "'exec-oob' is unexpected" in (await second.receive())["error"]["desc"]


async def test_many_clients(monitor: Monitor, path: Path) -> None:
    listener = await monitor.listen(path, many=True)
    clients = [await RawClient.connect(path) for _ in range(10)]
    assert monitor.connections == listener.clients == 10
    for client in clients:
        client.close()
    await until(lambda: monitor.connections == 0)
    assert listener.clients == 0


async def test_one_listener_waits_for_nobody_elses_client(monitor: Monitor, path: Path) -> None:
    await monitor.listen(path)
    other = await monitor.listen("tcp:127.0.0.1:0")
    async with await RawClient.connect(path), await RawClient.connect(other.address) as client:
        assert "return" in await client.execute("query-version")


# Sockets of others


async def test_attach_a_connected_socket(monitor: Monitor) -> None:
    ours, theirs = socket.socketpair()
    monitor.attach(ours)
    async with await AsyncClient.connect(theirs) as client:
        assert (await client.execute("query-version"))["qemu"]["major"] == 7
    await until(lambda: monitor.connections == 0)
    assert ours.fileno() == -1


@pytest.mark.parametrize("many", [False, True])
async def test_attach_a_listening_socket(monitor: Monitor, many: bool) -> None:
    sock = socket.create_server(("127.0.0.1", 0))
    address = f"tcp:127.0.0.1:{sock.getsockname()[1]}"
    monitor.attach(sock, many=many, pretty=True)
    async with await RawClient.connect(address, pretty=True), await RawClient.dial(address) as two:
        if many:
            await two.begin(pretty=True)
        else:
            assert two.is_silent()
    monitor.shutdown()
    await monitor.wait_closed()
    assert sock.fileno() == -1


async def test_dial_out(monitor: Monitor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepting = asyncio.create_task(asyncio.to_thread(Client.accept, server, timeout=PATIENCE))
        await monitor.connect(f"tcp:127.0.0.1:{server.getsockname()[1]}")
        client = await accepting
        assert (await asyncio.to_thread(client.execute, "query-version"))["package"] == "test"
        client.close()
    await until(lambda: monitor.connections == 0)


async def test_dialling_nobody(monitor: Monitor, path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await monitor.connect(path)
    assert monitor.connections == 0


async def test_a_stream_that_comes_too_late_is_closed(monitor: Monitor) -> None:
    await monitor.listen("tcp:127.0.0.1:0")
    monitor.shutdown()
    await monitor.wait_closed()
    ours, theirs = socket.socketpair()
    monitor.attach(ours)
    async with RawClient(theirs) as client:
        await client.receive_rest()
    await until(lambda: monitor.connections == 0)


@pytest.mark.parametrize("address", ["5555", "localhost", "127.0.0.1", "::1", "localhost:"])
async def test_half_of_an_address_opens_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monitor = Monitor()
    with pytest.raises(ValueError, match="expected"):
        Monitor().start(address)
    for open_at in (monitor.serve, monitor.listen, monitor.connect):
        with pytest.raises(ValueError, match="expected"):
            await open_at(address)
    with pytest.raises(TypeError, match="expected a socket or a character device; addr"):
        monitor.attach(address)  # type: ignore[arg-type]  # the point
    assert not list(tmp_path.iterdir())


async def test_closed_listeners_are_forgotten(monitor: Monitor) -> None:
    for _ in range(3):
        listener = await monitor.listen("tcp:127.0.0.1:0")
        assert monitor.listeners == (listener,)
        listener.close()
        assert not monitor.listeners
