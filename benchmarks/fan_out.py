"""The fan-out of a proxy: one server's events to many clients.

    python -m benchmarks.fan_out [--clients 1000] [--seconds 3] [--deaf 0]

prints the deliveries a second (events times clients, by wall time and by the proxy's CPU time) for
bursts of several sizes, and the memory of the proxy for one idle client. The goals: 100,000 a
second, 12 KiB. The next burst is sent when every client has the last one.
"""

import argparse
import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.relay_load import cpu_seconds
from benchmarks.server_load import connect

GREETING = b'{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, \
"capabilities": ["oob"]}}\r\n'
EVENT = b'{"timestamp": {"seconds": 1790000000, "microseconds": 123456}, \
"event": "BLOCK_JOB_READY", "data": {"device": "job0", "len": 1048576, "offset": 1048576, \
"speed": 0, "type": "mirror"}}\r\n'
BURSTS = (1, 10, 100)


@dataclass(slots=True)
class FanOut:
    """What one burst size came to.

    Attributes:
        burst: The events of one burst.
        rate: Deliveries a second.
        cpu_rate: Deliveries a second of the proxy's CPU time.
    """

    burst: int
    rate: float
    cpu_rate: float


class Server:
    """A server that greets one client, the proxy, and sends events when it is told to."""

    def __init__(self, path: str) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(1)
        self._stream: socket.socket | None = None

    def accept(self) -> None:
        """Greet the proxy and negotiate."""
        self._stream, _ = self._listener.accept()
        self._stream.sendall(GREETING)
        id = json.loads(self._stream.recv(4096))["id"]
        self._stream.sendall(json.dumps({"return": {}, "id": id}).encode() + b"\r\n")

    def send(self, data: bytes) -> None:
        """Send bytes."""
        assert self._stream is not None
        self._stream.sendall(data)


@contextlib.contextmanager
def proxy(folder: str) -> Iterator[tuple[Server, str, int]]:
    """Run a proxy in front of a server; yield the server, the clients' path, the proxy's pid."""
    server, path = Server(f"{folder}/server"), f"{folder}/proxy"
    program = [sys.executable, "-m", "qmpeer", "proxy", f"unix:{folder}/server"]
    process = subprocess.Popen(
        [*program, "-qmp", f"unix:{path},server=on,wait=off"], stdin=subprocess.DEVNULL
    )
    try:
        server.accept()
        while not os.path.exists(path):
            if process.poll() is not None:
                raise SystemExit("the proxy has ended")
            time.sleep(0.01)
        yield server, path, process.pid
    finally:
        process.terminate()
        process.wait()


def resident(pid: int) -> int:
    """Return a process's resident memory in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return 1024 * int(line.split()[1])


def measure(
    server: Server, clients: list[socket.socket], pid: int, burst: int, seconds: float
) -> FanOut:
    """Send bursts, each when all clients have the one before."""
    poll = select.epoll()
    for client in clients:
        client.setblocking(False)
        poll.register(client, select.EPOLLIN)
    by_fd = {client.fileno(): client for client in clients}
    data = EVENT * burst
    expected, delivered = len(data) * len(clients), 0
    cpu, begin = cpu_seconds(pid), time.perf_counter()
    while time.perf_counter() - begin < seconds:
        server.send(data)
        received = 0
        while received < expected:
            for fd, _ in poll.poll(10.0) or _late():
                received += len(by_fd[fd].recv(1 << 18))
        delivered += burst * len(clients)
    spent = time.perf_counter() - begin
    poll.close()
    return FanOut(burst, delivered / spent, delivered / (cpu_seconds(pid) - cpu))


def _late() -> list[tuple[int, int]]:
    raise TimeoutError("no client has received anything for 10 s")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fan_out")
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--deaf", type=int, default=0, help="further clients, which never read")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="qmpeer-fan-") as folder,
        proxy(folder) as (server, path, pid),
        contextlib.ExitStack() as stack,
    ):
        warm = [stack.enter_context(connect(path)) for _ in range(20)]
        before = resident(pid)
        clients = [stack.enter_context(connect(path)) for _ in range(options.clients)]
        size = (resident(pid) - before) / options.clients / 1024
        print(f"an idle client: {size:.1f} KiB")
        for client in warm:
            client.close()
        for _ in range(options.deaf):
            stack.enter_context(connect(path))
        for burst in BURSTS:
            found = measure(server, clients, pid, burst, options.seconds)
            print(
                f"bursts of {burst:4}: {found.rate:10,.0f} deliveries/s,"
                f" {found.cpu_rate:10,.0f} a second of the proxy's CPU"
            )


if __name__ == "__main__":
    main()
