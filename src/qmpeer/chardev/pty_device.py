"""The pty device: a pseudo-terminal whose client opens the slave.

While the slave is closed, nothing is written, so that no output piles up. The device polls for a
client and greets each new one.

Spec: QEMU makes the slave raw and prints its path on standard output. Output of the front end
before the first client waits in the pty's own buffer, so the first client gets the greeting twice.
"""

import asyncio
import os
import tty
from typing import ClassVar, Literal

from qmpeer import limits
from qmpeer.chardev.device import Chardev
from qmpeer.chardev.output_only import OutputOnlyStream
from qmpeer.errors import ChardevError
from qmpeer.transport.aio import HandlerFactory
from qmpeer.transport.aio.hangups import is_hung_up
from qmpeer.transport.aio.stdio_stream import StdioStream


class PtyDevice(Chardev):
    """A device on the master of a pseudo-terminal."""

    input_end: ClassVar[Literal["reported", "closes", "ignored"]] = "closes"

    _master: int | None = None
    _path = ""
    _timer: asyncio.TimerHandle | None = None

    @property
    def filename(self) -> str:
        """Its "filename" in query-chardev."""
        return f"pty:{self._path}"

    @property
    def pty(self) -> str | None:
        """The path of its slave."""
        return self._path

    def attach(self, factory: HandlerFactory, *, wants_echo: bool = False) -> None:
        """Attach the front end; its first output waits in the pty for the first client."""
        super().attach(factory, wants_echo=wants_echo)
        if self._master is not None and self._connection is None:
            output = OutputOnlyStream(self.filename, self._write_ahead)
            output.start(self._connect(output))
            output.close()

    async def _open(self) -> None:
        try:
            master, slave = os.openpty()
        except OSError as error:
            raise ChardevError(f"Failed to create PTY: {error.strerror}") from error
        tty.setraw(slave)
        self._path = os.ttyname(slave)
        # While the slave is closed, the master reports a hang-up. That shows when a client opens
        # it.
        os.close(slave)
        os.set_blocking(master, False)
        self._master = master
        self._host.say(f"char device redirected to {self._path} (label {self.label})")
        self._look_later()

    def close(self) -> None:
        """Close the device; a client of a front end stays connected."""
        super().close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._connection is None:
            self._close_master()

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(limits.PTY_POLL, self._look)

    def _look(self) -> None:
        """Connect if the slave is open; it is polled, as the kernel doesn't report the opening."""
        assert self._master is not None
        if self._connection is not None or is_hung_up(self._master):
            self._look_later()
            return
        self._timer = None
        # The stream closes its duplicate; the master stays open for the next client.
        fd = os.dup(self._master)
        stream = StdioStream(fd, fd, self.filename, os.close)
        stream.start(self._connect(stream))

    def _disconnected(self, error: OSError | None) -> None:
        if self._is_closed:
            self._close_master()
        elif self._timer is None and self._master is not None:
            self._look_later()

    def _close_master(self) -> None:
        if self._master is not None:
            os.close(self._master)
            self._master = None

    def _write_ahead(self, data: bytes) -> None:
        if self._master is not None:
            try:
                os.write(self._master, data)
            except OSError:
                pass  # the pty's buffer is full
