"""qemu.qmp 0.0.6, its asyncio client."""

import asyncio

from qemu.qmp import QMPClient

from benchmarks.timing import Timing, timed

WAVE = 1000


async def _connect(path: str) -> QMPClient:
    client = QMPClient()
    await client.connect(path)
    return client


async def sequential(path: str, count: int, command: str = "query-version") -> Timing:
    """Send one command after the other."""
    client = await _connect(path)
    with timed() as timing:
        for _ in range(count):
            await client.execute(command)
    await client.disconnect()
    return timing


async def schema(path: str, count: int) -> Timing:
    """Ask for the schema again and again."""
    return await sequential(path, count, "query-qmp-schema")


async def pipelined(path: str, count: int) -> Timing:
    """Send commands in waves of 1,000 that are in flight together."""
    client = await _connect(path)
    with timed() as timing:
        for _ in range(count // WAVE):
            wave = (client.execute("query-version") for _ in range(WAVE))
            replies = await asyncio.gather(*wave)
            assert len(replies) == WAVE
    await client.disconnect()
    return timing


async def events(path: str, count: int) -> Timing:
    """Take this many events, starting with the command that has them sent."""
    client = await _connect(path)
    with client.listener("BLOCK_JOB_READY") as arriving, timed() as timing:
        await client.execute("x-stream", {"count": count})
        for _ in range(count):
            await arriving.get()
    await client.disconnect()
    return timing
