"""The commands of a monitor: those that were registered on it, and behind them its backend's."""

from collections.abc import Awaitable

from qmpeer.errors import CommandError
from qmpeer.messages import CAPABILITIES_COMMAND, Command
from qmpeer.monitor.backend import Backend, CommandInfo, Context
from qmpeer.monitor.interface import Interface
from qmpeer.monitor.registry import Blocking, Registry, command_not_found
from qmpeer.values import JsonValue

__all__ = ["Commands"]


class Commands:
    """Find out who executes a command, and have it executed.

    Args:
        interface: What the registered commands are.
        backend: Executes all others.

    Attributes:
        registry: The commands that are registered; they come before the backend's.
    """

    def __init__(self, interface: Interface, backend: Backend | None) -> None:
        self._interface = interface
        self.registry: Registry = Registry(interface)
        self._backend = backend
        self._backend_infos: dict[str, CommandInfo] | None = None

    def names(self) -> list[str]:
        """Return all names, the last first.

        Spec: QEMU 7.2 lists its commands in the reverse of the schema's order.
        """
        names = dict.fromkeys((*self._infos_of_backend(), *self._interface.names()))
        return list(reversed(names))

    def execute(
        self, command: Command, context: Context
    ) -> JsonValue | Awaitable[JsonValue] | Blocking:
        """Execute one command.

        Returns:
            Its value, an awaitable of it, or a `Blocking` that is to be called in a thread.

        Raises:
            CommandError: If it doesn't exist, can't be executed out of band as asked, or fails.
        """
        if command.is_oob:
            self._check_oob(command.name)
        if self._backend is None or command.name in self.registry:
            return self.registry.execute(command, context)
        return self._backend.execute(command, context)

    def _check_oob(self, name: str) -> None:
        self.registry.check_policy(name)
        info = self.registry.info(name) or self._infos_of_backend().get(name)
        if info is None and name != CAPABILITIES_COMMAND:
            raise command_not_found(name)
        if info is None or not info.allow_oob:
            raise CommandError("GenericError", f"The command {name} does not support OOB")

    def _infos_of_backend(self) -> dict[str, CommandInfo]:
        if self._backend is None:
            return {}
        if self._backend_infos is None:
            self._backend_infos = {info.name: info for info in self._backend.commands()}
        return self._backend_infos
