"""Services that the host program provides to character devices; each has a default."""

import logging
import os
import ssl
from collections.abc import Callable, Collection, Mapping
from typing import Final

import msgspec

from qmpeer import limits
from qmpeer.transport.listening import Owner

_logger: Final = logging.getLogger("qmpeer.chardev")


class TlsCredentials(msgspec.Struct, frozen=True):
    """TLS for one end of a connection, as ``-object tls-creds-…`` describes it.

    Attributes:
        context: The TLS context with certificates or keys.
        is_for_server: True for a server, False for a client.
        identifies_clients: True if clients must authenticate, by a certificate or a key.
    """

    context: ssl.SSLContext
    is_for_server: bool
    identifies_clients: bool


FindFd = Callable[[str], int | None]
"""Looks up a descriptor passed to the monitor, by name; None if there is none."""
Authorize = Callable[[str], bool]
"""Returns True if a client whose certificate has this name may connect."""


def _say(line: str) -> None:
    _logger.info("%s", line)


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o666)


def _nothing() -> None:
    """Do nothing."""


class Host(msgspec.Struct):
    """The services and settings that the devices of one program share.

    Attributes:
        say: Prints a line on standard output, such as the path of a pty.
        report: Prints an error on standard error that isn't the reply to a command.
        quit: Ends the program: a mux's C-a x.
        commit: Writes disks back: a mux's C-a s.
        when_changed: Called when a client connects to a device or leaves it.
        open_path: Opens a path with flags of open(), and /dev/fdset/N if the program supports it.
        close_path: Closes a descriptor that ``open_path`` returned.
        credentials: TLS credentials by their ids.
        is_object: Returns True if an object with an id exists.
        authorizers: Checks of TLS clients' names, by their ids (``tls-authz``).
        origins: Origins of web pages that may connect by WebSocket.
        escape: The character that begins a mux's escape: C-a.
        is_insecure: True if TCP may be open to the network without TLS.
        socket_mode: The mode of unix sockets' files.
        socket_owner: Their user and group; None for those of the process.
        serves_many: True if a server's socket serves many clients at once; QEMU's serve one. Its
            device then shows the state of the client that came last.
        handshake_timeout: Seconds for the handshakes of TLS and WebSocket on TCP; None waits for
            ever.
        standard: Descriptors of standard input and output; None if the program has closed them.
        standard_user: The label of the device that uses them.
    """

    say: Callable[[str], None] = _say
    report: Callable[[str], None] = _logger.error
    quit: Callable[[], None] = _nothing
    commit: Callable[[], None] = _nothing
    when_changed: Callable[[], None] = _nothing
    open_path: Callable[[str, int], int] = _open
    close_path: Callable[[int], None] = os.close
    credentials: Mapping[str, TlsCredentials] = msgspec.field(default_factory=dict)
    is_object: Callable[[str], bool] = lambda id: False
    authorizers: Mapping[str, Authorize] = msgspec.field(default_factory=dict)
    origins: Collection[str] = ()
    escape: int = 1
    is_insecure: bool = False
    socket_mode: int = 0o600
    socket_owner: Owner | None = None
    serves_many: bool = False
    handshake_timeout: float | None = limits.HANDSHAKE_TIMEOUT
    standard: tuple[int, int] | None = (0, 1)
    standard_user: str | None = None
