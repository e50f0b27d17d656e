"""The latency of one client beside twenty clients that do their worst.

    python -m benchmarks.worst_clients [SECONDS]

prints the latencies of a client that repeats query-name, alone and beside one client of each kind;
and the same with QEMU. The goal: 99 of 100 answers within 50 ms, all within 300 ms.
"""

import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.server_load import connect

MIB = 1024**2
GOALS = (0.05, 0.3)
KINDS: dict[str, Callable[[], bytes]] = {
    "escapes": lambda: b'{"execute":"x","id":"' + b"\\u00e9" * (4 * MIB) + b'"}\n',
    "single quotes": lambda: b"{'execute':'x','id':'" + b"\\u00e9" * (2 * MIB) + b"'}\n",
    "astral": lambda: b'{"execute":"x","id":"' + "\U0001f600".encode() * (2 * MIB) + b'"}\n',
    "a long string": lambda: b'{"execute":"x","id":"' + b"x" * (32 * MIB) + b'"}\n',
    "a long string in quotes": lambda: b"{'execute':'x','id':'" + b"x" * (16 * MIB) + b"'}\n",
    "a number": lambda: b'{"execute":"x","id":' + b"9" * (4 * MIB) + b"}\n",
    "items in an id": lambda: b'{"execute":"x","id":[' + b"1," * 1_000_000 + b"1]}\n",
    "objects in an id": lambda: b'{"execute":"x","id":[' + b"{}," * 600_000 + b"1]}\n",
    "items in arguments": lambda: (
        b'{"execute":"x","arguments":{"a":[' + b"1," * 1_000_000 + b"1]}}\n"
    ),
    "deep": lambda: (b"[" * 1023 + b"]" * 1023) * 2048,
    "too deep": lambda: b"[" * (4 * MIB),
    "parse errors": lambda: b"x " * (2 * MIB),
    "stray bytes": lambda: b"@{" * (2 * MIB),
    "garbage": lambda: random.Random(1).randbytes(4 * MIB),
    "unknown members": lambda: b"{" + _members(400_000) + b"}\n",
    "unknown arguments": lambda: (
        b'{"execute":"query-version","arguments":{' + _members(400_000) + b"}}\n"
    ),
    "a member twice": lambda: b'{"execute":"x",' + b'"a":1,' * 500_000 + b'"id":1}\n',
    "commands": lambda: b'{"execute":"query-version"}\n' * 200_000,
    "large answers": lambda: b'{"execute":"query-qmp-schema"}\n' * 3000,
    "a bad end": lambda: b'{"execute":"x","id":"' + b"\\u00e9" * (2 * MIB) + b'\\ud800"}\n',
}
"""The data that each of the twenty clients sends repeatedly."""


def _members(count: int) -> bytes:
    return b",".join(b'"k%d":1' % number for number in range(count))


def _do_worst(path: str, data: bytes) -> None:
    """Send a text again and again, and read what comes."""
    with contextlib.suppress(OSError), connect(path) as stream:
        stream.setblocking(False)
        unsent = memoryview(data)
        while True:
            with contextlib.suppress(BlockingIOError):
                if not stream.recv(1 << 18):
                    return
            try:
                unsent = unsent[stream.send(unsent[: 1 << 18]) :] or memoryview(data)
            except BlockingIOError:
                time.sleep(0.001)


def _latencies(path: str, seconds: float) -> list[float]:
    """Return the time of each command of one client, sent a few milliseconds apart."""
    found: list[float] = []
    with connect(path) as stream:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begin = time.monotonic()
            stream.sendall(b'{"execute":"query-name"}\n')
            stream.recv(4096)
            found.append(time.monotonic() - begin)
            time.sleep(0.002)
    return sorted(found)


@contextlib.contextmanager
def _server(program: list[str], folder: str) -> Iterator[list[str]]:
    """Run a server with a monitor for each client; yield the monitors' paths."""
    paths = [f"{folder}/{number}" for number in range(len(KINDS) + 1)]
    argv = [*program, "-machine", "none", "-nodefaults", "-display", "none"]
    for path in paths:
        argv += ["-qmp", f"unix:{path},server=on,wait=off"]
    process = subprocess.Popen(argv, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        while not all(map(os.path.exists, paths)):
            time.sleep(0.05)
        time.sleep(0.5)
        yield paths
    finally:
        process.kill()
        process.wait()


def _line(title: str, found: list[float]) -> str:
    p50, p99, most = (found[int(len(found) * part)] for part in (0.5, 0.99, 0.99999))
    goal = "" if p99 <= GOALS[0] and most <= GOALS[1] else "  NOT MET"
    times = "".join(f"{1e3 * value:10.1f}" for value in (p50, p99, most))
    return f"{title:40}{len(found):8}{times}{goal}"


def measure(title: str, program: list[str], seconds: float, kinds: list[str]) -> str:
    """Return a line of the table: one client beside one of each kind."""
    with tempfile.TemporaryDirectory() as folder, _server(program, folder) as paths:
        children: list[int] = []
        try:
            for path, kind in zip(paths[1:], kinds, strict=False):
                pid = os.fork()
                if pid == 0:
                    os.nice(5)
                    _do_worst(path, KINDS[kind]())
                    os._exit(0)
                children.append(pid)
            time.sleep(1.0)
            return _line(title, _latencies(paths[0], seconds))
        finally:
            for pid in children:
                os.kill(pid, 9)
                os.waitpid(pid, 0)


def main(argv: list[str]) -> None:
    """Print the table."""
    seconds = float(argv[0]) if argv else 20.0
    ours = [str(Path(sys.executable).with_name("qmpeer")), "serve"]
    print(f"{'':40}{'answers':>8}{'p50 ms':>10}{'p99 ms':>10}{'max ms':>10}")
    for name, program in (("qmpeer", ours), ("qemu", ["qemu-system-x86_64"])):
        print(measure(f"{name}, alone", program, 2.0, []), flush=True)
        print(measure(f"{name}, 20 at their worst", program, seconds, [*KINDS]), flush=True)
    if "--each" in argv:
        for kind in KINDS:
            print(measure(f"qmpeer, {kind}", ours, 3.0, [kind]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
