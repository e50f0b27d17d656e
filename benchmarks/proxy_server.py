"""A proxy in a process of its own: `python -m benchmarks.proxy_server SERVER PATH`.

QMPEER_LOOP chooses the event loop.
"""

import sys

from benchmarks.loops import run
from qmpeer.proxy import Proxy


async def main(server: str, path: str) -> None:
    """Stand between a path and a server until one of them ends."""
    async with Proxy(f"unix:{server}") as proxy:
        await proxy.listen(f"unix:{path}")
        await proxy.wait_closed()


if __name__ == "__main__":
    run(main(*sys.argv[1:]))
