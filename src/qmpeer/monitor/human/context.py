"""Where a human command came from, and what its monitor remembers between two."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from qmpeer.monitor.backend import Context
from qmpeer.monitor.human.history import History

if TYPE_CHECKING:
    from qmpeer.monitor.monitor import Monitor

__all__ = ["HumanContext", "HumanState", "OneLine"]


@dataclass(slots=True)
class HumanState:
    """Hold what a human monitor remembers; it outlives its connections.

    Attributes:
        history: The lines that were entered.
        cpu_index: The CPU that was chosen, None for the first.
    """

    history: History = field(default_factory=History)
    cpu_index: int | None = None


class HumanContext(Context, Protocol):
    """Tell a human command where it came from.

    Attributes:
        state: What its monitor remembers. It is lost after a single line, such as that of QMP's
            human-monitor-command.
        is_interactive: Somebody sits at a terminal.
    """

    state: HumanState
    is_interactive: bool


class OneLine:
    """Stand behind a line that came by another way than a human monitor.

    Args:
        monitor: The monitor.
        origin: Where the line came from, if that is known.
        cpu_index: The CPU that it is for.
    """

    __slots__ = ("_monitor", "_origin", "is_interactive", "state")

    def __init__(
        self, monitor: "Monitor", origin: Context | None, cpu_index: int | None = None
    ) -> None:
        self._monitor = monitor
        self._origin = origin
        self.state: HumanState = HumanState(cpu_index=cpu_index)
        self.is_interactive: bool = False

    @property
    def monitor(self) -> "Monitor":
        """The monitor that it came to."""
        return self._monitor

    @property
    def peer(self) -> str:
        """The client, for logs."""
        return "" if self._origin is None else self._origin.peer

    def take_fds(self) -> list[int]:
        """Return the last set of descriptors that this client sent; they are the caller's now."""
        return [] if self._origin is None else self._origin.take_fds()
