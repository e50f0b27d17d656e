"""A monitor for many clients in a process of its own; `query-memory` returns its memory.

Its arguments: the loop's kind, the address, and the limit of descriptors or 0.
"""

import asyncio
import gc
import os
import resource
import sys

from qmpeer.monitor import Monitor

PAGE_SIZE = os.sysconf("SC_PAGESIZE")


def resident() -> int:
    """Return the process's resident memory in bytes."""
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * PAGE_SIZE


def crowded_monitor() -> Monitor:
    """Return the monitor."""
    monitor = Monitor(name="crowd")

    @monitor.command("query-memory")
    def query_memory() -> dict[str, int]:
        return {"resident": resident(), "connections": monitor.connections}

    @monitor.command("announce")
    def announce() -> None:
        monitor.emit("ANNOUNCED", {"n": monitor.connections})

    monitor.command("quit")(monitor.shutdown)
    return monitor


async def main(address: str) -> None:
    monitor = crowded_monitor()
    listener = await monitor.listen(address, many=True)
    print(listener.address, flush=True)
    await monitor.wait_closed()


if __name__ == "__main__":
    kind, address, descriptors = sys.argv[1:]
    if int(descriptors):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(descriptors), hard))
    factory = asyncio.new_event_loop
    if kind == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main(address))
