"""A real QEMU behind a relay, and every byte counted at both ends.

The client sends commands of random sizes, many at once and cut anywhere, some with a descriptor,
some with an event. Between the relay and QEMU is a tap: two threads without any code of ours. For
each connection and direction, the hash of what one end sent must be that of what the other got.

On standard output: one line with the counts. Status 1 if a byte was changed.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from qmpeer.relay import Relay
from tests.qemu import BASE, QEMU, find_program

PATIENCE = 60.0
WINDOW = 64
"""Commands in flight."""
BLOCK = 1 << 16


class Side:
    """The bytes of one direction at one end."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size = 0
        self.fds = 0

    def add(self, data: bytes, fds: int = 0) -> None:
        self._hash.update(data)
        self.size += len(data)
        self.fds += fds

    def seen(self) -> tuple[int, int, str]:
        return self.size, self.fds, self._hash.hexdigest()


@dataclass
class Tally:
    """The counts of what passed, and the faults."""

    messages: int = 0
    bytes: int = 0
    events: int = 0
    fds: int = 0
    faults: list[str] = field(default_factory=list)


class Tap:
    """A listener in front of QEMU; it counts what it passes on, one connection at a time."""

    def __init__(self, path: Path, server: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._listener.settimeout(PATIENCE)
        self._server = str(server)
        self.to_server = Side()
        self.to_client = Side()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Accept one connection in a thread, and pass its bytes on."""
        self.to_server, self.to_client = Side(), Side()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def join(self) -> None:
        """Wait until both directions have ended."""
        while self._threads:
            self._threads.pop(0).join(PATIENCE)

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        relay, _ = self._listener.accept()
        qemu = socket.socket(socket.AF_UNIX)
        qemu.connect(self._server)
        back = threading.Thread(target=self._pump, args=(qemu, relay, self.to_client))
        back.start()
        self._pump(relay, qemu, self.to_server)
        back.join(PATIENCE)
        relay.close()
        qemu.close()

    def _pump(self, source: socket.socket, target: socket.socket, side: Side) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while True:
                data, fds, _, _ = socket.recv_fds(source, BLOCK, 253)
                if not data:
                    break
                side.add(data, len(fds))
                sent = socket.send_fds(target, [data], fds) if fds else 0
                target.sendall(data[sent:])
                for fd in fds:
                    os.close(fd)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


class Talker:
    """A client on a blocking socket, with a thread that reads."""

    def __init__(self, path: Path, seed: int, longest: int) -> None:
        self._random = random.Random(seed)
        self._longest = longest
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.settimeout(PATIENCE)
        self._sock.connect(str(path))
        self.sent = Side()
        self.received = Side()
        self.lines = 0
        self.events = 0
        self.errors: list[bytes] = []
        self._room = threading.Semaphore(WINDOW)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def talk(self, commands: int) -> None:
        """Send so many commands; wait for all replies."""
        self._room.acquire()  # the greeting gives this one back
        self._room.acquire()
        self._send(b'{"execute": "qmp_capabilities"}\n')
        unsent = b""
        null = os.open(os.devnull, os.O_RDONLY)
        for number in range(commands - 1):
            self._room.acquire()
            kind = self._random.random()
            if kind < 0.005:
                self._send(unsent)
                unsent = b""
                self._send(self._command("getfd", fdname="a"), null)
            elif kind < 0.02:
                unsent += self._command("stop" if number % 2 else "cont")
            else:
                unsent += self._command("query-version")
            if unsent and (self._random.random() < 0.3 or self._is_waiting()):
                cut = self._random.randrange(len(unsent) + 1)
                self._send(unsent[:cut])
                self._send(unsent[cut:])
                unsent = b""
        self._send(unsent)
        os.close(null)
        for _ in range(WINDOW):
            assert self._room.acquire(timeout=PATIENCE), "no reply"

    def end(self) -> None:
        """Close as clients do: in one direction, or at once."""
        if self._random.random() < 0.5:
            self._sock.shutdown(socket.SHUT_WR)
        else:
            self._sock.shutdown(socket.SHUT_RDWR)
        self._reader.join(PATIENCE)
        self._sock.close()

    def _is_waiting(self) -> bool:
        if self._room.acquire(blocking=False):
            self._room.release()
            return False
        return True

    def _command(self, name: str, **arguments: str) -> bytes:
        size = int(self._random.paretovariate(0.9)) if self._random.random() < 0.5 else 0
        filler = "".join(self._random.choices('ab é€\\"\n', k=min(size, self._longest)))
        command: dict[str, object] = {"execute": name, "id": filler}
        if arguments:
            command["arguments"] = arguments
        return json.dumps(command, ensure_ascii=self._random.random() < 0.5).encode() + b"\n"

    def _send(self, data: bytes, fd: int | None = None) -> None:
        if not data:
            return
        if fd is None:
            self._sock.sendall(data)
        else:
            sent = socket.send_fds(self._sock, [data], [fd])
            self._sock.sendall(data[sent:])
        self.sent.add(data, fd is not None)

    def _read(self) -> None:
        rest = b""
        while data := self._receive():
            self.received.add(data)
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self.lines += 1
                if line.startswith(b'{"timestamp"'):
                    self.events += 1
                    continue
                if line.startswith(b'{"id"') and b'"error": {' in line:
                    self.errors.append(line)
                self._room.release()

    def _receive(self) -> bytes:
        try:
            return self._sock.recv(BLOCK)
        except OSError:
            return b""


def converse(
    path: Path, tap: Tap, commands: int, seed: int, tally: Tally, longest: int = 20_000
) -> None:
    """Hold one conversation, and compare both ends.

    Args:
        path: The relay's path.
        tap: The server that the relay dials.
        commands: The number of commands.
        seed: The seed of everything random.
        tally: Gets the counts, and the faults.
        longest: The most characters of a command's id. A byte costs QEMU 1.9 µs.
    """
    tap.start()
    talker = Talker(path, seed, longest)
    talker.talk(commands)
    talker.end()
    tap.join()
    if talker.sent.seen() != tap.to_server.seen():
        found = f"{talker.sent.seen()} sent, {tap.to_server.seen()} received"
        tally.faults.append(f"seed {seed}, commands: {found}")
    if talker.received.seen() != tap.to_client.seen():
        found = f"{tap.to_client.seen()} sent, {talker.received.seen()} received"
        tally.faults.append(f"seed {seed}, answers: {found}")
    if talker.errors:
        tally.faults.append(f"seed {seed}: {len(talker.errors)} errors: {talker.errors[0][:200]!r}")
    tally.messages += commands + talker.lines
    tally.bytes += talker.sent.size + talker.received.size
    tally.events += talker.events
    tally.fds += talker.sent.fds


@contextlib.contextmanager
def relaying(
    front: Path, back: Path, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> Iterator[None]:
    """Run a relay in a thread of its own."""
    is_up = threading.Event()
    stop: Callable[[], object]

    async def main() -> None:
        nonlocal stop
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        stop = lambda: loop.call_soon_threadsafe(ended.set)  # noqa: E731
        async with Relay(back) as relay:
            await relay.listen(front)
            is_up.set()
            await ended.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(main())

    thread = threading.Thread(target=run)
    thread.start()
    assert is_up.wait(PATIENCE)
    try:
        yield
    finally:
        stop()
        thread.join(PATIENCE)


def soak(
    folder: Path,
    messages: int,
    conversations: int,
    new_loop: Callable[[], asyncio.AbstractEventLoop],
    seed: int = 0,
    **options: int,
) -> Tally:
    """Hold conversations with a real QEMU until so many messages have passed."""
    qemu = find_program(QEMU)
    assert qemu is not None
    path = folder / "qemu"
    monitor = ("-qmp", f"unix:{path},server=on,wait=off")
    tally = Tally()
    with subprocess.Popen([qemu, *BASE, *monitor], stderr=subprocess.DEVNULL) as process:
        try:
            while not path.exists():
                assert process.poll() is None
                time.sleep(0.01)
            tap = Tap(folder / "tap", path)
            with relaying(folder / "relay", folder / "tap", new_loop):
                while tally.messages < messages and not tally.faults:
                    commands = max(2, messages // conversations // 2)
                    converse(folder / "relay", tap, commands, seed, tally, **options)
                    seed += 1
            tap.close()
        finally:
            process.terminate()
    return tally


def main() -> int:
    """Soak for as many messages as wanted, half of them on each loop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    with contextlib.suppress(ImportError):
        import uvloop

        loops["uvloop"] = uvloop.new_event_loop
    status = 0
    for name, new_loop in loops.items():
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            began = time.monotonic()
            most = options.messages // len(loops)
            tally = soak(Path(folder), most, 50, new_loop, options.seed)
        seconds = time.monotonic() - began
        print(
            f"{name}: {tally.messages:,} messages, {tally.bytes:,} bytes, {tally.events:,} events, "
            f"{tally.fds:,} descriptors in {seconds:.0f} s; {len(tally.faults)} connections changed"
        )
        for fault in tally.faults:
            print(fault)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
