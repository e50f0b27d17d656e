"""Stream sockets: the endpoints of an address, and new sockets with their options."""

import errno
import socket
from typing import NamedTuple, cast

SockAddr = str | tuple[str | int, ...]
"""The argument of bind() and connect()."""


class Endpoint(NamedTuple):
    """One address family and sockaddr of an address.

    Attributes:
        family: Such as AF_UNIX.
        sockaddr: The argument of bind() and connect().
        takes_both: True if a listener of AF_INET6 accepts IPv4 clients, too.
    """

    family: int
    sockaddr: SockAddr
    takes_both: bool = False

    @property
    def is_loopback(self) -> bool:
        """True if only this machine can reach it."""
        match self.family:
            case socket.AF_UNIX:
                return True
            case socket.AF_INET:
                return str(self.sockaddr[0]).startswith("127.")
            case socket.AF_INET6:
                return str(self.sockaddr[0]) == "::1"
            case socket.AF_VSOCK:
                return self.sockaddr[0] == 1  # VMADDR_CID_LOCAL
        return False


def look_up(
    host: str,
    port: int | str | None,
    *,
    family: int = socket.AF_UNSPEC,
    kind: int = socket.SOCK_STREAM,
    flags: int = 0,
) -> list[Endpoint]:
    """Resolve a host with the system's resolver; an empty host is this machine.

    Raises:
        OSError: If the host has no address (socket.gaierror).
    """
    found = socket.getaddrinfo(host or None, port, family, kind, 0, flags)
    return [Endpoint(int(each[0]), cast("SockAddr", each[4]), not host) for each in found]


def new_socket(family: int) -> socket.socket:
    """Return a stream socket that isn't inherited; a TCP one sends small messages at once."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    if family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def adopt_fd(fd: int) -> socket.socket:
    """Take over a descriptor as a socket, which owns it from now on.

    Raises:
        OSError: If the descriptor isn't open, or isn't a stream socket.
    """
    try:
        sock = socket.socket(fileno=fd)
    except OSError as error:
        if error.errno != errno.ENOTSOCK:
            raise
        raise OSError(error.errno, f"File descriptor '{fd}' is not a socket") from None
    if sock.type != socket.SOCK_STREAM:
        # The descriptor stays the caller's: detach() keeps it open.
        kind = sock.type
        sock.detach()
        raise OSError(errno.EPROTOTYPE, f"found a socket of {kind!r}, expected a stream")
    sock.set_inheritable(False)
    return sock


def is_connected_to_itself(sock: socket.socket) -> bool:
    """Return True for a TCP socket that is connected to itself.

    Repeated dialling of an ephemeral port on which nobody listens may choose the same port for our
    own end. TCP treats this as a simultaneous open and connects the socket to itself.
    """
    return (
        sock.family in (socket.AF_INET, socket.AF_INET6)
        and sock.getsockname() == sock.getpeername()
    )
