"""The server of one case: an ordinary machine, an address, and what is odd between them."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qmpeer import limits
from qmpeer.conformance.clients.case import ClientCase, Listening
from qmpeer.conformance.clients.conversation import Record
from qmpeer.conformance.clients.odd_stream import OddStream
from qmpeer.machine import parse_options
from qmpeer.machine.machine import Machine
from qmpeer.transport.aio import (
    HandlerFactory,
    Listener,
    Stream,
    StreamHandler,
    start_listening,
)

_LATE: Final = 1.0
_LATE_MOST: Final = 3.0


def lateness(seconds: float) -> float:
    """Return the seconds after which a late server listens: when its client has tried already.

    Args:
        seconds: How long the client ran with an ordinary server.
    """
    return min(max(3 * seconds, _LATE), _LATE_MOST)


@dataclass(frozen=True, slots=True)
class Target:
    """The address of a case's server, in several forms.

    Attributes:
        address: As an address of qmpeer, such as ``unix:/tmp/qmp`` or ``tcp:127.0.0.1:4444``.
        path: The path of a unix socket; "" on TCP.
        host: The host on TCP; "" for a unix socket.
        port: The port on TCP; 0 for a unix socket.
    """

    address: str
    path: str = ""
    host: str = ""
    port: int = 0


class Machines:
    """The machines behind the servers; one that was only queried is used again."""

    def __init__(self) -> None:
        self._idle: list[Machine] = []

    def prepare(self, count: int) -> None:
        """Start machines, so that none has to be started while clients wait for this process."""
        while len(self._idle) < count:
            machine = Machine(parse_options(["-nodefaults", "-display", "none"]))
            machine.start()
            self._idle.append(machine)

    def take(self) -> Machine:
        """Return a machine that runs."""
        self.prepare(1)
        return self._idle.pop()

    def give_back(self, machine: Machine, record: Record) -> None:
        """Keep a machine for another case, unless a client may have changed it."""
        if record.changes_machine:
            machine.end()
        else:
            self._idle.append(machine)

    def close(self) -> None:
        """End the machines."""
        while self._idle:
            self._idle.pop().end()


@contextlib.asynccontextmanager
async def serving(
    case: ClientCase,
    machine: Machine,
    record: Record,
    folder: Path,
    *,
    late: float = _LATE,
    is_tcp: bool = False,
) -> AsyncIterator[Target]:
    """Serve a case, and yield the address.

    Args:
        case: The case.
        machine: The machine behind the server.
        record: What happens is noted here.
        folder: Where the unix socket is made.
        late: Seconds after which a late server listens.
        is_tcp: Serve on TCP, at 127.0.0.1.
    """
    streams: list[OddStream] = []

    def factory(raw: Stream) -> StreamHandler:
        streams[:] = (stream for stream in streams if not stream.has_left)
        streams.append(stream := OddStream(raw, case, record))
        stream.start(machine.monitor.connection_factory())
        return stream

    server = _Server(case, folder / case.case.name, factory, late, is_tcp=is_tcp)
    try:
        await server.start()
        yield server.target
    finally:
        await server.close()
        for stream in streams:
            stream.abort()


class _Server:
    """The socket of a case."""

    def __init__(
        self, case: ClientCase, path: Path, factory: HandlerFactory, seconds: float, *, is_tcp: bool
    ) -> None:
        self._how = case.listening
        self._factory = factory
        self._seconds = seconds
        self._sock = socket.socket(socket.AF_INET if is_tcp else socket.AF_UNIX)
        self._listener: Listener | None = None
        self._late: asyncio.Task[None] | None = None
        if is_tcp:
            self._sock.bind(("127.0.0.1", 0))
            host, port = self._sock.getsockname()
            self.target = Target(f"tcp:{host}:{port}", host=host, port=port)
        else:
            self.target = Target(f"unix:{path}", path=str(path))

    async def start(self) -> None:
        match self._how:
            case Listening.AT_ONCE:
                self._bind()
                await self._listen()
            case Listening.LATE:
                self._late = asyncio.create_task(self._listen_late())
            case Listening.NEVER:
                self._bind()
            case Listening.NOWHERE if self.target.port:
                self._sock.close()

    def _bind(self) -> None:
        if self.target.path:
            self._sock.bind(self.target.path)
            os.chmod(self.target.path, 0o600)

    async def _listen(self) -> None:
        self._sock.listen(limits.BACKLOG_MANY)
        self._listener = await start_listening(self._sock, self._factory, many=True)

    async def _listen_late(self) -> None:
        await asyncio.sleep(self._seconds)
        self._bind()
        await self._listen()

    async def close(self) -> None:
        if self._late is not None:
            self._late.cancel()
            await asyncio.wait((self._late,))
        if self._listener is not None:
            self._listener.close()
        self._sock.close()
