"""The cost of a command, pinned and unpinned: `python -m benchmarks.breakdown [SECONDS]`.

It measures servers with 1, 8 and 64 clients at work, and both clients, on one core and wherever the
scheduler puts the two ends. It prints the rate, and for each command the CPU time in the program
and in the kernel, how often the process went to sleep (each sleep ends in a wake-up), and how often
it was preempted.
"""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import client_load, server_load
from benchmarks.cores import one_core
from benchmarks.rounds import LeftOutError
from benchmarks.rows import Quantity
from benchmarks.servers import Server, Servers

CLIENTS = (1, 8, 64)
_TICK = os.sysconf("SC_CLK_TCK")
_PAUSE = 0.5
"""Seconds that a server gets to notice that its clients are gone."""
_HEAD = ("what", "cores", "commands/s", "user us", "kernel us", "sleeps", "preempted")


@dataclass(frozen=True, slots=True)
class Spent:
    """The CPU seconds that a process has used so far, and how often it lost the processor."""

    user: float
    kernel: float
    sleeps: int
    preemptions: int

    @classmethod
    def of(cls, pid: int) -> "Spent":
        """Read the figures of a process in which one thread works."""
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        )
        switches = (int(status[f"{kind}_ctxt_switches"]) for kind in ("voluntary", "nonvoluntary"))
        return cls(int(fields[11]) / _TICK, int(fields[12]) / _TICK, *switches)


@contextlib.contextmanager
def _anywhere(pid: int) -> Iterator[None]:
    yield


def _server_line(server: Server, what: str, load: Callable[[], float], seconds: float) -> None:
    for cores, place in (("one", one_core), ("any", _anywhere)):
        with place(server.pid):
            load()  # the first command has extra work
            time.sleep(_PAUSE)
            before = Spent.of(server.pid)
            rate = load()
            after = Spent.of(server.pid)
            time.sleep(_PAUSE)
        count = rate * seconds
        _print(
            what,
            cores,
            f"{rate:,.0f}",
            f"{(after.user - before.user) / count * 1e6:.1f}",
            f"{(after.kernel - before.kernel) / count * 1e6:.1f}",
            f"{(after.sleeps - before.sleeps) / count:.2f}",
            f"{(after.preemptions - before.preemptions) / count:.2f}",
        )


def _print(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def measure_servers(servers: Servers, seconds: float) -> None:
    """Print a line for each server, number of clients and size of reply."""
    for name in ("qemu", "bare+asyncio", "qmpeer+asyncio", "qmpeer+uvloop"):
        for clients in CLIENTS:
            with contextlib.suppress(LeftOutError):
                server = servers.with_monitors(name, clients)
                paths = (server.paths * clients)[:clients]

                def small(paths: list[str] = paths) -> float:
                    return server_load.pipelined(paths, 1, seconds)

                _server_line(server, f"{name}, {clients} clients", small, seconds)
                server.stop()
    for name in ("qemu", "schema-monitor+asyncio", "schema-monitor+uvloop"):
        with contextlib.suppress(LeftOutError):
            server = servers.get(name)

            def large(path: str = server.paths[0]) -> float:
                return server_load.pipelined([path], 1, seconds, server_load.SCHEMA)

            _server_line(server, f"{name}, 207 kB", large, seconds)


def measure_clients(servers: Servers, count: int) -> None:
    """Print the CPU time of a command for each client, on a real QEMU."""
    server = servers.get("qemu")
    for name in ("raw_json", "qmpeer_blocking", "qmpeer_async", "qemu_qmp"):
        for test, each in (("sequential", count), ("schema", count // 100)):
            for cores, place in (("one", one_core), ("any", _anywhere)):
                with place(server.pid):
                    sample = client_load.operations(
                        name, test, server.paths[0], each, servers.folder
                    )
                rate, cpu = sample[Quantity.RATE], sample[Quantity.CPU] * 1e6
                _print(f"{name}, {test}", cores, f"{rate:,.0f}", f"{cpu:.1f}", "", "", "")


def main() -> None:
    """Print the tables."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    with tempfile.TemporaryDirectory() as folder, Servers(Path(folder)) as servers:
        _print(*_HEAD)
        _print(*("-" * len(cell) for cell in _HEAD))
        measure_servers(servers, seconds)
        measure_clients(servers, round(4000 * seconds))


if __name__ == "__main__":
    main()
