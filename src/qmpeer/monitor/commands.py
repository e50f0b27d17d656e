"""The commands of a monitor: registered handlers first, then its backend's commands.

Each handler's signature is read once. Its parameters are the command's arguments and its
annotations are their types, unless a schema declares the command (`qmpeer.monitor.interface`).
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from qmpeer import schema
from qmpeer.errors import CommandError
from qmpeer.messages import CAPABILITIES_COMMAND, CommandMessage, qemu_texts
from qmpeer.monitor.backend import Backend, CommandInfo, Context
from qmpeer.monitor.handlers.parameters import Parameters, parameters_of
from qmpeer.monitor.handlers.results import result_of
from qmpeer.monitor.interface import Interface
from qmpeer.monitor.threads import Blocking, Threads
from qmpeer.values import JsonObject, JsonValue


class _Handler:
    """A registered handler with its command and its compiled signature."""

    __slots__ = (
        "command",
        "context_name",
        "function",
        "has_output",
        "is_async",
        "is_blocking",
        "is_exclusive",
        "is_refused",
        "read",
        "result",
    )

    def __init__(
        self,
        function: Callable[..., Any],
        parameters: Parameters,
        command: schema.CommandDefinition,
        *,
        is_blocking: bool,
        is_exclusive: bool,
        is_refused: bool,
        output: Callable[[JsonValue], JsonValue] | None,
    ) -> None:
        self.function: Callable[..., Any] = function
        self.command: schema.CommandDefinition = command
        self.is_blocking: bool = is_blocking
        self.is_exclusive: bool = is_exclusive
        self.is_refused: bool = is_refused  # by the policy on deprecated and unstable features
        self.is_async: bool = inspect.iscoroutinefunction(function)
        self.context_name: str | None = parameters.context_name
        self.read: Callable[[JsonObject | None], dict[str, Any]] = parameters.read
        self.has_output: bool = output is not None
        result = result_of(function)
        self.result: Callable[[Any], JsonValue] = (
            result if output is None else lambda value: output(result(value))
        )

    def call(self, arguments: dict[str, Any]) -> JsonValue:
        """Call the function and return the value of the reply."""
        return self.result(self.function(**arguments))

    async def wait(self, value: Awaitable[Any]) -> JsonValue:
        """Await an async function's result and return the value of the reply."""
        return self.result(await value)


class Commands:
    """The lookup of the handler that executes a command.

    Args:
        interface: Holds the declared commands, and collects those of signatures.
        backend: Executes commands that aren't registered.
        threads: Runs the handlers that don't run on the loop.
    """

    def __init__(self, interface: Interface, backend: Backend | None, threads: Threads) -> None:
        self._interface = interface
        self._backend = backend
        self._threads = threads
        self._handlers: dict[str, _Handler] = {}
        self._backend_infos: dict[str, CommandInfo] | None = None

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
            ValueError: If the name is taken, if the command would block out of band, or if it
                repeats features or allow_oob that a schema declares.
            TypeError: If its signature can't be a command's, or doesn't match the declaration.
        """
        is_coroutine = inspect.iscoroutinefunction(function)
        # The monitor's session answers qmp_capabilities itself, so nobody may register it.
        if name in self._handlers or name == CAPABILITIES_COMMAND:
            raise ValueError(f"command {name} is registered already")
        blocking = blocking or exclusive
        if blocking and (allow_oob or is_coroutine):
            kind = "exclusive" if exclusive else "blocking"
            raise ValueError(f"command {name} can't be {kind} and also out-of-band or async")
        interface = self._interface
        parameters = parameters_of(function, interface.types)
        command = interface.add(function, name, parameters, allow_oob=allow_oob, features=features)
        # A schema may allow oob too, which is known only now.
        if blocking and command.allow_oob:
            raise ValueError(f"command {name} can't be blocking and also out-of-band")
        self._handlers[name] = _Handler(
            function,
            parameters,
            command,
            is_blocking=blocking,
            is_exclusive=exclusive,
            is_refused=interface.is_refused(command),
            output=interface.output(command),
        )

    def names(self) -> list[str]:
        """Return all names in reverse order.

        Spec: QEMU 7.2 lists its commands in the reverse of the schema's order.
        """
        names = dict.fromkeys((*self._infos_of_backend(), *self._interface.names()))
        return list(reversed(names))

    def function(self, name: str) -> Callable[..., Any] | None:
        """Return the handler of a command, or None if none is registered."""
        handler = self._handlers.get(name)
        return None if handler is None else handler.function

    def execute(
        self, command: CommandMessage, context: Context
    ) -> JsonValue | Awaitable[JsonValue] | Blocking:
        """Execute one command.

        Returns:
            The command's value, an awaitable of it, or a `Blocking` to call in a thread.

        Raises:
            CommandError: If the command doesn't exist, can't be executed out of band as requested,
                or fails, or if its arguments are wrong.
        """
        handler = self._handlers.get(command.name)
        # As in QEMU, a disabled command is refused before its arguments are looked at.
        if handler is not None and handler.is_refused:
            self._interface.refuse(handler.command)
        if command.is_oob:
            self._check_oob(command.name, handler)
        if handler is None:
            if self._backend is None:
                raise _command_not_found(command.name)
            return self._backend.execute(command, context)
        arguments = handler.read(command.arguments)
        if handler.context_name is not None:
            arguments = {**arguments, handler.context_name: context}
        if handler.is_blocking:
            return Blocking(partial(handler.call, arguments), handler.is_exclusive)
        if self._threads.is_for_all and not handler.is_async:
            return Blocking(partial(handler.call, arguments), is_exclusive=True)
        value = handler.function(**arguments) if arguments else handler.function()
        # The two commonest results take the shortest way: inspect.isawaitable() is slow.
        if value is None and not handler.has_output:
            return {}
        if type(value) is not dict and inspect.isawaitable(value):
            return handler.wait(value)
        return handler.result(value)

    def _check_oob(self, name: str, handler: _Handler | None) -> None:
        """Raise QEMU's error for a command that can't be executed out of band."""
        info: schema.CommandDefinition | CommandInfo | None
        info = self._infos_of_backend().get(name) if handler is None else handler.command
        if info is None and name != CAPABILITIES_COMMAND:
            raise _command_not_found(name)
        if info is None or not info.allow_oob:
            raise CommandError("GenericError", qemu_texts.no_oob(name))

    def _infos_of_backend(self) -> dict[str, CommandInfo]:
        if self._backend_infos is None:
            infos = () if self._backend is None else self._backend.commands()
            self._backend_infos = {info.name: info for info in infos}
        return self._backend_infos


def _command_not_found(name: str) -> CommandError:
    """Return QEMU's error for an unknown command."""
    return CommandError("CommandNotFound", qemu_texts.unknown_command(name))
