"""Named descriptors: each monitor has its own, and none is left open."""

import gc
import os
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.errors import CommandError
from qmpeer.monitor import Context, Monitor, NamedFds
from qmpeer.monitor.human import HumanContext
from tests.monitor.conftest import Connect
from tests.monitor.raw_client import RawClient, until


def new() -> int:
    return os.open(os.devnull, os.O_RDONLY)


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def test_a_name_is_given_away_once() -> None:
    names, fd = NamedFds(), new()
    names.keep("a", fd)

    assert names.take("b") is None
    assert names.take("a") == fd
    assert names.take("a") is None
    assert is_open(fd)
    os.close(fd)


def test_the_same_name_replaces() -> None:
    names, first, second = NamedFds(), new(), new()
    names.keep("a", first)
    names.keep("a", second)

    assert not is_open(first)
    assert is_open(second)
    names.close()
    assert not is_open(second)
    assert names.take("a") is None


def test_no_more_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "NAMED_FDS", 1)
    names, one, another, surplus = NamedFds(), new(), new(), new()
    names.keep("a", one)
    names.keep("a", another)
    with pytest.raises(CommandError, match="there are 1 descriptors already"):
        names.keep("b", surplus)

    assert is_open(another)
    assert not is_open(surplus)
    names.close()


def test_what_is_left_when_the_names_go_is_closed() -> None:
    names, fd = NamedFds(), new()
    names.keep("a", fd)
    del names
    gc.collect()

    assert not is_open(fd)


class Keeper:
    """A backend that names descriptors and returns whether a name has one."""

    def __init__(self, monitor: Monitor) -> None:
        self.kept: list[int] = []
        monitor.command("name")(self.name)
        monitor.command("has")(self.has)
        monitor.human_from_qmp("name")
        monitor.human_from_qmp("has")

    def name(self, name: str, *, context: Context) -> None:
        fd = new()
        self.kept.append(fd)
        context.named_fds.keep(name, fd)

    def has(self, name: str, *, context: Context) -> bool:
        fd = context.named_fds.take(name)
        if fd is not None:
            context.named_fds.keep(name, fd)
        return fd is not None


async def test_names_are_known_to_all_clients_of_one_listener(
    monitor: Monitor, connect: Connect, tmp_path: Path
) -> None:
    keeper = Keeper(monitor)
    first = await connect()
    await monitor.listen(tmp_path / "other")
    await first.execute("name", {"name": "a"})
    first.close()
    await until(lambda: monitor.connections == 0)
    second, other = await connect(), await RawClient.connect(tmp_path / "other")

    assert await second.execute("has", {"name": "a"}) == {"return": True}
    assert await other.execute("has", {"name": "a"}) == {"return": False}
    assert is_open(keeper.kept[0])
    other.close()


async def test_a_human_monitor_has_names_of_its_own(
    monitor: Monitor, connect: Connect, tmp_path: Path
) -> None:
    async def printed(line: bytes) -> bytes:
        terminal.send(line + b"\r")
        return (await terminal.receive_bytes(b"(qemu) ")).partition(b"\r\n")[2]

    Keeper(monitor)
    client = await connect()
    await monitor.listen(tmp_path / "human", human=True)
    async with await RawClient.dial(tmp_path / "human") as terminal:
        await terminal.receive_bytes(b"(qemu) ")
        await client.execute("name", {"name": "a"})
        assert await printed(b"name b") == b""
        assert await printed(b"has a") == b"false\r\n"
    async with await RawClient.dial(tmp_path / "human") as terminal:
        await terminal.receive_bytes(b"(qemu) ")
        assert await printed(b"has b") == b"true\r\n"
    assert await client.execute("has", {"name": "b"}) == {"return": False}


async def test_a_single_line_is_a_monitor_of_its_own(monitor: Monitor, connect: Connect) -> None:
    @monitor.command("human-monitor-command")
    def run(command_line: str, *, context: Context) -> object:
        return monitor.run_human(command_line, context)

    @monitor.human_command("count")
    def count(context: HumanContext) -> str:
        return str(len(context.take_fds()))

    @monitor.command("count")
    def count_own(*, context: Context) -> int:
        fds = context.take_fds()
        for fd in fds:
            os.close(fd)
        return len(fds)

    keeper = Keeper(monitor)
    client = await connect()
    await client.execute("name", {"name": "a"})
    line = {"command-line": "has a"}
    assert await client.execute("human-monitor-command", line) == {"return": "false\r\n"}
    await client.execute("human-monitor-command", {"command-line": "name b"})
    assert await client.execute("has", {"name": "b"}) == {"return": False}
    gc.collect()
    assert [is_open(fd) for fd in keeper.kept] == [True, False]

    message = {"execute": "human-monitor-command", "arguments": {"command-line": "count"}}
    client.send(message, fds=[keeper.kept[0]])
    assert await client.receive() == {"return": "0\r\n"}
    assert await client.execute("count") == {"return": 1}


async def test_names_are_closed_with_the_monitor(monitor: Monitor, connect: Connect) -> None:
    keeper = Keeper(monitor)
    client = await connect()
    await client.execute("name", {"name": "a"})
    assert is_open(keeper.kept[0])

    monitor.shutdown()
    await monitor.wait_closed()
    assert not is_open(keeper.kept[0])
