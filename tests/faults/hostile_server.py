"""A measurement of the time and memory that hostile servers cost a client.

    python -m tests.faults.hostile_server [KIND ...]

It prints a table with a row per kind of server and client: the outcome of a command with a deadline
of one second, the longest time in which nothing else ran, and the memory used besides the size of
the text.
"""

import asyncio
import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from qmpeer import AsyncClient, AsyncGuestAgent, Client, GuestAgent

__all__ = ["CLIENTS", "KINDS", "Cost", "cost", "run_alone"]

MIB = 1024**2
DEADLINE = 1.0
GREETING = (
    b'{"QMP":{"version":{"qemu":{"major":7,"minor":2,"micro":0},"package":""},'
    b'"capabilities":["oob"]}}\r\n'
)
EVENT = b'{"event":"A","timestamp":{"seconds":1,"microseconds":2}}\r\n'


def _reply(value: bytes) -> bytes:
    return b'{"return":' + value + b',"id":424242}\r\n'


def _list(item: bytes, size: int) -> bytes:
    return _reply(b"[" + item * (size // len(item)) + b"1]")


KINDS: dict[str, Callable[[int], bytes]] = {
    "a string for nobody": lambda size: _reply(b'"' + b"x" * size + b'"'),
    "a string and no comma": lambda size: b'{"return":"' + b"x" * size + b'" "id":1}\r\n',
    "escapes": lambda size: _reply(b'"' + b"\\u00e9" * (size // 6) + b'"'),
    "lone surrogates": lambda size: _reply(b'"' + b"\\ud800" * (size // 6) + b'"'),
    "single quotes": lambda size: b"{'return':'" + b"\\u00e9" * (size // 6) + b"'}\r\n",
    "backslashes": lambda size: _reply(b'"' + b"\\" * size + b'"'),
    "ones": lambda size: _list(b"1,", size),
    "objects": lambda size: _list(b"{},", size),
    "as many objects as may be": lambda size: _list(b"{},", 2 * MIB),
    "as many members as may be": lambda size: _reply(
        b"{" + b",".join(b'"k%d":%d.5' % (n, n) for n in range(2 * MIB - 9)) + b"}"
    ),
    "nan": lambda size: _list(b"nan,", size),
    "as many nan as may be": lambda size: _list(b"nan,", 4 * 2 * MIB - 64),
    "nan in a long text": lambda size: _reply(
        b"[" + (b'"' + b"x" * 1000 + b'",-inf,') * (size // 1010) + b"nan]"
    ),
    "nan in strings": lambda size: _reply(b'["' + b"nan" * (size // 3) + b'",nan]'),
    "a bad end": lambda size: _reply(b'["' + b"nan" * (size // 3) + b'",nan'),
    "a number": lambda size: _reply(b"9" * size),
    "a long fraction": lambda size: _reply(b"0." + b"9" * size),
    "blanks": lambda size: _reply(b" " * size + b"1"),
    "openers": lambda size: b"[" * size + b"\r\n",
    "closers": lambda size: b"}" * size + b"\r\n",
    "commas": lambda size: b"," * size + b"\r\n",
    "quotes": lambda size: b'"' * size + b"\r\n",
    "braces that even out": lambda size: b'{"return":"}' + b"{}" * (size // 2),
    "objects without lines": lambda size: b"{}" * (size // 2),
    "bad lines": lambda size: b"x\r\n" * (size // 3),
    "empty lines": lambda size: b"\r\n" * (size // 2),
    "CR": lambda size: b"\r" * size,
    "FF": lambda size: b"\xff" * size,
    "FF and letters": lambda size: b"x\xff" * (size // 2),
    "NUL": lambda size: b"\0" * size,
    "events": lambda size: EVENT * (size // len(EVENT)),
    "pretty": lambda size: b"{" + b'\n "a": 1,\n}\n{' * (size // 13),
    "pretty without an end": lambda size: b"{\n" + b' "a": 1,\n' * (size // 9),
    "pretty nan": lambda size: b"{\n" + b' "a": nan,\n' * (size // 11) + b' "b": 1\n}\r\n',
    "more than a message may have": lambda size: b'{"return":"' + b"x" * (3 * size),
    "short of a tolerant text": lambda size: b"[" + b"a," * (MIB // 2 - 8) + b"]\r\n",
    "short and single-quoted": lambda size: b"{'a':[" + b"'',1," * (MIB // 5 - 8) + b"]}\r\n",
}
"""The answers to a command, as functions of a size in bytes, which most of them have."""


class Cost(NamedTuple):
    """The cost of a kind of server to a client.

    Attributes:
        outcome: The command's outcome.
        seconds: The time until the outcome.
        stall: The longest time in which the loop ran nothing else; 0 for a blocking client.
        memory: The greatest growth of the process in bytes.
        size: The size of the text in bytes.
    """

    outcome: str
    seconds: float
    stall: float
    memory: int
    size: int


def _serve(listener: socket.socket, text: bytes, is_agent: bool) -> None:
    """Answer each client's first commands, then send the text."""
    sock, _ = listener.accept()
    with sock, sock.makefile("rb") as lines, contextlib.suppress(OSError):
        if not is_agent:
            sock.sendall(GREETING)
            message = json.loads(lines.readline())
            sock.sendall(json.dumps({"return": {}, "id": message["id"]}).encode() + b"\r\n")
        lines.readline()
        sock.sendall(text)
        lines.read()


def _blocking(path: str) -> Any:
    with Client.connect(path, timeout=30) as client:
        return client.execute("query-x", timeout=DEADLINE)


def _blocking_agent(path: str) -> Any:
    with GuestAgent.connect(path, timeout=DEADLINE) as agent:
        return agent.ping()


async def _async(path: str) -> Any:
    async with await AsyncClient.connect(path, timeout=30) as client:
        return await client.execute("query-x", timeout=DEADLINE)


async def _async_agent(path: str) -> Any:
    async with await AsyncGuestAgent.connect(path, timeout=DEADLINE) as agent:
        return await agent.ping()


CLIENTS: dict[str, Callable[[str], Any]] = {
    "blocking": _blocking,
    "async": _async,
    "blocking agent": _blocking_agent,
    "async agent": _async_agent,
}


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def cost(kind: str, client: str, size: int) -> Cost:
    """Measure a client with a server of a kind, in a process that has done nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "sock")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        ours, theirs = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                text = KINDS[kind](size)
                os.write(theirs, b"%d" % len(text))
                _serve(listener, text, "agent" in client)
            finally:
                os._exit(0)
        try:
            return _asked(CLIENTS[client], path, int(os.read(ours, 100)))
        finally:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            listener.close()


def _asked(ask: Callable[[str], Any], path: str, length: int) -> Cost:
    stall = 0.0

    async def run() -> Any:
        ticking = asyncio.create_task(tick())
        try:
            return await ask(f"unix:{path}")
        finally:
            ticking.cancel()

    async def tick() -> None:
        nonlocal stall
        while True:
            begin = time.monotonic()
            await asyncio.sleep(0.01)
            stall = max(stall, time.monotonic() - begin - 0.01)

    before = _memory()
    begin = time.monotonic()
    try:
        call = asyncio.run(run()) if asyncio.iscoroutinefunction(ask) else ask(f"unix:{path}")
        outcome = repr(call)[:60]
    except Exception as error:
        outcome = f"{type(error).__name__}: {error}"
    seconds = time.monotonic() - begin
    return Cost(outcome, seconds, stall, _memory() - before, length)


def run_alone(kind: str, client: str, size: int) -> Cost:
    """Measure the cost of a kind to a client in a new process."""
    argv = [sys.executable, "-m", "tests.faults.hostile_server", "--one", kind, client, str(size)]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root / "src"), *sys.path])}
    output = subprocess.run(
        argv, cwd=root, env=environment, stdout=subprocess.PIPE, check=True, timeout=150
    ).stdout
    return Cost(*json.loads(output))


def _rows(kinds: list[str]) -> Iterator[str]:
    head = f"{'what is sent':30}{'MiB':>5}  {'client':16}"
    yield f"{head}{'s':>6}{'stall s':>9}{'MiB':>6}{'x':>6}  outcome"
    for kind in kinds or KINDS:
        for client in CLIENTS:
            found = run_alone(kind, client, 64 * MIB)
            yield (
                f"{kind:30}{found.size / MIB:5.0f}  {client:16}{found.seconds:6.2f}"
                f"{found.stall:9.2f}{found.memory / MIB:6.0f}{found.memory / found.size:6.1f}  "
                f"{found.outcome[:70]}"
            )


def main(argv: list[str]) -> None:
    """Print the table, or the cost of one kind as JSON."""
    if argv[:1] == ["--one"]:
        print(json.dumps(cost(argv[1], argv[2], int(argv[3]))))
        return
    for row in _rows(argv):
        print(row, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
