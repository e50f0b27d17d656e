"""A monitor of ours that takes other faults for each test, and what a client makes of it."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from qmpeer.errors import ConnectionClosed
from qmpeer.faults import Fault, Faults, Injector
from qmpeer.monitor import Monitor
from qmpeer.transport.aio import HandlerFactory, Stream, StreamHandler
from tests.client.faces import Face, Vm
from tests.patience import PATIENCE

STEPS = ("query-status", "stop", "query-status")
VALUES: dict[str, set[str]] = {"query-status": {"status"}, "stop": set()}
"""The members that the value of each command has."""
OK = "ok"
SOON = 0.1
"""Seconds until a client gives up a reply that never comes."""


class Switch:
    """An injector whose plan changes.

    Attributes:
        happened: The faults that happened.
    """

    def __init__(self, process: Callable[[Fault], None] | None = None) -> None:
        self.happened: list[str]
        self._process = process or self._refuse
        self.plan(Faults())

    def plan(self, faults: Faults, seed: int = 0) -> None:
        """Take other faults for the next connections, and count these from 1 again."""
        happened = self.happened = list[str]()  # a late fault of the plan before isn't of this one

        def note(fault: Fault, peer: str) -> None:
            happened.append(str(fault))

        self._injector = Injector(faults, seed=seed, happened=note, process=self._process)

    def wrap(self, factory: HandlerFactory) -> HandlerFactory:
        def start(stream: Stream) -> StreamHandler:
            return self._injector.wrap(factory)(stream)

        return start

    def _refuse(self, fault: Fault) -> None:
        raise AssertionError(f"{fault} would end the tests")


class FaultyMonitor:
    """A monitor in a thread, and its plan of faults."""

    def __init__(self, path: Path) -> None:
        self.address = f"unix:{path}"
        self.switch = Switch()
        self.monitor = Monitor(wrap=self.switch.wrap)
        self.monitor.command("query-status")(self._query_status)
        self.monitor.command("stop")(self._stop)
        self.monitor.start(self.address, many=True)

    def _query_status(self) -> dict[str, str]:
        return {"status": "running"}

    def _stop(self) -> None:
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


def outcomes(face: Face, address: str, expected: Sequence[str]) -> list[str]:
    """Connect, execute three commands, count the events; return the outcome of each step.

    Args:
        face: The kind of client.
        address: The server's address.
        expected: The expected outcomes. A step that is expected to time out gets a short deadline.
    """
    deadlines = [SOON if "TimeoutError" in each else PATIENCE for each in expected]
    try:
        vm = face.connect(address, timeout=deadlines[0])
    except Exception as error:
        return [name_of(error)]
    with vm:
        events = vm.events()
        made = [OK]
        for step, deadline in zip(STEPS, deadlines[1:], strict=False):
            made.append(outcome(vm, step, deadline))
        return [*made, names(events)]


def outcome(vm: Vm, command: str, deadline: float) -> str:
    """Execute a command; return OK, the name of the error, or the wrong value."""
    try:
        value = vm.execute(command, timeout=deadline)
    except Exception as error:
        return name_of(error)
    return OK if VALUES[command] <= value.keys() else f"{value}"


def name_of(error: Exception) -> str:
    return type(error).__name__


def names(events: Any) -> str:
    """Return the events of a subscription, such as `STOP, 2 RESUME`."""
    found: list[str] = []
    try:
        while True:
            found.append(events.next(timeout=0).name)
    except (TimeoutError, ConnectionClosed, StopIteration, StopAsyncIteration):
        pass
    return ", ".join(name if n == 1 else f"{n} {name}" for name, n in Counter(found).items())
