"""The state that both reconnecting clients share: the series of their connections."""

import socket
from typing import Any, Generic, Protocol, TypeVar

from qmpeer.client.events import EventLog
from qmpeer.client.interruptions import Interruption, Interruptions
from qmpeer.errors import ConnectionClosed
from qmpeer.protocol import ClientSession
from qmpeer.transport import AddressLike


def late_to_connect(error: Exception | None) -> TimeoutError:
    """Return the error for a deadline that passed before the next connection was made."""
    return TimeoutError(f"the connection was lost, and isn't made anew: {error}")


class SeriesChannel(Protocol):
    """A channel, as a series of connections sees it."""

    end: ConnectionClosed | None
    interrupted: tuple[str, ...]
    session: ClientSession[Any]


C = TypeVar("C", bound=SeriesChannel)


class ConnectionSeries(Generic[C]):
    """A client's connections, one after the other.

    Args:
        address: The server's address.
        seconds: How long to keep trying to reconnect before the series ends; None for ever.

    Attributes:
        log: The events of all connections.
        end: The reason why the series has ended, or None.
        launched: Always None: a launched program can't be connected to again.

    Raises:
        ValueError: If the address can be connected to only once.
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
        """The current connection, or the last one if it was lost."""
        assert self._current is not None
        return self._current

    def _adopt(self, channel: C) -> None:
        """Make a connection the current one, even if it was lost in the meantime."""
        # Read first: once _current is set, the channel's own call of _lost records a loss.
        is_lost = channel.end is not None
        self._current = channel
        if is_lost:
            self._lost(channel)

    def _lost(self, channel: C) -> None:
        """Record the loss of the current connection; ignore connections that never were current."""
        if self.end is None and channel is self._current and channel.end is not None:
            self._interruptions.add(channel.end.reason, self.log.last, channel.interrupted)

    @property
    def interruptions(self) -> tuple[Interruption, ...]:
        """The lost connections, oldest first."""
        return self._interruptions.known

    @property
    def is_closed(self) -> bool:
        """True if the series has ended."""
        return self.end is not None

    @property
    def session(self) -> ClientSession[Any]:
        """The protocol session of the current connection, or of the last one."""
        return self.current.session


def can_be_dialled_again(address: AddressLike) -> bool:
    """Return whether an address can be connected to repeatedly; a descriptor can't.

    Example:
        >>> can_be_dialled_again("unix:/run/vm.qmp"), can_be_dialled_again("fd:3")
        (True, False)
    """
    return not isinstance(address, socket.socket) and not str(address).startswith("fd:")
