"""The load on relays and proxies: round trips, each with its time, and their CPU time for them.

The time counts in the processes of the relay alone. socat has one for each connection.
"""

import statistics
import time
from pathlib import Path

from benchmarks.rounds import Sample
from benchmarks.rows import Quantity
from benchmarks.server_load import BLOCK, COMMAND, connect


def processes(pid: int) -> list[int]:
    """Return a process and all that it has started, those that have ended left out."""
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found += processes(int(child))
    return found


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of these processes, in nanosecond steps."""
    spent = 0
    for process in processes(pid):
        for task in Path(f"/proc/{process}/task").glob("*/schedstat"):
            spent += int(task.read_text().split()[0])
    return spent / 1e9


def round_trips(path: str, pid: int, seconds: float, command: bytes = COMMAND) -> Sample:
    """Return the median time of a round trip, and the relay's CPU time for one.

    Args:
        path: The relay's path.
        pid: The relay's process.
        seconds: For how long.
        command: The command.
    """
    times: list[float] = []
    with connect(path) as stream:
        before = cpu_seconds(pid)
        end = time.perf_counter() + seconds
        now = time.perf_counter()
        while now < end:
            stream.sendall(command)
            while not stream.recv(BLOCK).endswith(b"\n"):
                pass
            sent, now = now, time.perf_counter()
            times.append(now - sent)
        spent = cpu_seconds(pid) - before
    return {Quantity.MICROS: statistics.median(times), Quantity.CPU: spent / len(times)}
