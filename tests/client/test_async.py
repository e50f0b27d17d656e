"""The async client's own features: futures, tasks, and their cancellation."""

import asyncio
import gc
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from qmpeer import AsyncClient, CommandError, CommandInterrupted, ConnectionClosed
from tests.client.conftest import OurMonitor
from tests.client.scripted import PLAIN_GREETING, ScriptedServer
from tests.patience import PATIENCE


class Pair:
    """A client and a scripted server on one loop; the server's steps block it only briefly."""

    def __init__(self, vm: AsyncClient, server: ScriptedServer) -> None:
        self.vm = vm
        self.server = server
        self.complaints: list[dict[str, Any]] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.complaints.append(context))

    async def command(self) -> dict[str, Any]:
        return await asyncio.to_thread(self.server.command)


async def connect(**options: Any) -> Pair:
    ours, theirs = socket.socketpair()
    server = ScriptedServer(theirs)
    server.send(PLAIN_GREETING + b'{"return": {}}\n')
    pair = Pair(await AsyncClient.connect(ours, **options), server)
    assert (await pair.command())["execute"] == "qmp_capabilities"
    return pair


@pytest_asyncio.fixture
async def pair() -> AsyncIterator[Pair]:
    gc.freeze()  # earlier objects aren't this test's garbage, and would take long to scan
    made = await connect()
    yield made
    await made.vm.close()
    made.server.close()
    gc.collect()
    assert not made.complaints


async def test_a_cancelled_task(pair: Pair) -> None:
    async def work() -> None:
        await pair.vm.execute("slow")

    task = asyncio.create_task(work())
    late = await pair.command()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    future = pair.vm.execute("fast")
    command = await pair.command()
    pair.server.reply(late, "late")
    pair.server.reply(command, "ours")
    assert await future == "ours"


async def test_a_cancelled_gather(pair: Pair) -> None:
    gathering = asyncio.gather(*(pair.vm.execute("slow") for _ in range(20)))
    late = [await pair.command() for _ in range(20)]
    gathering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gathering
    for command in late[:10]:
        pair.server.reply(command, "late")
    for command in late[10:]:
        pair.server.fail(command, "GenericError", "late")
    future = pair.vm.execute("fast")
    pair.server.reply(await pair.command(), "ours")
    assert await future == "ours"


async def test_the_deadline_of_asyncio(pair: Pair) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await pair.vm.execute("slow")
    late = await pair.command()
    future = pair.vm.execute("fast")
    pair.server.reply(late, "late")
    pair.server.reply(await pair.command(), "ours")
    assert await asyncio.wait_for(future, PATIENCE) == "ours"


async def test_a_cancelled_command_that_waits_for_its_turn() -> None:
    pair = await connect(max_in_flight=1)
    first, second, third = (pair.vm.execute(name) for name in ("first", "second", "third"))
    command = await pair.command()
    second.cancel()
    await asyncio.sleep(0)
    pair.server.reply(command)
    await first
    command = await pair.command()
    assert command["execute"] == "third"
    pair.server.reply(command)
    await third
    await pair.vm.close()
    pair.server.close()


async def test_a_command_is_sent_before_it_is_awaited(pair: Pair) -> None:
    future = pair.vm.execute("x")
    command = await pair.command()
    pair.server.reply(command, 1)
    assert await future == 1
    assert await future == 1  # repeated calls are fine


async def test_a_thousand_in_flight(pair: Pair) -> None:
    futures = [pair.vm.execute("x", {"n": number}) for number in range(1000)]
    commands = [await pair.command() for _ in futures]
    assert len({command["id"] for command in commands}) == 1000
    replies = "".join(
        f'{{"return": {command["arguments"]["n"]}, "id": {command["id"]}}}\n'
        for command in reversed(commands)
    )
    await asyncio.to_thread(pair.server.send, replies.encode())
    assert await asyncio.gather(*futures) == list(range(1000))


async def test_what_is_refused_is_refused_at_once(pair: Pair) -> None:
    with pytest.raises(TypeError):
        pair.vm.execute("x", {"value": object()})  # type: ignore[dict-item]  # that is the point
    pair.server.close()
    with pytest.raises(ConnectionClosed):
        await pair.vm.wait_event("STOP")
    with pytest.raises(ConnectionClosed):
        pair.vm.execute("x")


