"""The load on servers: raw sockets in one process, replies counted by their newlines.

Nothing is parsed, so the client costs the same small amount with every server.
"""

import resource
import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

COMMAND = b'{"execute":"query-version"}\n'
NAME = b'{"execute":"query-name"}\n'
"""A command that a proxy doesn't answer itself."""
SCHEMA = b'{"execute":"query-qmp-schema"}\n'
HUMAN = b'{"execute":"human-monitor-command","arguments":{"command-line":"info version"}}\n'
NEGOTIATE = b'{"execute":"qmp_capabilities"}\n'
TIMEOUT = 60.0
BLOCK = 1 << 16
"""The bytes to receive at once: with four times as many, allocation costs 10 us a command."""


def read_lines(stream: socket.socket, count: int = 1) -> None:
    """Read until this many newlines have come.

    Raises:
        EOFError: If the server closes first.
    """
    while count > 0:
        data = stream.recv(BLOCK)
        if not data:
            raise EOFError("the server closed the connection")
        count -= data.count(b"\n")


def connect(path: str, timeout: float = TIMEOUT) -> socket.socket:
    """Connect, read the greeting, negotiate without out-of-band execution."""
    stream = socket.socket(socket.AF_UNIX)
    try:
        stream.settimeout(timeout)
        stream.connect(path)
        read_lines(stream)
        stream.sendall(NEGOTIATE)
        read_lines(stream)
    except BaseException:
        stream.close()
        raise
    return stream


def sequential(path: str, seconds: float, command: bytes = COMMAND) -> float:
    """Return replies a second when each command waits for the previous reply."""
    count = 0
    with connect(path) as stream:
        now = start = time.perf_counter()
        while now < start + seconds:
            stream.sendall(command)
            while not stream.recv(BLOCK).endswith(b"\n"):
                pass
            count += 1
            now = time.perf_counter()
    return count / (now - start)


@dataclass(slots=True)
class _Feeder:
    """A source of commands for one connection."""

    stream: socket.socket
    epoll: select.epoll
    command: bytes
    unsent: bytes = b""

    def feed(self, count: int) -> None:
        """Send this many more commands; keep the bytes that the kernel doesn't take."""
        had_unsent = self.unsent
        unsent = had_unsent + self.command * count
        try:
            self.unsent = unsent[self.stream.send(unsent) :]
        except BlockingIOError:
            self.unsent = unsent
        if self.unsent or had_unsent:
            writable = select.EPOLLOUT if self.unsent else 0
            self.epoll.modify(self.stream, select.EPOLLIN | writable)


def pipelined(paths: Sequence[str], depth: int, seconds: float, command: bytes = COMMAND) -> float:
    """Return replies a second with `depth` commands outstanding on each path."""
    feeders: dict[int, _Feeder] = {}
    with select.epoll() as epoll:
        for path in paths:
            stream = connect(path)
            stream.setblocking(False)
            feeders[stream.fileno()] = _Feeder(stream, epoll, command)
            epoll.register(stream, select.EPOLLIN)
        try:
            return _pump(epoll, feeders, depth, seconds)
        finally:
            for feeder in feeders.values():
                feeder.stream.close()


def _pump(epoll: select.epoll, feeders: dict[int, _Feeder], depth: int, seconds: float) -> float:
    start = now = time.perf_counter()
    total = 0
    for feeder in feeders.values():
        feeder.feed(depth)
    while now < start + seconds:
        ready = epoll.poll(TIMEOUT)
        if not ready:
            raise TimeoutError("the server answers no more")
        for number, mask in ready:
            feeder = feeders[number]
            if mask & select.EPOLLOUT:
                feeder.feed(0)
            if mask & ~select.EPOLLOUT:
                data = feeder.stream.recv(BLOCK)
                if not data:
                    raise EOFError("the server closed the connection")
                replies = data.count(b"\n")
                total += replies
                feeder.feed(replies)
        now = time.perf_counter()
    return total / (now - start)


def reconnects(path: str, seconds: float) -> float:
    """Return connections a second, each one negotiated and closed."""
    count = 0
    now = start = time.perf_counter()
    while now < start + seconds:
        connect(path).close()
        count += 1
        now = time.perf_counter()
    return count / (now - start)


def throughput(path: str, request: bytes, seconds: float) -> float:
    """Return the bytes a second at which a server reads one request, sent again and again."""
    count = 0
    with connect(path) as stream:
        now = start = time.perf_counter()
        while now < start + seconds:
            stream.sendall(request)
            read_lines(stream)
            count += 1
            now = time.perf_counter()
    return count * len(request) / (now - start)


def memory(pid: int) -> int:
    """Return the bytes of memory that a process uses (VmRSS)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(f"process {pid} has no memory")


def allow_files(count: int) -> None:
    """Let this process, and those that it starts from now on, open this many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, max(hard, count)))


def idle_memory(path: str, pid: int, clients: int) -> float:
    """Return the bytes of a server's memory that each negotiated, idle client costs."""
    before = memory(pid)
    streams: list[socket.socket] = []
    try:
        streams.extend(connect(path) for _ in range(clients))
        return (memory(pid) - before) / clients
    finally:
        for stream in streams:
            stream.close()
