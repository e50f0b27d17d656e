"""Accepting: one client at a time as QEMU does, or many."""

import asyncio
import errno
import logging
import os
import resource
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from qmpeer import limits
from qmpeer.transport import dial, listen, raise_fd_limit
from qmpeer.transport.aio import Listener, Stream, StreamHandler, start_listening
from qmpeer.transport.listening import allowed_clients
from tests.patience import PATIENCE
from tests.transport.recorder import Recorder, spin


class Clients:
    """A handler factory that greets clients and keeps the handlers."""

    def __init__(self) -> None:
        self.handlers: list[Recorder] = []
        self._came = asyncio.Event()

    def __call__(self, stream: Stream) -> StreamHandler:
        stream.write(b"greeting")
        self.handlers.append(Recorder(stream))
        self._came.set()
        return self.handlers[-1]

    async def until(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.handlers) < count:
                self._came.clear()
                await self._came.wait()

    async def leave(self) -> None:
        for handler in self.handlers:
            handler.stream.abort()
            await handler.until_lost()


Start = Callable[..., Awaitable[tuple[Listener, Clients]]]


@pytest_asyncio.fixture(params=["unix", "tcp"])
async def start(request: pytest.FixtureRequest, tmp_path: Path) -> Start:
    async def start(**options: Any) -> tuple[Listener, Clients]:
        clients = Clients()
        address = f"unix:{tmp_path}/s" if request.param == "unix" else "tcp:127.0.0.1:0"
        return await start_listening(address, clients, **options), clients

    return start


async def receive(sock: socket.socket) -> bytes:
    sock.setblocking(False)
    async with asyncio.timeout(PATIENCE):
        return await asyncio.get_running_loop().sock_recv(sock, 100)


def has_input(sock: socket.socket) -> bool:
    sock.setblocking(False)
    try:
        return bool(sock.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False


async def test_how_a_listener_is_shown(start: Start) -> None:
    server, _ = await start(many=False)

    assert repr(server) == f"<Listener {server.address}>"
    server.close()


async def test_one_client_at_a_time_and_the_next_waits_silently(start: Start) -> None:
    server, clients = await start(many=False)
    first = dial(server.address, timeout=PATIENCE)
    assert await receive(first) == b"greeting"
    second = dial(server.address, timeout=PATIENCE)
    second.send(b"early")
    await spin()
    assert not has_input(second)
    assert (len(clients.handlers), server.clients) == (1, 1)
    first.close()
    await clients.handlers[0].until(lambda: clients.handlers[0].has_eof)
    await spin()
    assert not has_input(second)  # the stream is still ours to write to
    clients.handlers[0].stream.close()
    assert await receive(second) == b"greeting"
    assert await clients.handlers[1].until_data(5) == b"early"
    second.close()
    await clients.leave()
    server.close()


async def test_one_after_the_other(start: Start) -> None:
    server, clients = await start(many=False)
    for number in range(1, 21):
        with dial(server.address, timeout=PATIENCE) as sock:
            assert await receive(sock) == b"greeting"
        await clients.until(number)
        clients.handlers[-1].stream.close()
    await clients.leave()
    await spin()
    assert server.clients == 0
    server.close()


async def test_a_thousand_clients_at_once(start: Start) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4096:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    server, clients = await start(many=True)
    socks = [dial(server.address, timeout=PATIENCE) for _ in range(1000)]
    await clients.until(1000)
    assert server.clients == 1000
    for sock in socks:
        assert await receive(sock) == b"greeting"
        sock.close()
    await clients.leave()
    await spin()
    assert server.clients == 0
    server.close()


async def test_more_clients_than_there_may_be(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "LISTENER_CLIENTS", 3)
    server, clients = await start(many=True)
    socks = [dial(server.address, timeout=PATIENCE) for _ in range(5)]
    await clients.until(3)
    async with asyncio.timeout(PATIENCE):
        while "others wait" not in caplog.text:
            await asyncio.sleep(0)
    await spin()
    assert server.clients == 3
    assert sum("3 clients, others wait" in message for message in caplog.messages) == 1
    socks[0].close()
    await clients.until(4)
    assert await receive(socks[3]) == b"greeting"
    for sock in socks[1:]:
        sock.close()
    await clients.until(5)
    await clients.leave()
    server.close()


async def test_how_many_there_may_be_can_be_set(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """Reaching the limit is logged once, and again only after half of the clients have left."""

    def said() -> int:
        return sum("4 clients, others wait" in message for message in caplog.messages)

    server, clients = await start(many=True, max_clients=4)
    socks = [dial(server.address, timeout=PATIENCE) for _ in range(4)]
    await clients.until(4)
    assert said() == 1
    for number in range(5, 8):
        clients.handlers[number - 5].stream.abort()
        socks.append(dial(server.address, timeout=PATIENCE))
        await clients.until(number)
    waiting = dial(server.address, timeout=PATIENCE)
    await spin()
    assert (server.clients, said()) == (4, 1)
    assert not has_input(waiting)
    clients.handlers[3].stream.abort()
    assert await receive(waiting) == b"greeting"
    await clients.until(8)
    await clients.leave()
    socks += [dial(server.address, timeout=PATIENCE) for _ in range(4)]
    await clients.until(12)
    assert (server.clients, said()) == (4, 2)
    for sock in (*socks, waiting):
        sock.close()
    await clients.leave()
    server.close()


@pytest.mark.parametrize(("many", "most"), [(True, 0), (True, -1), (False, 5)])
async def test_a_number_of_clients_that_makes_no_sense(
    tmp_path: Path, many: bool, most: int
) -> None:
    with pytest.raises(ValueError, match=f"found max_clients={most}, expected many=True and 1 or"):
        await start_listening(tmp_path / "s", Clients(), many=many, max_clients=most)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("soft", "allowed"),
    [(resource.RLIM_INFINITY, 10_000), (1_000_000, 10_000), (1024, 960), (128, 64), (100, 10_000)],
)
def test_descriptors_allow_fewer(monkeypatch: pytest.MonkeyPatch, soft: int, allowed: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (soft, soft))
    assert allowed_clients(limits.LISTENER_CLIENTS) == allowed
    assert allowed_clients(10) == 10


async def test_the_limit_of_descriptors_may_change(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, clients = await start(many=True)
    socks = [dial(server.address, timeout=PATIENCE) for _ in range(3)]
    await clients.until(3)
    monkeypatch.setattr(resource, "getrlimit", lambda which: (8, 8))
    monkeypatch.setattr(limits, "SPARE_FDS", 4)
    socks += [dial(server.address, timeout=PATIENCE) for _ in range(3)]
    await clients.until(4)
    await spin()
    assert server.clients == 4
    monkeypatch.undo()
    socks.pop(0).close()
    await clients.until(6)
    for sock in socks:
        sock.close()
    await clients.leave()
    server.close()


@pytest.mark.parametrize(
    ("soft", "hard", "raised"),
    [
        (1024, 20_000, 1064),
        (1024, 1050, 1050),
        (1024, resource.RLIM_INFINITY, 1064),
        (5000, 20_000, None),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, None),
    ],
)
def test_the_soft_limit_is_raised_as_far_as_needed(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, raised: int | None
) -> None:
    raises: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda which, pair: raises.append(pair))
    raise_fd_limit(1000)
    assert raises == ([] if raised is None else [(raised, hard)])


