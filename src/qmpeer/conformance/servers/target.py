"""The server under test: somebody else's at an address, or a program that the judge starts."""

import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic, sleep
from typing import Final, Protocol

from qmpeer import limits
from qmpeer.transport import AddressLike, address_text, dial, parse_address
from qmpeer.transport.short_folder import ShortFolder

_END: Final = 3.0
"""Seconds for a program to end after SIGTERM, before it is killed."""


class Target(Protocol):
    """The server under test."""

    @property
    def can_restart(self) -> bool:
        """True if `restart` brings a server back that has ended."""

    def connect(self, timeout: float) -> socket.socket:
        """Connect to it.

        Raises:
            OSError: If that fails.
        """

    def restart(self) -> None:
        """End the server, if it still runs; the next connection starts it anew."""

    def close(self) -> None:
        """End what was started."""


class RunningServer:
    """A server at an address, which somebody else has started.

    Args:
        address: Its address; not a connected socket, as there are many connections.

    Raises:
        ValueError: If the address is malformed, or a socket.
    """

    can_restart = False

    def __init__(self, address: AddressLike) -> None:
        target = parse_address(address)
        if isinstance(target, socket.socket) or address_text(address).startswith("fd:"):
            raise ValueError(
                f"found {address_text(address)!r}, expected an address to which many connections "
                "can be made"
            )
        self._address = target

    def __str__(self) -> str:
        return str(self._address)

    def connect(self, timeout: float) -> socket.socket:
        """Connect to it."""
        return dial(self._address, timeout=timeout)

    def restart(self) -> None:
        """Do nothing: the server is somebody else's."""

    def close(self) -> None:
        """Do nothing: the server is somebody else's."""


class StartedServer:
    """A program that the judge starts, with a unix socket of its own in a temporary folder.

    Args:
        words: Its command line, with ``{address}`` or ``{path}`` where the socket belongs.
        timeout: The seconds until it has to listen.

    Raises:
        ValueError: If no word names the socket.
    """

    can_restart = True

    def __init__(self, words: Sequence[str], timeout: float = limits.CONNECT_TIMEOUT) -> None:
        if not any("{address}" in word or "{path}" in word for word in words):
            raise ValueError("found no {address} and no {path} in the command, expected one")
        self._words = list(words)
        self._timeout = timeout
        self._folder = ShortFolder()
        self._process: subprocess.Popen[bytes] | None = None

    def __str__(self) -> str:
        return " ".join(self._words)

    def connect(self, timeout: float) -> socket.socket:
        """Connect to it, and start it first if it wasn't started or has to be started anew."""
        is_new = self._process is None
        if is_new:
            self._start()
        # Between its bind() and its listen(), a program refuses connections.
        return dial(f"unix:{self._path}", timeout=timeout, wait_for_socket=is_new)

    @property
    def _path(self) -> str:
        return self._folder.path("q")

    def restart(self) -> None:
        """End the program; the next connection starts it anew."""
        self.close()

    def _start(self) -> None:
        """Start the program, and wait until it listens.

        Raises:
            OSError: If it can't be started, or ends before it listens.
            TimeoutError: If it doesn't listen in time.
        """
        names = {"{address}": f"unix:{self._path}", "{path}": self._path}
        words = self._words
        for name, value in names.items():
            words = [word.replace(name, value) for word in words]
        with open(self._folder.path("stderr"), "wb") as stderr:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )
        self._wait_listening(self._process)

    def _wait_listening(self, process: subprocess.Popen[bytes]) -> None:
        until = monotonic() + self._timeout
        # Not by a connection: a server that takes one client would see it come and leave.
        while not os.path.exists(self._path):
            if process.poll() is not None:
                status = process.returncode
                raise OSError(f"{self._words[0]}: ended with {status}{self._last_words()}")
            if monotonic() > until:
                raise TimeoutError(
                    f"{self._words[0]}: no socket at {self._path} within {self._timeout:g} s"
                    f"{self._last_words()}"
                )
            sleep(0.005)

    def _last_words(self) -> str:
        """Return the last line of standard error, for an error."""
        with open(self._folder.path("stderr"), "rb") as stderr:
            lines = stderr.read(limits.READ_SIZE).decode(errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "")
        return f": {last.strip()}" if last else ""

    def close(self) -> None:
        """End the program and what it has started, and remove its folder."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(_END)
            except subprocess.TimeoutExpired:
                pass
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
        self._folder.remove()
