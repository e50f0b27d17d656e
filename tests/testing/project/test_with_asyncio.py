"""Tests with pytest-asyncio."""

import asyncio

import pytest
from vm_tool import eject_async

from qmpeer import AsyncClient
from qmpeer.testing import Pair, ScriptedServer, machine

pytestmark = pytest.mark.asyncio


async def test_eject(drive: ScriptedServer) -> None:
    drive.on("query-block").any_times()
    with pytest.raises(TimeoutError):  # asyncio goes on beside the server
        await asyncio.wait_for(asyncio.Event().wait(), 0.01)
    await eject_async(drive.address, "cd0")
    async with await AsyncClient.connect(drive.address) as vm:
        await vm.execute("query-block")


async def test_tasks_that_end(qmp_server: ScriptedServer) -> None:
    await asyncio.to_thread(len, "the loop's own executor stays")
    ended = asyncio.create_task(asyncio.sleep(0))
    async with await AsyncClient.connect(qmp_server.address):
        cancelled = asyncio.create_task(asyncio.sleep(1000))
    cancelled.cancel()
    await ended


async def test_a_pair(qmp_pair: Pair) -> None:
    qmp_pair.server.on("stop").event("STOP")
    async with await qmp_pair.connect() as vm:
        mark = await vm.event_mark()
        await vm.execute("stop")
        await vm.wait_event("STOP", since=mark, timeout=30.0)


async def test_a_context_manager() -> None:
    async with machine("-S") as server, await AsyncClient.connect(server.address) as vm:
        assert (await vm.execute("query-status"))["status"] == "prelaunch"
