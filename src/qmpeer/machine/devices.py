"""The live side of a monitor's character device: who is connected, and what query-chardev says."""

import asyncio
from collections.abc import Callable

from qmpeer.machine.compat_monitors import CompatMonitor
from qmpeer.transport.aio import HandlerFactory, Listener, Stream, StreamHandler


class MonitorDevice:
    """Know the stream that a monitor of the command line speaks through at the moment.

    Attributes:
        description: What the command line says of it.
        end: Of TCP, our own end as HOST:PORT.
        other_end: Of TCP, whom we connect to; "" if it is a server.
        listener: Where its clients come in, None if it is no server.
    """

    def __init__(
        self,
        description: CompatMonitor,
        handler_factory: HandlerFactory,
        when_changed: Callable[[], None],
    ) -> None:
        self.description = description
        self.end = ""
        self.other_end = ""
        self.listener: Listener | None = None
        self._handler_factory = handler_factory
        self._when_changed = when_changed
        self._stream: Stream | None = None
        self._has_come = asyncio.Event()

    @property
    def label(self) -> str:
        """Its name in query-chardev and yank."""
        return self.description.label

    @property
    def is_connected(self) -> bool:
        """Whether somebody is at the other end."""
        return self._stream is not None

    @property
    def is_socket(self) -> bool:
        """Whether it can be yanked."""
        return self.description.kind != "stdio"

    @property
    def filename(self) -> str:
        """What query-chardev calls its filename."""
        if self._stream is None:
            return self.description.filename(self.other_end or self.end, None)
        if self.description.kind != "tcp":
            return self.description.filename("", "")
        return self.description.filename(self.end, self._stream.peer.removeprefix("tcp:"))

    def connect(self, stream: Stream) -> StreamHandler:
        """Make the handler of a new stream; this is the factory that listeners are given."""
        handler = _DeviceHandler(self, self._handler_factory(stream))
        self._stream = stream
        self._has_come.set()
        self._when_changed()
        return handler

    def disconnect(self) -> None:
        """Take note that the stream is gone."""
        self._stream = None
        self._when_changed()

    def yank(self) -> None:
        """Cut the connection, whatever is under way on it."""
        if self._stream is not None:
            self._stream.abort()

    async def wait_for_client(self) -> None:
        """Wait until somebody has connected, or until it is closed."""
        await self._has_come.wait()

    def close(self) -> None:
        """Take no further client; who is connected stays."""
        self._has_come.set()
        if self.listener is not None:
            self.listener.close()


class _DeviceHandler:
    """Be the monitor's handler of one stream, and tell the device when it ends.

    Spec: QEMU: the end of standard input is not the end of the monitor, which goes on to send
    events.
    """

    __slots__ = ("_device", "_handler", "data_received", "pause_writing", "resume_writing")

    def __init__(self, device: MonitorDevice, handler: StreamHandler) -> None:
        self._device = device
        self._handler = handler
        # What is called most goes straight to the monitor.
        self.data_received = handler.data_received
        self.pause_writing = handler.pause_writing
        self.resume_writing = handler.resume_writing

    def eof_received(self) -> None:
        """Pass on that the client sends no more, but for standard input."""
        if self._device.is_socket:
            self._handler.eof_received()

    def connection_lost(self, error: OSError | None) -> None:
        """Pass on that the stream has ended."""
        self._handler.connection_lost(error)
        self._device.disconnect()
