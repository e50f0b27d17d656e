"""The client under judgement as a process: its command line, its deadline, its memory, its end."""

import asyncio
import contextlib
import os
import shlex
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qmpeer import limits
from qmpeer.conformance.clients.odd_server import Target

_PLACES: Final = ("address", "path", "host", "port")
_DRAIN: Final = 0.2
"""Seconds for the last output of a process that has ended, which another one may hold open."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a client.

    Attributes:
        status: Its exit status; negative for a signal; None if it was ended here.
        reason: Why it was ended here: ``it ran longer than 10 seconds``; "" if it wasn't.
        output: Its last output.
        errors: Its last output on standard error.
        seconds: How long it ran.
    """

    status: int | None
    reason: str = ""
    output: bytes = b""
    errors: bytes = b""
    seconds: float = 0.0


def command_words(command: str) -> list[str]:
    """Split a command line as a shell does; nothing in it is expanded.

    Raises:
        ValueError: If it is empty, or a quote isn't closed.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        raise ValueError(f"found an open quote in {command!r}, expected a command") from None
    if not words:
        raise ValueError("found an empty command, expected one such as 'client {address}'")
    return words


def is_for_tcp(words: list[str]) -> bool:
    """Return whether a client connects over TCP: its command has ``{host}`` or ``{port}``."""
    return any("{host}" in word or "{port}" in word for word in words)


def filled_in(words: list[str], target: Target) -> list[str]:
    """Return the words with the forms of an address in their places.

    Example:
        >>> filled_in(["client", "--at={path}", "{}"], Target("unix:/run/qmp", "/run/qmp"))
        ['client', '--at=/run/qmp', '{}']
    """
    values = {"{" + name + "}": str(getattr(target, name)) for name in _PLACES}
    return [_replaced(word, values) for word in words]


def _replaced(word: str, values: Mapping[str, str]) -> str:
    for place, value in values.items():
        word = word.replace(place, value)
    return word


async def run_program(
    words: list[str],
    target: Target,
    *,
    timeout: float = limits.JUDGED_TIMEOUT,
    memory: int = limits.JUDGED_MEMORY,
) -> Ending:
    """Run a client until it ends, or ends too late, or uses too much memory.

    It has a process group of its own, and is ended together with the whole group. ``QMP_ADDRESS``
    in its environment is the address. Its standard input is empty.

    Args:
        words: The command line, with places such as ``{address}``.
        target: The address of the server.
        timeout: The time limit in seconds.
        memory: The bytes of memory that it and its children may use; checked on Linux only.

    Raises:
        OSError: If it can't be started.
    """
    loop = asyncio.get_running_loop()
    output, errors = await _Tail.opened(), await _Tail.opened()
    begin = loop.time()
    try:
        process = await asyncio.create_subprocess_exec(
            *filled_in(words, target),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output.write_end,
            stderr=errors.write_end,
            env={**os.environ, "QMP_ADDRESS": target.address},
            start_new_session=True,
        )
    except OSError:
        output.transport.close()
        errors.transport.close()
        raise
    finally:
        os.close(output.write_end)
        os.close(errors.write_end)
    reason = ""
    try:
        async with asyncio.timeout(timeout):
            reason = await _until_end(process, memory)
    except TimeoutError:
        reason = f"it ran longer than {timeout:g} seconds"
    finally:
        seconds = loop.time() - begin
        _end_group(process.pid)
        await process.wait()
        await asyncio.wait((output.ended, errors.ended), timeout=_DRAIN)
        output.transport.close()
        errors.transport.close()
    status = None if reason else process.returncode
    return Ending(status, reason, bytes(output.kept), bytes(errors.kept), seconds)


class _Tail(asyncio.Protocol):
    """The last output of a process, through a pipe.

    It isn't a pipe of asyncio's own: the end of a process is awaited until these are closed, and
    a process that was left behind may hold them open.
    """

    transport: asyncio.ReadTransport

    def __init__(self, write_end: int) -> None:
        self.write_end = write_end
        self.kept = bytearray()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def opened(cls) -> "_Tail":
        read_end, write_end = os.pipe()
        tail = cls(write_end)
        loop = asyncio.get_running_loop()
        tail.transport, _ = await loop.connect_read_pipe(lambda: tail, os.fdopen(read_end, "rb"))
        return tail

    def data_received(self, data: bytes) -> None:
        self.kept += data
        del self.kept[: -limits.JUDGED_OUTPUT]

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


async def _until_end(process: asyncio.subprocess.Process, memory: int) -> str:
    """Wait for the end; return a reason to end it here, or ""."""
    waiting = asyncio.ensure_future(process.wait())
    try:
        while not (await asyncio.wait((waiting,), timeout=limits.JUDGED_MEMORY_CHECK))[0]:
            if sum(map(_resident, _family(process.pid))) > memory:
                return f"it used more than {memory >> 20} MiB of memory"
    finally:
        waiting.cancel()
    return ""


def _family(pid: int) -> Iterator[int]:
    """Yield a process and its descendants, as far as the system shows them."""
    yield pid
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        for child in text.split():
            yield from _family(int(child))


def _resident(pid: int) -> int:
    """Return the bytes of memory that a process uses; 0 if the system doesn't say."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _end_group(pid: int) -> None:
    """End a process group: its leader, and what the leader has left behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
