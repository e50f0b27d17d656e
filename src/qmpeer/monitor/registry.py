"""The commands that a program registers, made into a backend.

Each handler's signature is read once: its parameters are the command's arguments, its annotations
their types, unless a schema declares the command (`qmpeer.monitor.interface`).
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final

from qmpeer import schema
from qmpeer.errors import CommandError
from qmpeer.messages import CAPABILITIES_COMMAND, Command
from qmpeer.monitor.arguments import Parameters, parameters_of
from qmpeer.monitor.backend import CommandInfo, Context, Emit
from qmpeer.monitor.interface import Interface
from qmpeer.monitor.results import result_of
from qmpeer.values import JsonObject, JsonValue

__all__ = ["ENDING", "Registry", "command_not_found"]

ENDING: Final = (SystemExit, KeyboardInterrupt)
"""What ends the monitor when a handler raises it."""


def command_not_found(name: str) -> CommandError:
    """Return the error for a name that isn't a command's, in QEMU's words."""
    return CommandError("CommandNotFound", f"The command {name} has not been found")


class _Handler:
    """Hold a handler, what its signature says, and which command it answers."""

    __slots__ = (
        "command",
        "context_name",
        "function",
        "has_output",
        "info",
        "is_async",
        "is_blocking",
        "is_exclusive",
        "read",
        "result",
    )

    def __init__(
        self,
        function: Callable[..., Any],
        parameters: Parameters,
        command: schema.Command,
        is_blocking: bool,
        is_exclusive: bool,
        output: Callable[[JsonValue], JsonValue] | None,
    ) -> None:
        self.function: Callable[..., Any] = function
        self.command: schema.Command = command
        self.info: CommandInfo = CommandInfo(
            command.name,
            command.allow_oob,
            tuple(feature.name for feature in command.features),
            tuple(parameters.names),
        )
        self.is_blocking: bool = is_blocking
        self.is_exclusive: bool = is_exclusive
        self.is_async: bool = inspect.iscoroutinefunction(function)
        self.context_name: str | None = parameters.context_name
        self.read: Callable[[JsonObject | None], dict[str, Any]] = parameters.read
        self.has_output: bool = output is not None
        result = result_of(function)
        self.result: Callable[[Any], JsonValue] = (
            result if output is None else lambda value: output(result(value))
        )


def _call(handler: _Handler, arguments: dict[str, Any]) -> JsonValue:
    return handler.result(handler.function(**arguments))


class Blocking:
    """A command that is yet to be run, in a thread: it may block.

    Call it there; what it returns or raises is the command's outcome.

    Attributes:
        is_exclusive: No other in-band command goes ahead meanwhile.
    """

    __slots__ = ("_work", "is_exclusive")

    def __init__(self, work: Callable[[], JsonValue], is_exclusive: bool) -> None:
        self._work = work
        self.is_exclusive: bool = is_exclusive

    def __call__(self) -> JsonValue:
        return self._work()


class Registry:
    """Be the backend that handlers make up.

    Args:
        interface: Knows what is declared, and takes in what signatures say.

    Attributes:
        runs_elsewhere: Sync handlers aren't run where they are executed; a `Blocking` stands for
            each.
    """

    def __init__(self, interface: Interface) -> None:
        self._interface = interface
        self._handlers: dict[str, _Handler] = {}
        self._refused: set[str] = set()
        self.runs_elsewhere = False

    def add(
        self,
        function: Callable[..., Any],
        name: str,
        *,
        allow_oob: bool,
        blocking: bool,
        exclusive: bool,
        features: Iterable[str],
    ) -> None:
        """Register a handler.

        Raises:
            ValueError: If the name is taken, if the command would block out of band, or if it is
                said again what a schema says.
            TypeError: If its signature can't be a command's, or isn't that of what is declared.
        """
        is_coroutine = inspect.iscoroutinefunction(function)
        if name in self._handlers or name == CAPABILITIES_COMMAND:
            raise ValueError(f"command {name} is registered already")
        blocking = blocking or exclusive
        if blocking and (allow_oob or is_coroutine):
            kind = "exclusive" if exclusive else "blocking"
            raise ValueError(f"command {name} can't be {kind} and also out-of-band or async")
        interface = self._interface
        parameters = parameters_of(function, interface.types)
        command = interface.add(function, name, parameters, allow_oob=allow_oob, features=features)
        if blocking and command.allow_oob:
            raise ValueError(f"command {name} can't be blocking and also out-of-band")
        if interface.is_refused(command):
            self._refused.add(name)
        output = interface.output(command)
        self._handlers[name] = _Handler(function, parameters, command, blocking, exclusive, output)

    def __contains__(self, name: str) -> bool:
        return name in self._handlers

    def commands(self) -> Iterable[CommandInfo]:
        """Return what is registered."""
        return [handler.info for handler in self._handlers.values()]

    def info(self, name: str) -> CommandInfo | None:
        """Return what is known of one command, None if it isn't registered."""
        handler = self._handlers.get(name)
        return None if handler is None else handler.info

    def handler(self, name: str) -> Callable[..., Any] | None:
        """Return the function that answers one command, None if it isn't registered."""
        handler = self._handlers.get(name)
        return None if handler is None else handler.function

    def check_policy(self, name: str) -> None:
        """See whether policy lets a command in.

        Raises:
            CommandError: If it doesn't.
        """
        if name in self._refused:
            self._interface.refuse(self._handlers[name].command)

    def execute(
        self, command: Command, context: Context
    ) -> JsonValue | Awaitable[JsonValue] | Blocking:
        """Execute one command.

        Returns:
            Its value, an awaitable of it, or a `Blocking` that is to be called in a thread.

        Raises:
            CommandError: If it doesn't exist, or its arguments are wrong.
        """
        handler = self._handlers.get(command.name)
        if handler is None:
            raise command_not_found(command.name)
        if self._refused:
            self.check_policy(command.name)
        arguments = handler.read(command.arguments)
        if handler.context_name is not None:
            arguments = {**arguments, handler.context_name: context}
        if handler.is_blocking:
            return Blocking(partial(_call, handler, arguments), handler.is_exclusive)
        if self.runs_elsewhere and not handler.is_async:  # one at a time, as on the loop
            return Blocking(partial(_call, handler, arguments), is_exclusive=True)
        value = handler.function(**arguments) if arguments else handler.function()
        if value is None and not handler.has_output:
            return {}
        if type(value) is not dict and inspect.isawaitable(value):
            return self._await(value, handler)
        return handler.result(value)

    @staticmethod
    async def _await(value: Awaitable[Any], handler: _Handler) -> JsonValue:
        return handler.result(await value)

    def subscribe(self, emit: Emit) -> None:
        """Do nothing: handlers call the monitor's own ``emit``."""
