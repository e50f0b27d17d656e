"""What stands behind a monitor: the one interface between the two.

A machine, a proxy and a recording each are a backend. Programs that register handlers on a
`Monitor` need none of their own: the decorators build one (`qmpeer.monitor.commands`).
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeAlias

import msgspec

from qmpeer.messages import CommandMessage, Version
from qmpeer.monitor.named_fds import NamedFds
from qmpeer.values import JsonObject, JsonValue

Emit: TypeAlias = Callable[[str, JsonObject | None], None]
"""Deliver an event: its name, and its data or None."""


class CommandInfo(msgspec.Struct, frozen=True):
    """A command's interface.

    Attributes:
        name: Its name on the wire.
        allow_oob: It may be executed out of band; it must not block then.
        features: Such as "deprecated" and "unstable".
        arguments: The names of its arguments.
    """

    name: str
    allow_oob: bool = False
    features: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


class ContextMonitor(Protocol):
    """A monitor, as far as the handlers of its commands may ask it for something."""

    @property
    def version(self) -> Version:
        """What the greeting and query-version say."""

    def emit(self, name: str, data: JsonObject | None = None) -> None:
        """Send an event to every client; see `Monitor.emit`."""

    def run_human(
        self, line: str, context: "Context | None" = None, *, cpu_index: int | None = None
    ) -> str | Awaitable[str]:
        """Execute a line as a human monitor does; see `Monitor.run_human`."""


class Context(Protocol):
    """Where a command came from."""

    @property
    def peer(self) -> str:
        """The client, for logs."""

    @property
    def monitor(self) -> ContextMonitor:
        """The monitor that it came to."""

    @property
    def named_fds(self) -> NamedFds:
        """Keeps descriptors for all clients of where it came to, and for nobody else."""

    def take_fds(self) -> list[int]:
        """Return the last set of descriptors that this client sent; they are the caller's now.

        A set that comes before the last was taken replaces it: QEMU keeps one.
        """


class Backend(Protocol):
    """What executes a monitor's commands and delivers events."""

    def commands(self) -> Iterable[CommandInfo]:
        """Return what there is; asked for once."""

    def execute(
        self, command: CommandMessage, context: Context
    ) -> JsonValue | Awaitable[JsonValue]:
        """Execute one command, whatever its name.

        Returns:
            Its value, or an awaitable of it.

        Raises:
            CommandError: To answer with an error; CommandNotFound for a name that it doesn't have.
        """

    def subscribe(self, emit: Emit) -> None:
        """Take note of where events go. ``emit`` may be called from any thread."""
