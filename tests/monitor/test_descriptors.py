"""Descriptors that clients send: the last set is kept, nothing leaks."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from qmpeer import limits
from qmpeer.client import AsyncClient
from qmpeer.monitor import Context, Monitor
from qmpeer.values import JsonObject
from tests.monitor.conftest import Connect
from tests.monitor.raw_client import until


def open_fds() -> int:
    return len(os.listdir("/proc/self/fd"))


class Taker:
    """A backend whose command takes the descriptors and returns the file behind each."""

    def __init__(self, monitor: Monitor) -> None:
        monitor.command("take")(self.take)
        monitor.command("pass")(lambda: None)

    def take(self, *, context: Context) -> list[int]:
        inodes = []
        for fd in context.take_fds():
            inodes.append(os.fstat(fd).st_ino)
            assert not os.get_inheritable(fd)
            os.close(fd)
        return inodes


@pytest_asyncio.fixture
async def taker(monitor: Monitor) -> AsyncIterator[Taker]:
    yield Taker(monitor)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[list[int]]:
    files = [(tmp_path / str(n)).open("w") for n in range(4)]
    yield [file.fileno() for file in files]
    for file in files:
        file.close()


def inode(fd: int) -> int:
    return os.fstat(fd).st_ino


async def test_none(connect: Connect, taker: Taker) -> None:
    client = await connect()
    assert await client.execute("take") == {"return": []}


async def test_with_the_command_and_before_it(
    connect: Connect, taker: Taker, files: list[int]
) -> None:
    client = await connect()
    client.send({"execute": "take"}, fds=files[:2])
    assert await client.receive() == {"return": [inode(fd) for fd in files[:2]]}
    assert await client.execute("take") == {"return": []}
    client.send({"execute": "pass"}, fds=files[2:3])
    assert await client.receive() == {"return": {}}
    assert await client.execute("take") == {"return": [inode(files[2])]}


async def test_the_last_set_replaces_the_others(
    connect: Connect, taker: Taker, files: list[int]
) -> None:
    client, other = await connect(), await connect()
    before = open_fds()
    for fd in files:
        client.send({"execute": "pass"}, fds=[fd, fd])
        await client.receive()
    assert open_fds() == before + 2
    assert await other.execute("take") == {"return": []}
    assert await client.execute("take") == {"return": [inode(files[-1])] * 2}
    assert open_fds() == before


async def test_those_of_a_client_that_leaves_are_closed(
    monitor: Monitor, connect: Connect, taker: Taker, files: list[int]
) -> None:
    await (await connect()).execute("pass")
    before = open_fds()
    client = await connect()
    client.send({"execute": "pass"}, fds=files)
    await client.receive()
    assert open_fds() == before + 2 + len(files)
    client.close()
    await until(lambda: monitor.connections == 1)
    assert open_fds() == before


async def test_those_of_a_client_that_leaves_while_its_command_runs(
    monitor: Monitor, connect: Connect, files: list[int]
) -> None:
    entered, release, taken = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @monitor.command("slow")
    async def slow(*, context: Context) -> None:
        entered.set()
        await release.wait()
        assert context.take_fds() == []
        taken.set()

    await (await connect()).execute("query-version")
    before = open_fds()
    client = await connect()
    client.send({"execute": "slow"}, fds=files)
    await entered.wait()
    client.close()
    await until(lambda: monitor.connections == 1)
    assert open_fds() == before
    release.set()
    await taken.wait()


async def test_no_more_than_the_limit(
    monkeypatch: pytest.MonkeyPatch, connect: Connect, taker: Taker, files: list[int]
) -> None:
    monkeypatch.setattr(limits, "RECEIVED_FDS", 3)
    client = await connect()
    before = open_fds()
    client.send({"execute": "take"}, fds=files * 2)
    assert await client.receive() == {"return": [inode(fd) for fd in files[:3]]}
    assert open_fds() == before


async def test_with_our_own_client(
    monitor: Monitor, path: Path, taker: Taker, files: list[int]
) -> None:
    await monitor.listen(path)
    async with await AsyncClient.connect(path) as client:
        sent = [client.execute("take", fds=[fd]) for fd in files]
        assert await asyncio.gather(*sent) == [[inode(fd)] for fd in files]
        large: JsonObject = {"a": "x" * 300_000}
        with pytest.raises(Exception, match="unexpected"):
            await client.execute("take", large, fds=files[:1])
        assert await client.execute("take") == [inode(files[0])]


async def test_a_whole_life_leaks_nothing(path: Path, files: list[int]) -> None:
    await asyncio.sleep(0)
    before = open_fds()
    for _ in range(3):
        monitor = Monitor()
        Taker(monitor)
        await monitor.listen(path, many=True)
        clients = [await AsyncClient.connect(path) for _ in range(5)]
        for client in clients:
            await client.execute("pass", fds=files)
            monitor.emit("STOP")
        for client in clients[:2]:
            await client.close()
        monitor.shutdown()
        await monitor.wait_closed()
        for client in clients:
            await client.close()
    assert open_fds() == before
