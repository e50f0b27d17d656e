"""Devices on a path that is opened and then read and written: pipe, serial, parallel.

Spec: QEMU: a pipe is PATH.in and PATH.out if both exist, otherwise PATH for both directions. It is
opened for reading and writing, so opening doesn't block and input doesn't end. A serial line is
115200 8N1 and raw.
"""

import fcntl
import os
import termios
import tty
from typing import Final

from qmpeer.chardev.device import Chardev
from qmpeer.errors import ChardevError
from qmpeer.transport.aio.stdio_stream import StdioStream

_BREAK: Final = 0  # tcsendbreak()'s usual duration
_CLAIM_PORT: Final = 0x708B  # Linux: PPCLAIM


class PathDevice(Chardev):
    """A device on one path, for both directions."""

    _write_fd: int | None = None

    @property
    def _path(self) -> str:
        return str(self.data["device"])

    async def _open(self) -> None:
        read_fd, write_fd = self._open_both()
        try:
            self._prepare(write_fd)
        except ChardevError:
            for fd in {read_fd, write_fd}:
                self._host.close_path(fd)
            raise
        self._write_fd = write_fd
        peer = f"{self.kind}:{self._path}"
        stream = StdioStream(read_fd, write_fd, peer, self._host.close_path)
        stream.start(self._connect(stream))

    def _open_both(self) -> tuple[int, int]:
        fd = self._try(self._path)
        return fd, fd

    def _try(self, path: str) -> int:
        try:
            # O_RDWR: a pipe that is open for both directions never waits for a peer and never ends.
            return self._host.open_path(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError as error:
            raise ChardevError(f"Could not open '{self._path}': {error.strerror}") from error

    def _prepare(self, fd: int) -> None:
        """Configure the opened device.

        Raises:
            ChardevError: If it isn't a device of this type.
        """

    def _disconnected(self, error: OSError | None) -> None:
        self._write_fd = None


class PipeDevice(PathDevice):
    """Two named pipes, or one for both directions."""

    def _open_both(self) -> tuple[int, int]:
        try:
            read_fd = self._try(self._path + ".in")
        except ChardevError:
            return super()._open_both()
        try:
            return read_fd, self._try(self._path + ".out")
        except ChardevError:
            self._host.close_path(read_fd)
            return super()._open_both()


class SerialDevice(PathDevice):
    """A serial line, or another terminal."""

    def send_break(self) -> None:
        """Send a break to the other end."""
        if self._write_fd is not None:
            try:
                termios.tcsendbreak(self._write_fd, _BREAK)
            except termios.error:
                pass  # not a serial line, or one without breaks

    def _prepare(self, fd: int) -> None:
        try:
            tty.setraw(fd, termios.TCSANOW)
            settings = termios.tcgetattr(fd)
            settings[4] = settings[5] = termios.B115200
            termios.tcsetattr(fd, termios.TCSANOW, settings)
        except termios.error:
            pass  # not a terminal: QEMU accepts any file of /dev


class ParallelDevice(PathDevice):
    """A parallel port's device file."""

    def _prepare(self, fd: int) -> None:
        try:
            fcntl.ioctl(fd, _CLAIM_PORT)
        except OSError as error:
            raise ChardevError(f"not a parallel port: {error.strerror}") from error
