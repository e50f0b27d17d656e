"""A server with answers chosen by a test, however odd they are."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from qmpeer import CommandError, Context, Monitor
from qmpeer.messages import CommandMessage
from qmpeer.monitor import CommandInfo
from qmpeer.monitor.backend import Emit
from qmpeer.values import JsonValue

__all__ = ["Scripted"]


class _Answers:
    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = dict(answers)
        self.seen: list[tuple[str, Any]] = []

    def commands(self) -> Iterable[CommandInfo]:
        return [CommandInfo(name) for name in self.answers]

    def execute(self, command: CommandMessage, context: Context) -> JsonValue:
        self.seen.append((command.name, command.arguments))
        if command.name not in self.answers:
            raise CommandError("CommandNotFound", f"no {command.name}")
        value: Any = self.answers[command.name]
        if callable(value):
            value = value(**{k.replace("-", "_"): v for k, v in (command.arguments or {}).items()})
        if isinstance(value, CommandError):
            raise value
        result: JsonValue = value
        return result

    def subscribe(self, emit: Emit) -> None:
        pass


class Scripted:
    """A server in a thread.

    Args:
        path: The unix path on which it listens.
        answers: The results of its commands: a value, an error, or a function of the arguments.

    Attributes:
        address: The address on which it listens.
        emit: Sends an event.
        seen: The commands received, with their arguments.
        answers: The results, which may be changed.
    """

    def __init__(self, path: Path, answers: Mapping[str, Any]) -> None:
        backend = _Answers(answers)
        self._monitor = Monitor(name="scripted", version=(1, 2, 3), backend=backend)
        self._monitor.start(f"unix:{path}", many=True)
        self.address = str(path)
        self.emit: Callable[..., None] = self._monitor.emit
        self.seen = backend.seen
        self.answers = backend.answers

    def __enter__(self) -> "Scripted":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._monitor.stop()
