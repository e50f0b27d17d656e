"""Our asyncio client, as a program waits for events by hand."""

from benchmarks.timing import Timing, timed
from qmpeer import AsyncClient


async def until(path: str, count: int) -> Timing:
    """Stop the machine and let it continue; take a mark before each, and wait for its event."""
    async with await AsyncClient.connect(path) as client:
        with timed() as timing:
            for _ in range(count // 2):
                for command, name in (("stop", "STOP"), ("cont", "RESUME")):
                    mark = await client.event_mark()
                    await client.execute(command)
                    await client.wait_event(name, since=mark)
    return timing
