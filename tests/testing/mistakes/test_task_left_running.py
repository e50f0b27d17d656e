"""A task that nobody awaits."""

import asyncio

from qmpeer.testing import ScriptedServer

tasks: list[asyncio.Task[None]] = []


async def poll() -> None:
    while True:
        await asyncio.sleep(3600)


async def test_task_left_running(qmp_server: ScriptedServer) -> None:
    tasks.append(asyncio.create_task(poll()))
