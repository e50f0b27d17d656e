"""A relay in a process of its own: `python -m benchmarks.relay_server SERVER PATH`.

QMPEER_LOOP chooses the event loop.
"""

import asyncio
import sys

from benchmarks.loops import run
from qmpeer.relay import Relay


async def main(server: str, path: str) -> None:
    """Relay between a path and a server until the process is ended."""
    async with Relay(f"unix:{server}") as relay:
        await relay.listen(f"unix:{path}")
        await asyncio.Event().wait()


if __name__ == "__main__":
    run(main(*sys.argv[1:]))
