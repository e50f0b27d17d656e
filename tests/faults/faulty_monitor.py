"""A monitor of ours that takes other faults for each test, and what a client makes of it."""

import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any

from qmpeer.errors import ConnectionClosed
from qmpeer.faults import Fault, Faults, Injector
from qmpeer.monitor import Monitor
from qmpeer.transport.aio import HandlerFactory, Stream, StreamHandler
from tests.client.faces import Face, Vm

STEPS = ("query-status", "stop", "query-status")
VALUES = {"query-status": {"status": "running"}, "stop": {}}
DEADLINE = 0.25
"""Seconds until a client in these tests gives up. No reply takes that long but a lost one."""


class FaultyMonitor:
    """A monitor in a thread, and its plan of faults.

    Attributes:
        injector: The faults of the next connections.
        happened: The faults that happened.
        executed: The commands that were executed.
    """

    def __init__(self, path: Path) -> None:
        self.address = f"unix:{path}"
        self.happened: list[str] = []
        self.executed: list[str] = []
        self.plan(Faults())
        self.monitor = Monitor(wrap=self._wrap)
        self.monitor.command("query-status")(self._query_status)
        self.monitor.command("stop")(self._stop)
        self.monitor.start(self.address, many=True)

    def plan(self, faults: Faults, seed: int = 0) -> None:
        """Take other faults, and count connections from 1 again."""
        self.happened.clear()
        self.executed.clear()
        self.injector = Injector(faults, seed=seed, happened=self._note, process=self._refuse)

    def _wrap(self, factory: HandlerFactory) -> HandlerFactory:
        def start(stream: Stream) -> StreamHandler:
            return self.injector.wrap(factory)(stream)

        return start

    def _note(self, fault: Fault, peer: str) -> None:
        self.happened.append(str(fault))

    def _refuse(self, fault: Fault) -> None:
        raise AssertionError(f"{fault} would end the tests")

    def _query_status(self) -> dict[str, str]:
        self.executed.append("query-status")
        return {"status": "running"}

    def _stop(self) -> None:
        self.executed.append("stop")
        self.monitor.emit("STOP")

    def __enter__(self) -> "FaultyMonitor":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.monitor.stop()


def outcomes(face: Face, address: str, deadline: float = DEADLINE) -> list[str]:
    """Connect, execute three commands, count the events; return the outcome of each step."""
    before = time.monotonic()
    try:
        vm = face.connect(address, timeout=deadline, command_timeout=deadline)
    except Exception as error:
        return [name_of(error)]
    with vm:
        events = vm.events()
        made = ["ok", *(_execute(vm, step) for step in STEPS), _names(events)]
    assert time.monotonic() - before < 40 * deadline, "a deadline wasn't kept"
    return made


def _execute(vm: Vm, command: str) -> str:
    try:
        value = vm.execute(command)
    except Exception as error:
        return name_of(error)
    return "ok" if value == VALUES[command] else f"{value}"


def name_of(error: Exception) -> str:
    return type(error).__name__


def _names(events: Any) -> str:
    names: list[str] = []
    try:
        while True:
            names.append(events.next(timeout=0).name)
    except (TimeoutError, ConnectionClosed, StopIteration, StopAsyncIteration):
        pass
    return ", ".join(name if n == 1 else f"{n} {name}" for name, n in Counter(names).items())
