"""What blocking code does in its own way; `qmpeer.client.aio.door` has the same names."""

import socket
import threading
from collections.abc import Callable
from operator import call
from time import sleep
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from qmpeer.client.blocking.channel import Channel, OnLost
from qmpeer.client.blocking.roles import Call
from qmpeer.client.events import EventLog
from qmpeer.client.timeouts import Deadline
from qmpeer.protocol import ClientSession
from qmpeer.transport import AddressLike, dial

if TYPE_CHECKING:
    import ssl

    from qmpeer.bindings import Command
    from qmpeer.client.launching import Launched


R = TypeVar("R")

Lock: Final = threading.RLock
pause: Final = sleep
aside: Final = call
"""Call a function that may block for a moment."""


class Door:
    """A connection as a context manager, which closes it; its socket goes with the last of it."""

    _channel: Any  # AnyChannel, None while an agent has no connection

    def close(self) -> None:
        """Close the connection; doing so twice is fine."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def fileno(self) -> int:
        """Return the socket's descriptor, for select; -1 once it is closed."""
        return -1 if self._channel is None else self._channel.fileno()

    def __del__(self) -> None:
        channel = getattr(self, "_channel", None)
        if channel is not None:
            channel.forget()


def decoded(command: "Command[R]", value: Any) -> R:
    """Return the value of a binding's command, as the type that it returns."""
    return command.decode(value)


def opened(
    address: AddressLike,
    session: ClientSession[Call],
    deadline: Deadline,
    *,
    log: EventLog | None = None,
    on_lost: OnLost | None = None,
    launched: "Launched | None" = None,
    wait_for_socket: bool = False,
    tls: "ssl.SSLContext | None" = None,
) -> Channel:
    """Connect and negotiate; what isn't said here is as in `Client.connect`."""
    sock = dial(address, timeout=deadline.timeout, wait_for_socket=wait_for_socket, tls=tls)
    channel = Channel(sock, session, launched, log, on_lost)
    try:
        channel.negotiate(deadline)
    except BaseException:
        channel.close()
        raise
    return channel


def accepted(listener: socket.socket, timeout: float | None) -> socket.socket:
    """Return the first connection that comes to a listening socket."""
    before = listener.gettimeout()
    listener.settimeout(timeout)
    try:
        return listener.accept()[0]
    except TimeoutError:
        raise TimeoutError(f"nobody connected in {timeout:.4g} s") from None
    finally:
        listener.settimeout(before)


def tell(report: Callable[[Any], object] | None, value: Any) -> None:
    """Call a function of the caller's, if there is one."""
    if report is not None:
        report(value)
