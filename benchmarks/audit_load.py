"""The cost of an audit log, and of having it on the disk before each command.

    python -m benchmarks.audit_load [ROUNDS]

prints two things. The first is the CPU time of one record, measured on `AuditLog` alone, with
arguments that come again and again, and with new ones. The second is the commands a second through
a proxy to a QEMU that does little, with 64 commands of one client, or of 64 clients, in flight:
without fsync, and with fsync=command. The goal: 0.7 of them are left. The log is in the current
folder, so that its disk is measured, not a /tmp in memory.
"""

import asyncio
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.loops import run
from qmpeer.audit import AuditLog
from qmpeer.messages import CommandMessage
from qmpeer.proxy import Proxy

IN_FLIGHT = 64
SECONDS = 2.0
GOAL = 0.7
KEY = b"k" * 32
COMMAND = b'{"execute":"qom-get","arguments":{"path":"/machine","property":"type"}}\n'
MODES = ("no audit", "off", "command")


async def serve(server: str, path: str, mode: str, log: str) -> None:
    """Stand between a path and a server, with an audit log."""
    audit = None if mode == "no audit" else AuditLog(log, fsync=mode, key=KEY)  # type: ignore[arg-type]
    async with Proxy(f"unix:{server}", audit=audit) as proxy:
        await proxy.listen(f"unix:{path}")
        await proxy.wait_closed()


async def _client(path: str, in_flight: int, until: float) -> int:
    """Keep so many commands in flight, and return how many were answered."""
    reader, writer = await asyncio.open_unix_connection(path)
    await reader.readline()
    writer.write(b'{"execute":"qmp_capabilities"}\n')
    await reader.readline()
    done = 0
    writer.write(COMMAND * in_flight)
    rest = b""
    while time.monotonic() < until:
        data = rest + await reader.read(1 << 16)
        answers = data.count(b"\n")
        rest = data[data.rfind(b"\n") + 1 :]
        done += answers
        writer.write(COMMAND * answers)
    writer.close()
    return done


async def _rate(path: str, clients: int) -> float:
    until = time.monotonic() + SECONDS
    each = IN_FLIGHT // clients
    counts = await asyncio.gather(*(_client(path, each, until) for _ in range(clients)))
    return sum(counts) / SECONDS


@contextlib.contextmanager
def _process(argv: list[str], socket: str) -> Iterator[None]:
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not os.path.exists(socket):
            time.sleep(0.02)
        time.sleep(0.2)  # it is bound, and listens in a moment
        yield
    finally:
        process.terminate()
        process.wait()


def measure(mode: str, clients: int, folder: Path) -> float:
    """Return the commands a second through a proxy."""
    server, path, log = (str(folder / name) for name in ("server", "proxy", "audit"))
    qemu = ["qemu-system-x86_64", "-machine", "none", "-nodefaults", "-display", "none"]
    argv = [sys.executable, "-m", "benchmarks.audit_load", "serve", server, path, mode, log]
    with (
        _process([*qemu, "-qmp", f"unix:{server},server=on,wait=off"], server),
        _process(argv, path),
    ):
        return asyncio.run(_rate(path, clients))


def record_times(folder: Path) -> dict[str, float]:
    """Return the CPU time of a record, in microseconds."""
    count = 20_000
    again = [CommandMessage("qom-get", {"path": "/machine", "property": "type"})] * count
    new = [CommandMessage("qom-get", {"path": f"/machine/{n}"}) for n in range(count)]

    async def main() -> dict[str, float]:
        log = AuditLog(folder / "audit", key=KEY)
        found = {}
        for name, commands in {"begin": again, "begin, new arguments": new}.items():
            begin = time.process_time()
            for command in commands:
                number = log.begin(1, command, rule="reads")
            found[name] = (time.process_time() - begin) / count * 1e6
        begin = time.process_time()
        for at in range(count):
            log.end(number, "return", 0.001)
            if at % 4 == 0:
                await asyncio.sleep(0)
        found["end, four in a turn of the loop"] = (time.process_time() - begin) / count * 1e6
        log.close()
        return found

    return asyncio.run(main())


def main(argv: list[str]) -> None:
    """Measure and print."""
    rounds = int(argv[0]) if argv else 5
    folder = Path(tempfile.mkdtemp(prefix="audit-load-", dir="."))
    try:
        for name, found in record_times(folder).items():
            print(f"{name:45}{found:8.1f} µs CPU")
        for clients in (1, IN_FLIGHT):
            rates: dict[str, list[float]] = {mode: [] for mode in MODES}
            for _ in range(rounds):
                for mode in MODES:
                    for each in folder.iterdir():
                        each.unlink()
                    rates[mode].append(measure(mode, clients, folder))
            middle = {mode: statistics.median(found) for mode, found in rates.items()}
            for mode, found in middle.items():
                title = f"{IN_FLIGHT} in flight, {clients} client(s), {mode}"
                print(f"{title:45}{found:8.0f} commands/s")
            ratio = middle["command"] / middle["off"]
            print(f"{'command / off':45}{ratio:8.2f}{'' if ratio >= GOAL else '  NOT MET'}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        run(serve(*sys.argv[2:6]))
    else:
        main(sys.argv[1:])
