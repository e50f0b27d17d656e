"""The context of a human command, and the state that its monitor keeps between commands."""

from typing import Protocol

import msgspec

from qmpeer.monitor.backend import Context, ContextMonitor
from qmpeer.monitor.human.history import History
from qmpeer.monitor.named_fds import NamedFds


class HumanState(msgspec.Struct):
    """The state of a human monitor, which outlives its connections.

    Attributes:
        history: The lines that were entered.
        cpu_index: The selected CPU, None for the first.
    """

    history: History = msgspec.field(default_factory=History)
    cpu_index: int | None = None


class HumanContext(Context, Protocol):
    """The origin of a human command.

    Attributes:
        state: The monitor's state. QMP's human-monitor-command executes a single line with a state
            of its own, which is dropped afterwards.
        is_interactive: True if a person types at a terminal.
    """

    state: HumanState
    is_interactive: bool


class OneLine:
    """The context of a line that didn't come from a human monitor's terminal.

    Spec: QEMU executes it in a temporary monitor, which has no descriptors. Descriptors sent with
    the line stay with the QMP client, for its next command.

    Args:
        monitor: The monitor.
        origin: The context of the QMP command that sent the line, if there is one.
        cpu_index: The CPU to use.
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
    def origin(self) -> Context | None:
        """The context of the QMP command that sent the line, if there is one."""
        return self._origin

    @property
    def monitor(self) -> ContextMonitor:
        """The monitor that executes the line."""
        return self._monitor

    @property
    def peer(self) -> str:
        """The client's name in logs."""
        return "" if self._origin is None else self._origin.peer

    @property
    def named_fds(self) -> NamedFds:
        """The named descriptors, which exist only while the line is executed."""
        return self._named_fds

    def take_fds(self) -> list[int]:
        """Return an empty list: the descriptors stay with the QMP client."""
        return []
