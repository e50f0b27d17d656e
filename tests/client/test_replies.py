"""The reply of AsyncClient.execute: a future that is also a coroutine."""

import asyncio
import collections.abc
import gc
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from qmpeer import AsyncClient, CommandError
from qmpeer.bindings import Command
from tests.client.conftest import OurMonitor
from tests.client.idioms import IDIOMS
from tests.patience import PATIENCE

ECHO: Command[int] = Command("echo", {"value": 7}, lambda value: value["value"])  # type: ignore[arg-type,return-value]


@pytest_asyncio.fixture(params=[0.0, PATIENCE], ids=["plain", "reconnecting"])
async def vm(request: pytest.FixtureRequest, ours: OurMonitor) -> AsyncIterator[AsyncClient]:
    async with await AsyncClient.connect(ours.address, reconnect=request.param) as made:
        yield made


@pytest.mark.parametrize("idiom", IDIOMS)
async def test_an_idiom_of_asyncio(
    vm: AsyncClient, idiom: Callable[[AsyncClient, Command[int]], Awaitable[int]]
) -> None:
    assert await idiom(vm, ECHO) == 7


async def test_what_it_is(vm: AsyncClient) -> None:
    reply = vm.execute("echo")
    assert asyncio.isfuture(reply)
    assert asyncio.iscoroutine(reply)
    assert inspect.isawaitable(reply)
    assert isinstance(reply, collections.abc.Coroutine)
    assert "Reply to echo pending" in repr(reply)
    assert await reply == {"value": None}


async def test_commands_are_sent_when_called_in_the_order_of_calls(vm: AsyncClient) -> None:
    tasks = [asyncio.create_task(vm.execute("echo", {"value": n})) for n in range(20)]
    assert (await vm.execute("echo", {"value": "last"}))["value"] == "last"
    assert [(await task)["value"] for task in tasks] == list(range(20))


async def test_a_reply_that_no_task_has_looked_at_yet_is_sent(vm: AsyncClient) -> None:
    task = asyncio.create_task(vm.execute("emit", {"name": "X"}))
    assert (await vm.wait_event("X", since=0, timeout=PATIENCE)).name == "X"
    assert await task == {}


@pytest.mark.parametrize("starts", [0, 1])
async def test_a_cancelled_task(vm: AsyncClient, starts: int) -> None:
    task = asyncio.create_task(vm.execute("hold", {"name": "h"}))
    for _ in range(starts):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await vm.execute("release", {"name": "h"}, oob=True)
    assert (await vm.execute("echo", {"value": 1}))["value"] == 1


async def test_an_error_in_a_task(vm: AsyncClient) -> None:
    with pytest.raises(CommandError, match="nonesuch"):
        await asyncio.create_task(vm.execute("nonesuch"))
    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            group.create_task(vm.execute("nonesuch"))
    assert isinstance(caught.value.exceptions[0], CommandError)


async def test_an_error_that_nobody_fetches_is_logged(
    vm: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    asyncio.get_running_loop().set_exception_handler(None)
    with caplog.at_level(logging.ERROR, "asyncio"):
        vm.execute("emit", {"name": 1})
        await vm.execute("echo")
        gc.collect()
    assert "never retrieved" in caplog.text
    assert "Reply to emit" in caplog.text


def test_nothing_is_sent_before_the_loop_runs_it(ours: OurMonitor) -> None:
    loop = asyncio.new_event_loop()
    vm = loop.run_until_complete(AsyncClient.connect(ours.address))
    try:
        waiting = vm.execute("emit", {"name": "X"})
        assert asyncio.iscoroutine(waiting)
        assert loop.run_until_complete(vm.event_mark()) == 0
        assert loop.run_until_complete(waiting) == {}
        assert loop.run_until_complete(vm.event_mark()) == 1
    finally:
        loop.run_until_complete(vm.close())
        loop.close()


async def test_another_loop(vm: AsyncClient) -> None:
    async def elsewhere() -> object:
        return await vm.execute("echo")

    with pytest.raises(RuntimeError, match="run_coroutine_threadsafe"):
        await asyncio.to_thread(asyncio.run, elsewhere())


async def test_deadlines_that_are_close_together(vm: AsyncClient) -> None:
    """uvloop's timer can't report its due time if that is within half a millisecond."""
    names = [f"h{n}" for n in range(8)]
    replies = [
        vm.execute("hold", {"name": name}, timeout=0.0001 * (9 - n)) for n, name in enumerate(names)
    ]
    outcomes = await asyncio.gather(*replies, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {TimeoutError}
    for name in names:
        await vm.execute("release", {"name": name}, oob=True, timeout=PATIENCE)


async def test_a_value_that_a_binding_cannot_decode(vm: AsyncClient) -> None:
    def refuse(value: object) -> int:
        raise ValueError("no such value")

    with pytest.raises(ValueError, match="no such value"):
        await vm.execute(Command("echo", {"value": 7}, refuse))


async def test_what_was_executed_before_the_client_is_closed_is_sent(ours: OurMonitor) -> None:
    async with (
        await AsyncClient.connect(ours.address) as other,
        await AsyncClient.connect(ours.address) as vm,
    ):
        replies = [vm.execute("emit", {"name": f"E{n}"}) for n in range(5)]
        await vm.close()
        for n in range(5):
            assert (await other.wait_event(f"E{n}", since=0, timeout=PATIENCE)).name == f"E{n}"
        await asyncio.gather(*replies, return_exceptions=True)
