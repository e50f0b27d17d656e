"""Where a human command came from, and what its monitor remembers between two."""

from typing import Protocol

import msgspec

from qmpeer.monitor.backend import Context, ContextMonitor
from qmpeer.monitor.human.history import History
from qmpeer.monitor.named_fds import NamedFds


class HumanState(msgspec.Struct):
    """What a human monitor remembers; it outlives its connections.

    Attributes:
        history: The lines that were entered.
        cpu_index: The CPU that was chosen, None for the first.
    """

    history: History = msgspec.field(default_factory=History)
    cpu_index: int | None = None


class HumanContext(Context, Protocol):
    """Where a human command came from.

    Attributes:
        state: What its monitor remembers. It is lost after a single line, such as that of QMP's
            human-monitor-command.
        is_interactive: Somebody sits at a terminal.
    """

    state: HumanState
    is_interactive: bool


class OneLine:
    """The context of a line that came by another way than a human monitor.

    Spec: QEMU: it is a monitor of its own, which knows no descriptors. Those that came with the
    line stay with whoever sent them, for the next command.

    Args:
        monitor: The monitor.
        origin: Where the line came from, if that is known.
        cpu_index: The CPU that it is for.
    """

    __slots__ = ("_monitor", "_named_fds", "_origin", "is_interactive", "state")

    def __init__(
        self, monitor: ContextMonitor, origin: Context | None, cpu_index: int | None = None
    ) -> None:
        self._monitor = monitor
        self._origin = origin
        self._named_fds = NamedFds()
        self.state: HumanState = HumanState(cpu_index=cpu_index)
        self.is_interactive: bool = False

    @property
    def monitor(self) -> ContextMonitor:
        """The monitor that it came to."""
        return self._monitor

    @property
    def peer(self) -> str:
        """The client, for logs."""
        return "" if self._origin is None else self._origin.peer

    @property
    def named_fds(self) -> NamedFds:
        """Keeps descriptors while the line is executed."""
        return self._named_fds

    def take_fds(self) -> list[int]:
        """Return nothing: descriptors belong to where the line came from."""
        return []
