"""All asyncio functions that accept a coroutine, called with a command; also type-checked."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import assert_type

from qmpeer import AsyncClient
from qmpeer.bindings import Command


async def awaited(vm: AsyncClient, command: Command[int]) -> int:
    return assert_type(await vm.execute(command), int)


async def created_task(vm: AsyncClient, command: Command[int]) -> int:
    task = assert_type(asyncio.create_task(vm.execute(command), name="x"), asyncio.Task[int])
    return await task


async def task_group(vm: AsyncClient, command: Command[int]) -> int:
    async with asyncio.TaskGroup() as group:
        task = assert_type(group.create_task(vm.execute(command)), asyncio.Task[int])
    return task.result()


async def loops_task(vm: AsyncClient, command: Command[int]) -> int:
    return await asyncio.get_running_loop().create_task(vm.execute(command))


async def ensured_future(vm: AsyncClient, command: Command[int]) -> int:
    return await asyncio.ensure_future(vm.execute(command))


async def gathered(vm: AsyncClient, command: Command[int]) -> int:
    one, other = await asyncio.gather(vm.execute(command), vm.execute("query-version"))
    assert_type(one, int)
    assert isinstance(other, dict)
    return one


async def waited_for(vm: AsyncClient, command: Command[int]) -> int:
    return assert_type(await asyncio.wait_for(vm.execute(command), 60), int)


async def within_timeout(vm: AsyncClient, command: Command[int]) -> int:
    async with asyncio.timeout(60):
        return await vm.execute(command)


async def shielded(vm: AsyncClient, command: Command[int]) -> int:
    return await asyncio.shield(vm.execute(command))


async def as_completed(vm: AsyncClient, command: Command[int]) -> int:
    for each in asyncio.as_completed([vm.execute(command)]):
        return await each
    raise AssertionError


async def waited_as_task(vm: AsyncClient, command: Command[int]) -> int:
    done, _ = await asyncio.wait([asyncio.create_task(vm.execute(command))])
    return done.pop().result()


async def from_another_thread(vm: AsyncClient, command: Command[int]) -> int:
    loop = asyncio.get_running_loop()

    def execute() -> int:
        return asyncio.run_coroutine_threadsafe(vm.execute(command), loop).result(60)

    return await asyncio.to_thread(execute)


IDIOMS: list[Callable[[AsyncClient, Command[int]], Awaitable[int]]] = [
    awaited,
    created_task,
    task_group,
    loops_task,
    ensured_future,
    gathered,
    waited_for,
    within_timeout,
    shielded,
    as_completed,
    waited_as_task,
    from_another_thread,
]