async def test_closing_keeps_the_clients(start: Start) -> None:
    server, clients = await start(many=True)
    with dial(server.address, timeout=PATIENCE) as sock:
        await clients.until(1)
        assert not server.is_closed
        server.close()
        server.close()
        assert server.is_closed
        with pytest.raises(OSError) as found:
            dial(server.address, timeout=PATIENCE)
        assert found.value.errno in (errno.ENOENT, errno.ECONNREFUSED)
        sock.send(b"still here")
        assert await clients.handlers[0].until_data(10) == b"still here"
    await clients.leave()


async def test_a_handler_factory_that_fails_costs_one_client_only(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server, clients = await start(many=False)
    server.close()
    calls = 0

    def factory(stream: Stream) -> StreamHandler:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("by the test")
        return clients(stream)

    server = await start_listening(server.address, factory)
    with dial(server.address, timeout=PATIENCE) as sock:
        assert await receive(sock) == b""
    with dial(server.address, timeout=PATIENCE) as sock:
        assert await receive(sock) == b"greeting"
    assert "could not be served" in caplog.text
    await clients.leave()
    server.close()


async def test_out_of_descriptors(
    start: Start, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ACCEPT_PAUSE", 0)
    accept, accepts = Listener._accept, 0

    def count(self: Listener) -> None:
        nonlocal accepts
        accepts += 1
        accept(self)

    monkeypatch.setattr(Listener, "_accept", count)
    server, clients = await start(many=True)
    sock = dial(server.address, timeout=PATIENCE)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        async with asyncio.timeout(PATIENCE):
            while accepts < 5:
                await asyncio.sleep(0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert await receive(sock) == b"greeting"
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "Too many open files" in caplog.text
    sock.close()
    await clients.leave()
    server.close()


async def test_the_path_is_removed_at_close(tmp_path: Path) -> None:
    server = await start_listening(tmp_path / "s", Clients())
    assert str(server.address) == f"unix:{tmp_path}/s"
    assert (tmp_path / "s").exists()
    server.close()
    assert os.listdir(tmp_path) == []


async def test_a_path_that_is_anothers_now_is_left(tmp_path: Path) -> None:
    server = await start_listening(tmp_path / "s", Clients())
    (tmp_path / "s").unlink()
    (tmp_path / "s").write_text("another's")
    server.close()
    assert (tmp_path / "s").read_text() == "another's"


async def test_a_listening_socket_is_served(tmp_path: Path) -> None:
    clients = Clients()
    server = await start_listening(listen(tmp_path / "s"), clients)
    with dial(tmp_path / "s", timeout=PATIENCE) as sock:
        assert await receive(sock) == b"greeting"
    await clients.leave()
    server.close()
    assert not (tmp_path / "s").exists()


async def test_the_network_is_refused() -> None:
    with pytest.raises(PermissionError, match="insecure=True"):
        await start_listening("tcp::0", Clients())
    (await start_listening("tcp::0", Clients(), insecure=True)).close()


async def test_clients_have_names(start: Start) -> None:
    server, clients = await start(many=True)
    with dial(server.address, timeout=PATIENCE) as sock:
        await clients.until(1)
        peer = clients.handlers[0].stream.peer
        if sock.family == socket.AF_UNIX:
            assert peer == str(server.address)
        else:
            host, port = sock.getsockname()
            assert peer == f"tcp:{host}:{port}"
    await clients.leave()
    server.close()


async def test_backlog_of_one_as_qemu(tmp_path: Path) -> None:
    server = await start_listening(tmp_path / "s", clients := Clients())
    socks = [dial(tmp_path / "s", timeout=PATIENCE)]
    await clients.until(1)
    socks += [dial(tmp_path / "s", timeout=PATIENCE) for _ in range(2)]
    with pytest.raises(TimeoutError, match="queue is full"):
        dial(tmp_path / "s", timeout=0.02)
    for sock in socks:
        sock.close()
    await clients.leave()
    server.close()
