"""Both loops, and a pair of streams on every transport."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from qmpeer.transport import Address, TcpAddress, UnixAddress
from qmpeer.transport.aio import (
    Stream,
    StreamHandler,
    open_stdio_stream,
    open_stream,
    start_listening,
)
from tests.patience import PATIENCE
from tests.transport.recorder import Recorder

try:
    import uvloop
except ImportError:  # an extra
    LOOPS = {"asyncio": asyncio.new_event_loop}
else:
    LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOPS


Pair = tuple[Recorder, Recorder]


def recorder(stream: Stream) -> StreamHandler:
    return Recorder(stream)


async def connected(address: Address) -> Pair:
    """A client's and a server's end, connected over a listener that is then closed."""
    server: asyncio.Future[Recorder] = asyncio.get_running_loop().create_future()

    def serve(stream: Stream) -> StreamHandler:
        server.set_result(Recorder(stream))
        return server.result()

    listener = await start_listening(address, serve)
    _, client = await open_stream(listener.address, recorder, timeout=PATIENCE)
    assert isinstance(client, Recorder)
    pair = client, await server
    listener.close()
    return pair


async def socketpair() -> Pair:
    one, other = [await open_stream(end, recorder, timeout=PATIENCE) for end in socket.socketpair()]
    assert isinstance(one[1], Recorder)
    assert isinstance(other[1], Recorder)
    return one[1], other[1]


async def pipes() -> tuple[Pair, list[int]]:
    (read_one, write_other), (read_other, write_one) = os.pipe(), os.pipe()
    _, one = await open_stdio_stream(recorder, read_one, write_one)
    _, other = await open_stdio_stream(recorder, read_other, write_other)
    assert isinstance(one, Recorder)
    assert isinstance(other, Recorder)
    return (one, other), [read_one, write_one, read_other, write_other]


async def close_pair(pair: Pair) -> None:
    for end in pair:
        end.stream.abort()
        await end.until_lost()
        for fd in end.fds:
            try:
                os.close(fd)
            except OSError:
                pass  # by the test


@pytest_asyncio.fixture
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Pair]:
    """Two connected streams; the kind of transport is the fixture's parameter."""
    fds: list[int] = []
    match request.param:
        case "unix":
            ends = await connected(UnixAddress(str(tmp_path / "s")))
        case "tcp":
            ends = await connected(TcpAddress("127.0.0.1", 0))
        case "socketpair":
            ends = await socketpair()
        case _:
            ends, fds = await pipes()
    yield ends
    await close_pair(ends)
    for fd in fds:
        os.close(fd)
