"""Monitors on character devices, or on objects with the same interface."""

import asyncio
from typing import Literal

import pytest

from qmpeer.monitor import Monitor
from qmpeer.transport.aio import HandlerFactory, StreamHandler
from tests.transcripts.memory_stream import MemoryStream

When = Literal["now", "later", "never"]


class Device:
    """A device that keeps its front end and connects a stream in memory to it."""

    def __init__(self, kind: str = "socket", *, oob: bool = True, opens: When = "now") -> None:
        self.kind = kind
        self.offers_oob = oob
        self.opens: When = opens
        self.wants_echo = False
        self.stream = MemoryStream()
        self._factory: HandlerFactory | None = None

    def attach(self, factory: HandlerFactory, *, wants_echo: bool = False) -> None:
        if self._factory is not None:
            raise ValueError("it has a front end already")
        self._factory = factory
        self.wants_echo = wants_echo

    def connect(self) -> StreamHandler:
        assert self._factory is not None
        return self._factory(self.stream)


async def attached(device: Device, *, human: bool = False, pretty: bool = False) -> bytes:
    """Attach a monitor, connect, and return its output."""
    monitor = Monitor(name="mine", version=(1, 2, 3))
    monitor.attach(device, human=human, pretty=pretty)
    device.connect()
    return device.stream.take()


@pytest.mark.parametrize(("oob", "offered"), [(True, b'["oob"]'), (False, b"[]")])
async def test_a_device_says_whether_oob_is_offered(oob: bool, offered: bytes) -> None:
    device = Device(oob=oob)
    assert b'"capabilities": %s}' % offered in await attached(device)
    assert device.wants_echo


async def test_pretty() -> None:
    assert (await attached(Device(), pretty=True)).startswith(b'{\r\n    "QMP"')


@pytest.mark.parametrize(
    ("kind", "end"), [("socket", b"information\r\n(mine) "), ("mux", b"information\r\n")]
)
async def test_people_are_greeted(kind: str, end: bytes) -> None:
    device = Device(kind)
    said = await attached(device, human=True)
    assert said.startswith(b"QEMU 1.2.3 monitor")
    assert said.endswith(end.replace(b"mine", b"qemu"))
    assert not device.wants_echo


async def test_where_nobody_ever_comes_there_are_only_events() -> None:
    monitor = Monitor()
    device, mute = Device(opens="never"), Device(opens="never")
    monitor.attach(device)
    monitor.attach(mute, human=True)
    device.connect()
    mute.connect()
    monitor.emit("STOP")
    monitor.open_devices()
    await asyncio.sleep(0)
    assert b'"STOP"' in device.stream.take()
    assert mute.stream.take() == b""


async def test_where_somebody_comes_later_the_greeting_comes_then() -> None:
    monitor = Monitor()
    device = Device(opens="later")
    monitor.attach(device)
    handler = device.connect()
    monitor.emit("RESUME")
    monitor.open_devices()
    first, second = device.stream.take().splitlines()
    assert b'"RESUME"' in first
    assert second.startswith(b'{"QMP"')
    monitor.emit("STOP")  # it has yet to negotiate
    handler.data_received(b'{"execute": "qmp_capabilities"}', ())
    await asyncio.sleep(0)
    assert device.stream.take() == b'{"return": {}}\r\n'


async def test_what_cannot_be_is_refused() -> None:
    monitor = Monitor()
    device = Device()
    with pytest.raises(ValueError, match="can't be pretty"):
        monitor.attach(device, human=True, pretty=True)
    monitor.attach(device)
    with pytest.raises(ValueError, match="has a front end"):
        monitor.attach(device)
