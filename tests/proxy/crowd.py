"""A thousand clients that get all events, and three that misbehave: how long another one waits.

    python -m tests.proxy.crowd

prints the times of one client's commands, in turn with and without those that misbehave: one never
reads, one sends without reading, one leaves in the middle of each command. The server is a real
QEMU; the proxy, the crowd and those that misbehave have processes of their own.
"""

import contextlib
import json
import multiprocessing
import os
import resource
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

from qmpeer import Client
from tests.listening import until_listening
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU, find_program

__all__ = ["measure"]

NEGOTIATION: Final = b'{"execute": "qmp_capabilities"}'
COMMAND: Final = b'{"execute": "query-status"}'
EVENT_PAUSE: Final = 0.1
LEAVE_PAUSE: Final = 0.01
_fork = multiprocessing.get_context("fork")


def _connect(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(PATIENCE)
    sock.connect(str(path))
    sock.sendall(NEGOTIATION)
    return sock


def _read_lines(sock: socket.socket, count: int) -> None:
    data = b""
    while data.count(b"\n") < count:
        data += sock.recv(1 << 16)


def _crowd(path: Path, count: int, is_there: Event, counted: Any) -> None:
    """Read everything that so many clients get; count the bytes of each."""
    poll = select.epoll()
    socks = {}
    for _ in range(count):
        sock = _connect(path)
        _read_lines(sock, 2)
        socks[sock.fileno()] = sock
        poll.register(sock, select.EPOLLIN)
    is_there.set()
    while True:
        for fd, _ in poll.poll():
            data = socks[fd].recv(1 << 16)
            if not data:
                os._exit(1)
            counted.value += data.count(b"\n")


def _events(path: Path) -> None:
    """Let events happen on another monitor."""
    with Client.connect(path) as vm:
        while True:
            vm.execute("stop")
            vm.execute("cont")
            time.sleep(EVENT_PAUSE)


def _never_reads(path: Path) -> None:
    sock = _connect(path)
    time.sleep(1000)
    sock.close()


def _sends_without_reading(path: Path) -> None:
    sock = _connect(path)
    with contextlib.suppress(OSError):
        while True:
            sock.sendall(b'{"execute": "query-commands"}' * 100)


def _leaves(path: Path) -> None:
    number = 0
    while True:
        sock = _connect(path)
        sock.sendall((COMMAND * 3)[: number % (3 * len(COMMAND))])
        sock.close()
        number += 1
        time.sleep(LEAVE_PAUSE)


@contextlib.contextmanager
def _processes(*targets: Any) -> Iterator[None]:
    processes = [
        _fork.Process(target=target, args=arguments, daemon=True) for target, *arguments in targets
    ]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


@contextlib.contextmanager
def _programs(folder: Path) -> Iterator[None]:
    """Start QEMU with two monitors, and a proxy in front of the first."""
    qemu = find_program(QEMU)
    assert qemu is not None, f"{QEMU} isn't installed"
    monitors: list[str] = []
    for name in ("qmp", "second"):
        monitors += ["-qmp", f"unix:{folder}/{name},server=on,wait=off"]
    listener = ("-qmp", f"unix:{folder}/proxy,server=on,wait=off")
    with contextlib.ExitStack() as stack:
        for command, name in (
            ([qemu, *BASE, *monitors], "second"),
            ([sys.executable, "-m", "qmpeer", "proxy", f"{folder}/qmp", *listener], "proxy"),
        ):
            process = stack.enter_context(
                subprocess.Popen(command, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            )
            stack.callback(process.terminate)
            until_listening(folder / name, process)
        yield


def _times(path: Path, commands: int) -> list[float]:
    """Return the seconds that each of so many commands took, one after another."""
    sock = _connect(path)
    _read_lines(sock, 2)
    times = []
    for _ in range(commands):
        began = time.perf_counter()
        sock.sendall(COMMAND)
        data = b""
        while b'"return"' not in data:
            data += sock.recv(1 << 16)
        times.append(time.perf_counter() - began)
    sock.close()
    return times


def measure(clients: int, commands: int, turns: int) -> dict[str, float]:
    """Measure, in turns, without and with clients that misbehave.

    Args:
        clients: The crowd.
        commands: The commands of one turn.
        turns: The turns of each kind.

    Returns:
        "p50" and "p99" without and "bad p50" and "bad p99" with them, in ms; "events" delivered.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, clients + 200)), hard))
    good: list[float] = []
    bad: list[float] = []
    with tempfile.TemporaryDirectory(prefix="crowd-") as name, _programs(Path(name)):
        path = Path(name) / "proxy"
        is_there, counted = _fork.Event(), _fork.Value("q", 0)
        crowd = (_crowd, path, clients, is_there, counted)
        with _processes(crowd, (_events, Path(name) / "second")):
            assert is_there.wait(PATIENCE)
            for _ in range(turns):
                good += _times(path, commands)
                misbehaving = [
                    (each, path) for each in (_never_reads, _sends_without_reading, _leaves)
                ]
                with _processes(*misbehaving):
                    bad += _times(path, commands)
            events = counted.value
    figures: dict[str, float] = {"events": events}
    for prefix, times in (("", good), ("bad ", bad)):
        cuts = quantiles(times, n=100)
        figures |= {f"{prefix}p50": cuts[49] * 1000, f"{prefix}p99": cuts[98] * 1000}
    return figures


def main() -> int:
    """Print the figures; return 1 if those that misbehave cost others more than twice the time."""
    figures = measure(1000, 2000, 4)
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))
    return int(figures["bad p99"] > 2 * figures["p99"])


if __name__ == "__main__":
    sys.exit(main())