async def test_interrupted_commands_that_nobody_awaits_are_quiet(pair: Pair) -> None:
    for _ in range(5):
        pair.vm.execute("x")
    await pair.command()
    pair.server.close()
    with pytest.raises(ConnectionClosed):
        await pair.vm.wait_event("STOP")
    gc.collect()
    await asyncio.sleep(0)
    assert not pair.complaints


async def test_gather_with_errors(pair: Pair) -> None:
    gathering = asyncio.gather(
        *(pair.vm.execute("x", {"n": number}) for number in range(3)), return_exceptions=True
    )
    for _ in range(2):
        command = await pair.command()
        if command["arguments"]["n"]:
            pair.server.fail(command, "GenericError", "odd")
        else:
            pair.server.reply(command)
    pair.server.close()
    first, second, third = await gathering
    assert first == {}
    assert isinstance(second, CommandError)
    assert isinstance(third, CommandInterrupted)


async def test_connecting_that_is_cancelled() -> None:
    ours, theirs = socket.socketpair()
    connecting = asyncio.create_task(AsyncClient.connect(ours))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    theirs.settimeout(PATIENCE)
    assert await asyncio.to_thread(theirs.recv, 1) == b""
    theirs.close()


async def test_waiting_for_an_event_that_is_cancelled(pair: Pair) -> None:
    waiting = asyncio.create_task(pair.vm.wait_event("STOP"))
    events = pair.vm.events("STOP")
    reading = asyncio.create_task(events.next(None))
    await asyncio.sleep(0)
    for task in (waiting, reading):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    pair.server.event("STOP")
    assert (await events.next(PATIENCE)).number == 1
    assert (await pair.vm.wait_event("STOP", since=0)).number == 1


async def test_closing_that_is_cancelled(pair: Pair) -> None:
    closing = asyncio.create_task(pair.vm.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await pair.vm.close()


async def test_closing_at_once_in_several_tasks(pair: Pair) -> None:
    await asyncio.gather(*(pair.vm.close() for _ in range(3)))


async def test_descriptors_may_be_closed_once_the_command_is_on_its_way() -> None:
    pair = await connect(max_in_flight=1)
    first = pair.vm.execute("x")
    fd = os.memfd_create("file")
    os.write(fd, b"7")
    waiting = pair.vm.execute("getfd", fds=[fd])
    os.close(fd)
    pair.server.reply(await pair.command())
    await first
    command, fds = await asyncio.to_thread(pair.server.command_with_fds)
    assert os.pread(fds[0], 9, 0) == b"7"
    os.close(fds[0])
    pair.server.reply(command)
    await waiting
    await pair.vm.close()
    pair.server.close()


async def test_a_loop_goes_on_while_a_subscription_is_read(ours: OurMonitor) -> None:
    async with await AsyncClient.connect(ours.address) as vm, vm.events("X") as events:
        sending = [vm.execute("emit", {"name": "X"}) for _ in range(20)]
        numbers = []
        async for event in events:
            numbers.append(event.number)
            if len(numbers) == 20:
                break
        assert numbers == list(range(1, 21))
        await asyncio.gather(*sending)


async def test_many_clients_on_one_loop(ours: OurMonitor) -> None:
    async def work(number: int) -> Any:
        async with await AsyncClient.connect(ours.address) as vm:
            return await vm.execute("echo", {"value": number})

    values = await asyncio.gather(*(work(number) for number in range(50)))
    assert values == [{"value": number} for number in range(50)]


# Commands until an event


async def test_a_task_cancelled_before_the_reply_leaves_no_wait(pair: Pair) -> None:
    disk = {"id": "disk1"}
    task = asyncio.create_task(pair.vm.execute("device_del", disk, until=True))
    sent = await pair.command()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    pair.server.reply(sent)
    pair.server.event("DEVICE_DELETED", device="disk1", path="/machine/peripheral/disk1")
    again = asyncio.create_task(pair.vm.execute("device_del", disk, until=True))
    pair.server.fail(await pair.command(), "DeviceNotFound", "gone")
    with pytest.raises(CommandError, match="gone"):
        await again


async def test_nothing_is_sent_before_an_event_is_awaited(pair: Pair) -> None:
    later = pair.vm.execute("stop", until=True)
    await pair.vm.event_mark()
    assert not pair.server.has_input()
    later.close()


async def test_an_event_on_another_loop(pair: Pair) -> None:
    def elsewhere() -> None:
        asyncio.run(pair.vm.execute("stop", until=True))

    with pytest.raises(RuntimeError, match="found another event loop than the client's"):
        await asyncio.to_thread(elsewhere)
