"""Monitors that are removed from a character device while it has a client."""

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from qmpeer import limits
from qmpeer.chardev import Chardev, Chardevs, parse_chardev
from qmpeer.messages import version_value
from qmpeer.monitor import Attachment, Context, Monitor
from tests.monitor.raw_client import RawClient, until
from tests.patience import PATIENCE


class Served:
    """A device on one end of a socket pair, with a client at the other."""

    def __init__(self, device: Chardev, client: RawClient) -> None:
        self.device = device
        self.client = client


@pytest_asyncio.fixture
async def served() -> AsyncIterator[Served]:
    ours, theirs = socket.socketpair()
    device = await Chardevs().add_described(parse_chardev(f"socket,id=c,fd={theirs.detach()}"))
    async with RawClient(ours) as client:
        yield Served(device, client)
    await until(lambda: not device.is_connected)


async def test_another_monitor_takes_its_place(monitor: Monitor, served: Served) -> None:
    monitor.command("query-number")(lambda: 1)
    attachment = monitor.attach_device(served.device)
    await served.client.begin()
    attachment.remove()
    attachment.remove()
    monitor.emit("STOP")
    served.client.send({"execute": "query-number"})
    assert (attachment.is_removed, served.device.is_busy, monitor.connections) == (True, False, 0)
    await asyncio.sleep(0)
    assert served.client.is_silent()
    monitor.attach_device(served.device, pretty=True)
    assert "QMP" in await served.client.receive(pretty=True)
    # The command waited for the new monitor, which hasn't negotiated yet.
    assert (await served.client.receive(pretty=True))["error"]["class"] == "CommandNotFound"


async def test_commands_that_run_end_without_a_reply(monitor: Monitor, served: Served) -> None:
    ended: list[str] = []
    goes_on = asyncio.Event()

    @monitor.command("wait")
    async def wait() -> None:
        started.set()
        await goes_on.wait()
        ended.append("wait")

    started = asyncio.Event()
    monitor.command("query-number")(lambda: ended.append("number"))
    attachment = monitor.attach_device(served.device)
    await served.client.begin()
    served.client.send({"execute": "wait"}, {"execute": "query-number"})
    await started.wait()
    attachment.remove()
    monitor.attach_device(served.device)
    await served.client.begin()
    goes_on.set()
    assert await served.client.execute("qmp_capabilities") != {"return": {}}
    assert ended == ["wait"]  # and not the command that waited behind it
    monitor.emit("STOP")
    assert (await served.client.receive())["event"] == "STOP"


async def test_threads_go_on(monitor: Monitor, served: Served) -> None:
    """A thread of one monitor's command has the other one removed while that runs a thread, too."""
    ours, theirs = socket.socketpair()
    other = await Chardevs().add_described(parse_chardev(f"socket,id=d,fd={theirs.detach()}"))
    loop = asyncio.get_running_loop()
    is_running, is_removed = threading.Event(), threading.Event()
    ended: list[bool] = []

    @monitor.command("wait", blocking=True)
    def wait() -> None:
        is_running.set()
        ended.append(is_removed.wait(PATIENCE))

    @monitor.command("remove", blocking=True)
    def remove() -> None:
        assert is_running.wait(PATIENCE)
        loop.call_soon_threadsafe(attachment.remove)
        loop.call_soon_threadsafe(is_removed.set)

    attachment = monitor.attach_device(served.device)
    monitor.attach_device(other)
    await served.client.begin()
    served.client.send({"execute": "wait"})
    async with RawClient(ours) as client:
        await client.begin()
        assert await client.execute("remove") == {"return": {}}
        await until(lambda: bool(ended))
        assert await client.execute("query-version") == {"return": version_value(monitor.version)}
    assert ended == [True]
    assert served.client.is_silent()


async def test_what_was_executed_is_answered(monitor: Monitor, served: Served) -> None:
    attachment: Attachment

    @monitor.command("remove")
    def remove() -> int:
        # The reply to query-number, in the same turn, isn't sent yet.
        attachment.remove()
        return 2

    monitor.command("query-number")(lambda: 1)
    attachment = monitor.attach_device(served.device)
    await served.client.begin()
    served.client.send({"execute": "query-number"}, {"execute": "remove"})
    assert await served.client.receive() == {"return": 1}
    await asyncio.sleep(0)
    assert served.client.is_silent()
    assert served.device.is_connected


@pytest.mark.parametrize("has_room", [False, True])
async def test_half_a_reply_is_followed_by_nothing(
    monitor: Monitor, served: Served, has_room: bool
) -> None:
    """A client that has let much output wait can't be greeted in the middle of a message."""
    size = 4 * limits.UNSENT_OUTPUT
    monitor.command("query-text")(lambda: ["x" * 1000] * (size // 1000))
    attachment = monitor.attach_device(served.device)
    await served.client.begin()
    served.client.send({"execute": "query-text"})
    if has_room:
        await served.client.receive()
    else:
        await until(lambda: bool(served.device.client and served.device.client.stream.unsent))
    attachment.remove()
    assert served.device.is_connected is has_room


async def test_which_monitor_carries_a_command(monitor: Monitor, served: Served) -> None:
    contexts: list[Context] = []
    monitor.command("keep")(_keeper(contexts))
    monitor.human_command("keep")(_keeper(contexts))

    @monitor.command("human-monitor-command")
    def run(command_line: str, *, context: Context) -> Any:
        return monitor.run_human(command_line, context)

    ours, theirs = socket.socketpair()
    other = await Chardevs().add_described(parse_chardev(f"socket,id=d,fd={theirs.detach()}"))
    attachments = [monitor.attach_device(device) for device in (served.device, other)]
    async with RawClient(ours) as client:
        for each in (served.client, client):
            await each.begin()
            await each.execute("keep")
            await each.execute("human-monitor-command", {"command-line": "keep"})
        monitor.run_human("keep")
        found = [[attachment.carries(each) for each in contexts] for attachment in attachments]
    assert found == [[True, True, False, False, False], [False, False, True, True, False]]
    assert not attachments[0].carries(None)


def _keeper(contexts: list[Context]) -> Any:
    def keep(context: Context) -> None:
        """Keep the context."""
        contexts.append(context)

    return keep


async def test_its_descriptors_are_closed(monitor: Monitor, served: Served) -> None:
    kept: list[int] = []

    @monitor.command("getfd")
    def getfd(fdname: str, *, context: Context) -> None:
        kept.extend(context.take_fds())
        context.named_fds.keep(fdname, kept[-1])

    attachment = monitor.attach_device(served.device)
    await served.client.begin()
    with open(os.devnull) as file:
        command = {"execute": "getfd", "arguments": {"fdname": "x"}}
        served.client.send(command, fds=[file.fileno()])
        assert await served.client.receive() == {"return": {}}
    os.fstat(kept[0])
    attachment.remove()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(kept[0])


async def test_a_client_that_leaves_is_reported(monitor: Monitor, served: Served) -> None:
    left: list[str] = []
    attachment = monitor.attach_device(served.device, when_left=lambda: left.append("removed"))
    await served.client.begin()
    attachment.remove()
    monitor.attach_device(served.device, when_left=lambda: left.append("gone"))
    await served.client.begin()
    served.client.close()
    await until(lambda: not monitor.connections)
    assert left == ["gone"]
