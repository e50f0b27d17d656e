"""What a client that connects anew knows of its connections."""

import socket
from typing import Any, Generic, Protocol, TypeVar

from qmpeer.client.events import EventLog
from qmpeer.client.interruptions import Interruption, Interruptions
from qmpeer.errors import ConnectionClosed
from qmpeer.protocol import ClientSession
from qmpeer.transport import AddressLike


def late_to_connect(error: Exception | None) -> TimeoutError:
    """Return the error of a deadline that passes before the next connection is made."""
    return TimeoutError(f"the connection was lost, and isn't made anew: {error}")


class Connection(Protocol):
    """What a series of connections is made of: a channel."""

    end: ConnectionClosed | None
    interrupted: tuple[str, ...]
    session: ClientSession[Any]


C = TypeVar("C", bound=Connection)


class ConnectionSeries(Generic[C]):
    """A client's connections, one after the other.

    Args:
        address: Where the server is.
        seconds: For how long another connection is tried for before all ends; None for ever.

    Attributes:
        log: The events that have come, over all of them.
        end: Why no more will come, once that is so.
        launched: Nothing: what was launched can't be connected to again.

    Raises:
        ValueError: If the address is good for one connection only.
    """

    def __init__(self, address: AddressLike, seconds: float | None) -> None:
        if not can_be_dialled_again(address):
            raise ValueError(
                "found a socket or descriptor, expected an address to connect to again"
            )
        self.log: EventLog = EventLog()
        self.end: ConnectionClosed | None = None
        self.launched: None = None
        self._seconds = seconds
        self._current: C | None = None
        self._interruptions = Interruptions()

    @property
    def current(self) -> C:
        """The connection that there is, or was at last."""
        assert self._current is not None
        return self._current

    def _adopt(self, channel: C) -> None:
        """Make a connection the current one; it may be lost already."""
        is_lost = channel.end is not None
        self._current = channel
        if is_lost:
            self._lost(channel)

    def _lost(self, channel: C) -> None:
        """Take in that a connection is lost; one that has never been ours is none."""
        if self.end is None and channel is self._current and channel.end is not None:
            self._interruptions.add(channel.end.reason, self.log.last, channel.interrupted)

    @property
    def interruptions(self) -> tuple[Interruption, ...]:
        """The connections that were lost."""
        return self._interruptions.known

    @property
    def is_closed(self) -> bool:
        """No more will come."""
        return self.end is not None

    @property
    def session(self) -> ClientSession[Any]:
        """The protocol's side of the connection that there is, or was at last."""
        return self.current.session


def can_be_dialled_again(address: AddressLike) -> bool:
    """Return whether an address leads to its server more than once; a descriptor doesn't.

    Example:
        >>> can_be_dialled_again("unix:/run/vm.qmp"), can_be_dialled_again("fd:3")
        (True, False)
    """
    return not isinstance(address, socket.socket) and not str(address).startswith("fd:")
