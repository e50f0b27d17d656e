"""The stdio device: standard input and output.

A human monitor edits lines itself, so the device makes a terminal raw. A control monitor leaves
line editing and echo to the terminal. The terminal's settings are restored at the end. When the
process continues after a stop, the device sets the terminal up again.

Spec: QEMU makes the terminal raw but leaves output processing on. Signals stay on unless
``signal=off``. The end of input doesn't end the device.
"""

import asyncio
import atexit
import os
import signal
import termios
from typing import Any, Final

from qmpeer.chardev.device import Chardev
from qmpeer.errors import ChardevError
from qmpeer.transport.aio import HandlerFactory, open_stdio_stream

_INPUT_OFF: Final = (
    termios.IGNBRK
    | termios.BRKINT
    | termios.PARMRK
    | termios.ISTRIP
    | termios.INLCR
    | termios.IGNCR
    | termios.ICRNL
    | termios.IXON
)
_LOCAL_OFF: Final = termios.ECHO | termios.ECHONL | termios.ICANON | termios.IEXTEN


class StdioDevice(Chardev):
    """The process's own standard input and output."""

    _terminal: int = 0
    _saved: list[Any] | None = None
    _wants_echo = False

    def attach(self, factory: HandlerFactory, *, wants_echo: bool = False) -> None:
        """Attach the front end, and set up the terminal for it."""
        super().attach(factory, wants_echo=wants_echo)
        self._wants_echo = wants_echo
        self._set_terminal()

    async def _open(self) -> None:
        if self._host.standard is None:
            raise ChardevError("cannot use stdio with -daemonize")
        if self._host.standard_user is not None:
            raise ChardevError("cannot use stdio by multiple character devices")
        self._host.standard_user = self.label
        read_fd, write_fd = self._host.standard
        if os.isatty(read_fd):
            self._terminal = read_fd
            self._saved = termios.tcgetattr(read_fd)
            # Also if the program ends without closing the device.
            atexit.register(self._restore)
            self._watch_continuing()
            self._set_terminal()
        await open_stdio_stream(self._connect, read_fd, write_fd)

    def close(self) -> None:
        """Close the device and restore the terminal."""
        super().close()
        self._restore()

    def _disconnected(self, error: OSError | None) -> None:
        self._restore()

    def _set_terminal(self) -> None:
        if self._saved is None:
            return
        settings = list(self._saved)
        settings[6] = list(settings[6])
        if not self._wants_echo:
            settings[0] &= ~_INPUT_OFF
            settings[1] |= termios.OPOST
            settings[2] = settings[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
            settings[3] &= ~_LOCAL_OFF
            settings[6][termios.VMIN], settings[6][termios.VTIME] = 1, 0
            if not self.data.get("signal", True):
                settings[3] &= ~termios.ISIG
        self._apply(settings)

    def _restore(self) -> None:
        if self._host.standard_user == self.label:
            self._host.standard_user = None
        if self._saved is not None:
            saved, self._saved = self._saved, None
            self._apply(saved)
            atexit.unregister(self._restore)

    def _apply(self, settings: list[Any]) -> None:
        # In a background process, tcsetattr() sends SIGTTOU, which stops the process by default.
        try:
            before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        except ValueError:
            before = None  # only the main thread may set signal handlers
        try:
            termios.tcsetattr(self._terminal, termios.TCSANOW, settings)
        except (termios.error, OSError):
            pass  # the terminal has hung up or is closed
        finally:
            if before is not None:
                signal.signal(signal.SIGTTOU, before)

    def _watch_continuing(self) -> None:
        try:
            asyncio.get_running_loop().add_signal_handler(signal.SIGCONT, self._set_terminal)
        except (ValueError, RuntimeError):
            pass  # only the main thread may set signal handlers
