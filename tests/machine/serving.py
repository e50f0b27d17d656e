"""``qmpeer serve`` as a process or in a thread of this one; every wait has a deadline."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

from qmpeer import Client
from qmpeer.machine import parse_options
from qmpeer.machine.process import run_machine
from qmpeer.monitor import new_event_loop
from qmpeer.options.signals import OnSignal
from qmpeer.transport import AddressLike, dial
from tests.patience import PATIENCE
from tests.qemu import BASE

QMPEER = [sys.executable, "-m", "qmpeer"]
SERVE = [*QMPEER, "serve"]


class Ended(NamedTuple):
    """The outcome of a start in this process; the status is None if the machine started."""

    returncode: int | None
    stdout: str
    stderr: str


StartHere = Callable[..., Ended]
"""The fixture ``start``: a function that runs a command line in the test's own process."""


def run_qmpeer(*words: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run a command line to its end."""
    return subprocess.run(
        [*QMPEER, *words], capture_output=True, text=True, timeout=PATIENCE, **options
    )


class Served:
    """A machine with a monitor at a unix path, and further options."""

    def __init__(self, path: Path, *options: str) -> None:
        self.path = path
        self.words = [*BASE, "-qmp", f"unix:{path},server=on,wait=off", *options]

    def client(self, **options: Any) -> Client:
        """Connect as soon as the machine listens."""
        return Client.connect(
            self.path,
            wait_for_socket=True,
            timeout=PATIENCE,
            command_timeout=PATIENCE,
            **options,
        )

    def wait(self) -> int:
        """Wait for the end and return the exit status."""
        raise NotImplementedError

    def end(self) -> None:
        """End it."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()


class Serving(Served):
    """A machine in a process of its own: ours, or another program."""

    def __init__(
        self,
        path: Path,
        *options: str,
        program: Sequence[str] = SERVE,
        stderr: int | IO[str] = subprocess.PIPE,
        **popen: Any,
    ) -> None:
        super().__init__(path, *options)
        self.process = subprocess.Popen([*program, *self.words], text=True, stderr=stderr, **popen)

    def wait(self) -> int:
        """Wait for the end and return the exit status."""
        return self.process.wait(PATIENCE)

    def stderr(self) -> str:
        """Wait for the end and return its standard error."""
        text: str = self.process.communicate(timeout=PATIENCE)[1]
        return text

    def end(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.communicate()


class Threaded(Served):
    """A machine in a thread of this process, for tests that need no process.

    Attributes:
        said: The texts written to standard error.
    """

    def __init__(self, path: Path, *options: str) -> None:
        super().__init__(path, *options)
        self.said: list[str] = []
        self._error: BaseException | None = None
        self._signal: OnSignal | None = None
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="machine", daemon=True)
        self._thread.start()
        assert self._is_ready.wait(PATIENCE), "it doesn't start"
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            options = parse_options(self.words, self.said.append)
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(run_machine(options, self.said.append, self._is_ready.set, self._watch))
        except BaseException as error:
            self._error = error
        finally:
            self._is_ready.set()

    def _watch(self, when: OnSignal) -> None:
        self._signal = when

    def send_signal(self, number: int) -> None:
        """Act as a signal without a sender does."""
        assert self._signal is not None
        self._signal(number, "")

    def wait(self) -> int:
        """Wait for the end and return the exit status that a process would have."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "it doesn't end"
        if self._error is not None:
            raise self._error
        return 0

    def end(self) -> None:
        """End it as a signal does."""
        self.send_signal(signal.SIGTERM)
        self.wait()


class RawClient:
    """A client that returns every message in order."""

    def __init__(self, address: AddressLike) -> None:
        self._socket = dial(address, timeout=PATIENCE, wait_for_socket=True)
        self._socket.settimeout(PATIENCE)
        self._lines = self._socket.makefile("rb")

    def negotiate(self) -> Any:
        """Read the greeting, negotiate, and return the greeting."""
        greeting = self._receive_answer()
        self.send("qmp_capabilities")
        answer = self._receive_answer()
        assert answer == {"return": {}}, answer
        return greeting

    def _receive_answer(self) -> Any:
        # A client of a QEMU that is just starting may receive its RESUME at any point.
        while "event" in (message := self.receive()):
            pass
        return message

    def send(self, *commands: str) -> None:
        """Send commands, in one system call."""
        self._socket.sendall(b"".join(json.dumps({"execute": c}).encode() for c in commands))

    def receive(self) -> Any:
        """Return the next message; None at the end."""
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
    """Return an event as its name, or as its name and data."""
    if message is None or "event" not in message:
        return message
    return (message["event"], message["data"]) if "data" in message else message["event"]
