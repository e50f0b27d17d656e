"""A program around character devices: it keeps their messages and their front ends' input."""

import asyncio
from collections.abc import Callable
from typing import Any

from qmpeer.chardev import Chardev, Chardevs, Host, parse_chardev
from qmpeer.transport.aio import Stream, StreamHandler
from tests.patience import PATIENCE
from tests.transport.recorder import Recorder


class _Leaver(Recorder):
    """A handler that closes its stream at the end of input, as monitors do."""

    def eof_received(self) -> None:
        super().eof_received()
        self.stream.close()


class FrontEnd:
    """A front end that makes the handlers of a device's streams and keeps them."""

    def __init__(self, greeting: bytes = b"", *, stays: bool = False) -> None:
        self.greeting = greeting
        self.stays = stays
        self.handlers: list[Recorder] = []
        self._made = asyncio.Event()

    def __call__(self, stream: Stream) -> StreamHandler:
        handler = self.make(stream)
        self.handlers.append(handler)
        if self.greeting:
            stream.write(self.greeting)
        self._made.set()
        return handler

    def make(self, stream: Stream) -> Recorder:
        return Recorder(stream) if self.stays else _Leaver(stream)

    @property
    def last(self) -> Recorder:
        return self.handlers[-1]

    async def connected(self, times: int = 1) -> Recorder:
        """Wait until clients have connected so many times."""
        async with asyncio.timeout(PATIENCE):
            while len(self.handlers) < times:
                self._made.clear()
                await self._made.wait()
        return self.last


class Program:
    """A host program of character devices."""

    def __init__(self, **host: Any) -> None:
        self.said: list[str] = []
        self.reported: list[str] = []
        self.asked: list[str] = []
        self._changed = asyncio.Event()
        self.host = Host(
            say=self.said.append,
            report=self._report,
            quit=lambda: self.asked.append("quit"),
            commit=lambda: self.asked.append("commit"),
            when_changed=self._changed.set,
        )
        for name, value in host.items():
            setattr(self.host, name, value)
        self.devices = Chardevs(self.host)

    async def add(self, text: str, front: FrontEnd | None = None) -> Chardev:
        """Make the device of a -chardev option, and attach a front end."""
        device = await self.devices.add_described(parse_chardev(text))
        if front is not None:
            device.attach(front)
        return device

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for a condition, which is checked when a device changes or a report comes."""
        async with asyncio.timeout(PATIENCE):
            while not is_so():
                self._changed.clear()
                await self._changed.wait()

    async def end(self) -> None:
        """Cut all connections, and let all handlers be notified."""
        for device in self.devices:
            device.yank()
            device.close()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def _report(self, line: str) -> None:
        self.reported.append(line)
        self._changed.set()
