"""The bare asyncio protocol, one future a command: the floor of any client on a loop."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.timing import Timing, timed

WAVE = 1000


class BareProtocol(asyncio.Protocol):
    """A client of forty lines."""

    transport: asyncio.Transport

    def __init__(self, loads: Callable[[bytes], Any], dumps: Callable[[object], bytes]) -> None:
        self._loads, self._dumps = loads, dumps
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._number = 0
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._events: deque[Any] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self.greeting: asyncio.Future[Any] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Handle complete lines; keep the rest."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        loads, pending = self._loads, self._pending
        for line in lines:
            message = loads(line)
            if "event" in message:
                self._events.append(message)
                if self._waiter and not self._waiter.done():
                    self._waiter.set_result(None)
            elif "QMP" in message:
                self.greeting.set_result(message)
            else:
                pending.pop(message["id"]).set_result(message["return"])

    def execute(self, command: str, **arguments: object) -> asyncio.Future[Any]:
        """Send a command; its future gets the return value."""
        self._number += 1
        message = {"execute": command, "id": self._number}
        if arguments:
            message["arguments"] = arguments
        future = self._pending[self._number] = self._loop.create_future()
        self.transport.write(self._dumps(message) + b"\n")
        return future

    async def next_event(self) -> Any:
        """Wait for the next event."""
        while not self._events:
            self._waiter = self._loop.create_future()
            await self._waiter
        return self._events.popleft()


@dataclass(frozen=True, slots=True)
class Tests:
    """The tests with one JSON library.

    Attributes:
        loads: The function that parses a JSON text.
        dumps: The function that formats a JSON text.
    """

    loads: Callable[[bytes], Any]
    dumps: Callable[[object], bytes]

    async def _connect(self, path: str) -> BareProtocol:
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_unix_connection(
            lambda: BareProtocol(self.loads, self.dumps), path
        )
        await protocol.greeting
        await protocol.execute("qmp_capabilities", enable=["oob"])
        return protocol

    async def sequential(self, path: str, count: int, command: str = "query-version") -> Timing:
        """Send one command after the other."""
        protocol = await self._connect(path)
        with timed() as timing:
            for _ in range(count):
                await protocol.execute(command)
        protocol.transport.close()
        return timing

    async def schema(self, path: str, count: int) -> Timing:
        """Ask for the schema again and again."""
        return await self.sequential(path, count, "query-qmp-schema")

    async def pipelined(self, path: str, count: int) -> Timing:
        """Send commands in waves of 1,000 that are in flight at the same time."""
        protocol = await self._connect(path)
        with timed() as timing:
            for _ in range(count // WAVE):
                await asyncio.gather(*(protocol.execute("query-version") for _ in range(WAVE)))
        protocol.transport.close()
        return timing

    async def events(self, path: str, count: int) -> Timing:
        """Take this many events, starting with the command that has them sent."""
        protocol = await self._connect(path)
        with timed() as timing:
            await protocol.execute("x-stream", count=count)
            for _ in range(count):
                await protocol.next_event()
        protocol.transport.close()
        return timing
