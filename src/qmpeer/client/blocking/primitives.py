"""The primitives of the blocking client; `qmpeer.client.aio.primitives` has the same names."""

import socket
import threading
from collections.abc import Callable
from operator import call
from time import sleep
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from qmpeer.client.blocking.channel import Channel, OnLost
from qmpeer.client.blocking.roles import PendingCommand
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
call_blocking: Final = call
"""Call a function that may block for a moment."""


class ClosedOnExit:
    """A context manager that closes the connection at its end."""

    _channel: Any  # AnyChannel; None while a GuestAgent has no connection

    def close(self) -> None:
        """Close the connection; repeated calls do no harm."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def fileno(self) -> int:
        """Return the socket's descriptor, for select; -1 once the socket is closed."""
        return -1 if self._channel is None else self._channel.fileno()

    def __del__(self) -> None:
        # Only the socket is closed here: a finalizer may run inside any other call.
        channel = getattr(self, "_channel", None)
        if channel is not None:
            channel.forget()


def decoded(command: "Command[R]", value: Any) -> R:
    """Return the value of a binding's command, decoded to its return type."""
    return command.decode(value)


def open_connection(
    address: AddressLike,
    session: ClientSession[PendingCommand],
    deadline: Deadline,
    *,
    log: EventLog | None = None,
    on_lost: OnLost | None = None,
    launched: "Launched | None" = None,
    wait_for_socket: bool = False,
    tls: "ssl.SSLContext | None" = None,
) -> Channel:
    """Connect and negotiate, as described at `Client.connect`."""
    sock = dial(address, timeout=deadline.timeout, wait_for_socket=wait_for_socket, tls=tls)
    channel = Channel(sock, session, launched, log, on_lost)
    try:
        channel.negotiate(deadline)
    except BaseException:
        channel.close()
        raise
    return channel


def accept_connection(listener: socket.socket, timeout: float | None) -> socket.socket:
    """Accept one connection on a listening socket."""
    before = listener.gettimeout()
    listener.settimeout(timeout)
    try:
        return listener.accept()[0]
    except TimeoutError:
        raise TimeoutError(f"nobody connected in {timeout:.4g} s") from None
    finally:
        listener.settimeout(before)


def report_progress(progress: Callable[[Any], object] | None, state: Any) -> None:
    """Call the progress function, if there is one."""
    if progress is not None:
        progress(state)
