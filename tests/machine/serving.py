"""``qmpeer serve`` as a process of its own, every wait bounded."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from qmpeer import Client
from qmpeer.transport import AddressLike, dial

PATIENCE = 20.0
"""Seconds for what takes milliseconds, so that a busy machine fails no test."""
QMPEER = [sys.executable, "-m", "qmpeer"]
SERVE = [*QMPEER, "serve"]
BASE = ["-machine", "none", "-nodefaults", "-display", "none", "-accel", "tcg"]


def run_qmpeer(*words: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run a command line to its end."""
    return subprocess.run(
        [*QMPEER, *words], capture_output=True, text=True, timeout=PATIENCE, **options
    )


class Serving:
    """A machine with one monitor at a unix path, and whatever other options."""

    def __init__(
        self, path: Path, *options: str, program: Sequence[str] = SERVE, **popen: Any
    ) -> None:
        self.path = path
        words = [*BASE, "-qmp", f"unix:{path},server=on,wait=off", *options]
        self.process = subprocess.Popen(
            [*program, *words], text=True, stderr=subprocess.PIPE, **popen
        )

    def client(self, **options: Any) -> Client:
        """Connect, as soon as it listens."""
        return Client.connect(
            self.path,
            wait_for_socket=True,
            timeout=PATIENCE,
            command_timeout=PATIENCE,
            **options,
        )

    def wait(self) -> int:
        """Wait for the end and return the exit status."""
        return self.process.wait(PATIENCE)

    def stderr(self) -> str:
        """Wait for the end and return what it said."""
        text: str = self.process.communicate(timeout=PATIENCE)[1]
        return text

    def __enter__(self) -> "Serving":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.communicate()


class RawClient:
    """A client that shows every line in its order."""

    def __init__(self, address: AddressLike) -> None:
        self._socket = dial(address, timeout=PATIENCE, wait_for_socket=True)
        self._socket.settimeout(PATIENCE)
        self._lines = self._socket.makefile("rb")

    def negotiate(self) -> Any:
        """Take the greeting and negotiate; return the greeting."""
        greeting = self._receive_answer()
        self.send("qmp_capabilities")
        answer = self._receive_answer()
        assert answer == {"return": {}}, answer
        return greeting

    def _receive_answer(self) -> Any:
        # Who connects to a QEMU that is just starting may see its RESUME at any point.
        while "event" in (message := self.receive()):
            pass
        return message

    def send(self, *commands: str) -> None:
        """Send commands, in one system call."""
        self._socket.sendall(b"".join(json.dumps({"execute": c}).encode() for c in commands))

    def receive(self) -> Any:
        """Return the next message, None at the end."""
        line = self._lines.readline()
        assert not line or line.endswith(b"\r\n"), line
        return json.loads(line) if line else None

    def exchange(self, command: str) -> list[Any]:
        """Execute a command; return the events before its reply, shortened, and the reply."""
        self.send(command)
        messages = []
        while True:
            messages.append(self.receive())
            if messages[-1] is None or "event" not in messages[-1]:
                return [shortened(message) for message in messages]
            assert set(messages[-1]["timestamp"]) == {"seconds", "microseconds"}

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lines.close()
        self._socket.close()


def shortened(message: Any) -> Any:
    """Give an event as its name, or its name and data."""
    if message is None or "event" not in message:
        return message
    return (message["event"], message["data"]) if "data" in message else message["event"]
