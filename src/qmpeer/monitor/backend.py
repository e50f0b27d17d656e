"""What stands behind a monitor: the one interface between the two.

A machine, a proxy and a recording each are a backend. Programs that register handlers on a
`Monitor` need none of their own: the decorators build one (`qmpeer.monitor.registry`).
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Protocol, TypeAlias

import msgspec

from qmpeer.messages import Command
from qmpeer.monitor.named_fds import NamedFds
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:
    from qmpeer.monitor.monitor import Monitor

__all__ = ["Backend", "CommandInfo", "Context", "Emit"]

Emit: TypeAlias = Callable[[str, JsonObject | None], None]
"""Deliver an event: its name, and its data or None."""


class CommandInfo(msgspec.Struct, frozen=True):
    """Say what a command is.

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


class Context(Protocol):
    """Tell a command where it came from."""

    @property
    def peer(self) -> str:
        """The client, for logs."""

    @property
    def monitor(self) -> "Monitor":
        """The monitor that it came to."""

    @property
    def named_fds(self) -> NamedFds:
        """Keeps descriptors for all clients of where it came to, and for nobody else."""

    def take_fds(self) -> list[int]:
        """Return the last set of descriptors that this client sent; they are the caller's now.

        A set that comes before the last was taken replaces it: QEMU keeps one.
        """


class Backend(Protocol):
    """Execute commands and deliver events."""

    def commands(self) -> Iterable[CommandInfo]:
        """Return what there is; asked for once."""

    def execute(self, command: Command, context: Context) -> JsonValue | Awaitable[JsonValue]:
        """Execute one command, whatever its name.

        Returns:
            Its value, or an awaitable of it.

        Raises:
            CommandError: To answer with an error; CommandNotFound for a name that it doesn't have.
        """

    def subscribe(self, emit: Emit) -> None:
        """Take note of where events go. ``emit`` may be called from any thread."""
