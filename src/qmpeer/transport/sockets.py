"""Stream sockets: what an address comes down to, and the options that a socket gets."""

import errno
import socket
from typing import NamedTuple, cast

SockAddr = str | tuple[str | int, ...]
"""What bind() and connect() take."""


class Endpoint(NamedTuple):
    """One family and sockaddr that an address stands for.

    Attributes:
        family: Such as AF_UNIX.
        sockaddr: What bind() and connect() take.
        takes_both: Whether a listener of AF_INET6 takes clients of IPv4 as well.
    """

    family: int
    sockaddr: SockAddr
    takes_both: bool = False

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
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
    """Ask the system's resolver; an empty host is this machine.

    Raises:
        OSError: If the host has no address (socket.gaierror).
    """
    found = socket.getaddrinfo(host or None, port, family, kind, 0, flags)
    return [Endpoint(int(each[0]), cast("SockAddr", each[4]), not host) for each in found]


def new_socket(family: int) -> socket.socket:
    """Make a stream socket that is not inherited; TCP ones send small messages at once."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    if family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def adopt_fd(fd: int) -> socket.socket:
    """Take over a socket by its descriptor, which belongs to the new object from here on.

    Raises:
        OSError: If the descriptor is not open, or not a stream socket.
    """
    try:
        sock = socket.socket(fileno=fd)
    except OSError as error:
        if error.errno != errno.ENOTSOCK:
            raise
        raise OSError(error.errno, f"File descriptor '{fd}' is not a socket") from None
    if sock.type != socket.SOCK_STREAM:
        kind = sock.type
        sock.detach()
        raise OSError(errno.EPROTOTYPE, f"found a socket of {kind!r}, expected a stream")
    sock.set_inheritable(False)
    return sock


def is_connected_to_itself(sock: socket.socket) -> bool:
    """Tell a TCP socket that met itself.

    Dialling a port of the ephemeral range again and again, nobody listening, may choose that very
    port for our own end: TCP calls that a simultaneous open and connects the socket to itself.
    """
    return (
        sock.family in (socket.AF_INET, socket.AF_INET6)
        and sock.getsockname() == sock.getpeername()
    )
