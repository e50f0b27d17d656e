"""The interface between a monitor and its backend.

A machine, a proxy and a recording are backends. A program that registers handlers on a `Monitor`
needs no backend of its own: the decorators build one (`qmpeer.monitor.commands`).
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeAlias

import msgspec

from qmpeer.messages import CommandMessage, Version
from qmpeer.monitor.named_fds import NamedFds
from qmpeer.values import JsonObject, JsonValue

Emit: TypeAlias = Callable[[str, JsonObject | None], None]
"""Delivers an event: its name, and its data or None."""


class CommandInfo(msgspec.Struct, frozen=True):
    """A command's interface.

    Attributes:
        name: Its name on the wire.
        allow_oob: True if it may be executed out of band; then it must not block.
        features: Such as "deprecated" and "unstable".
        arguments: The names of its arguments.
    """

    name: str
    allow_oob: bool = False
    features: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


class ContextMonitor(Protocol):
    """The part of a monitor that handlers may use."""

    @property
    def version(self) -> Version:
        """The version in the greeting and in query-version's reply."""

    def emit(self, name: str, data: JsonObject | None = None) -> None:
        """Send an event to every client; see `Monitor.emit`."""

    def run_human(
        self, line: str, context: "Context | None" = None, *, cpu_index: int | None = None
    ) -> str | Awaitable[str]:
        """Execute a line as a human monitor does; see `Monitor.run_human`."""


class Context(Protocol):
    """The origin of a command: the client and its monitor."""

    @property
    def peer(self) -> str:
        """The client's name in logs."""

    @property
    def monitor(self) -> ContextMonitor:
        """The monitor that received the command."""

    @property
    def named_fds(self) -> NamedFds:
        """The named descriptors, shared by all clients at the same address and by no others."""

    def take_fds(self) -> list[int]:
        """Return the last set of descriptors that this client sent, and pass on their ownership.

        A new set replaces one that wasn't taken: QEMU keeps one set.
        """


class Backend(Protocol):
    """The executor of a monitor's commands and the source of its events."""

    def commands(self) -> Iterable[CommandInfo]:
        """Return all commands. The monitor calls this once."""

    def execute(
        self, command: CommandMessage, context: Context
    ) -> JsonValue | Awaitable[JsonValue]:
        """Execute one command, whatever its name.

        Returns:
            The command's value, or an awaitable of it.

        Raises:
            CommandError: To answer with an error: CommandNotFound for an unknown name.
        """

    def subscribe(self, emit: Emit) -> None:
        """Keep ``emit``, and call it for each event, from any thread."""
