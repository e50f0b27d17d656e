"""Our asyncio client."""

import asyncio

from benchmarks.timing import Timing, timed
from qmpeer import AsyncClient

WAVE = 1000


async def sequential(path: str, count: int, command: str = "query-version") -> Timing:
    """Send one command after the other."""
    async with await AsyncClient.connect(path) as client:
        with timed() as timing:
            for _ in range(count):
                await client.execute(command)
    return timing


async def schema(path: str, count: int) -> Timing:
    """Ask for the schema again and again."""
    return await sequential(path, count, "query-qmp-schema")


async def pipelined(path: str, count: int) -> Timing:
    """Send commands in waves of 1,000 that are in flight together."""
    async with await AsyncClient.connect(path) as client:
        with timed() as timing:
            for _ in range(count // WAVE):
                wave = (client.execute("query-version") for _ in range(WAVE))
                replies = await asyncio.gather(*wave)
                assert len(replies) == WAVE
    return timing


async def events(path: str, count: int) -> Timing:
    """Take this many events, starting with the command that has them sent."""
    client = await AsyncClient.connect(path)
    async with client, client.events("BLOCK_JOB_READY") as arriving:
        with timed() as timing:
            await client.execute("x-stream", {"count": count})
            number = 0
            async for _ in arriving:
                number += 1
                if number == count:
                    break
    return timing


async def until(path: str, count: int) -> Timing:
    """Stop the machine and let it continue, each until its event."""
    async with await AsyncClient.connect(path) as client:
        with timed() as timing:
            for _ in range(count // 2):
                await client.execute("stop", until="STOP")
                await client.execute("cont", until="RESUME")
    return timing
