"""Services that the host program gives character devices; every part has a default."""

import logging
import os
import ssl
from collections.abc import Callable, Collection, Mapping
from typing import Final

import msgspec

from qmpeer import limits

_logger: Final = logging.getLogger("qmpeer.chardev")


class TlsCredentials(msgspec.Struct, frozen=True):
    """TLS for one end of a connection, as ``-object tls-creds-…`` describes it.

    Attributes:
        context: Certificates, or keys, and rules.
        is_for_server: Whether its endpoint is the server.
        identifies_clients: Whether clients must authenticate, by a certificate or a key.
    """

    context: ssl.SSLContext
    is_for_server: bool
    identifies_clients: bool


FindFd = Callable[[str], int | None]
"""Looks up a descriptor passed to the monitor, by name; None if there is none."""
Authorize = Callable[[str], bool]
"""Says whether the owner of a certificate with this name may come in."""


def _say(line: str) -> None:
    _logger.info("%s", line)


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o666)


def _nothing() -> None:
    """Do nothing."""


class Host(msgspec.Struct):
    """What the devices of one program share.

    Attributes:
        say: Shows a line on standard output, such as where a pty is.
        report: Shows an error on standard error that no command asked for.
        quit: Ends the program: a mux's C-a x.
        commit: Writes disks back: a mux's C-a s.
        when_changed: Called when somebody connected to a device, or left it.
        open_path: Opens a path with flags of open(); knows /dev/fdset/N if the program does.
        close_path: Closes what that has opened.
        credentials: TLS credentials by their ids.
        is_object: Says whether there is any object with an id.
        authorizers: What decides on the names of TLS clients, by their ids (``tls-authz``).
        origins: Web pages that may connect by WebSocket.
        escape: The character that begins a mux's escape: C-a.
        is_insecure: TCP may be open to the network without TLS.
        socket_mode: The mode of unix sockets' files.
        handshake_timeout: Seconds for TLS and WebSocket to begin on TCP; None waits for ever.
        standard: Descriptors of standard input and output; None if the program gives them up.
        standard_user: The label of the device that has them.
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
    handshake_timeout: float | None = limits.HANDSHAKE_TIMEOUT
    standard: tuple[int, int] | None = (0, 1)
    standard_user: str | None = None
