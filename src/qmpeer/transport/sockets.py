"""Making the socket of an address: which sockaddrs stand behind it, and the options it gets."""

import errno
import socket
from typing import NamedTuple, cast

from qmpeer.transport.address import Address

SockAddr = str | tuple[str | int, ...]
"""What bind() and connect() take."""


class Endpoint(NamedTuple):
    """One family and sockaddr that an address stands for."""

    family: int
    sockaddr: SockAddr

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


def needs_resolver(address: Address) -> bool:
    """Say whether resolve() may have to ask the network, and so may take seconds."""
    has_host = address.scheme == "tcp" or address.is_filtered
    return has_host and bool(address.host) and not _is_numeric(address)


def resolve(address: Address, *, to_listen: bool = False) -> list[Endpoint]:
    """Find the endpoints behind an address, in the order in which to try them.

    An empty host means this machine: loopback for who dials, every interface for who listens.

    Raises:
        OSError: If the host has no address (socket.gaierror).
        ValueError: If the scheme has no sockets.
    """
    if address.scheme == "unix":
        return [Endpoint(socket.AF_UNIX, address.sockaddr)]
    if address.scheme == "vsock":
        return [Endpoint(socket.AF_VSOCK, address.sockaddr)]
    if address.is_filtered and to_listen:
        raise ValueError(f"found {str(address)!r}, which can be dialled, not listened at")
    if address.scheme != "tcp" and not address.is_filtered:
        raise ValueError(f"found {str(address)!r}, expected an address of unix, tcp, vsock or fd")
    flags = socket.AI_PASSIVE if to_listen else 0
    found = socket.getaddrinfo(
        address.host or None, address.port, type=socket.SOCK_STREAM, flags=flags
    )
    return [Endpoint(family, cast("SockAddr", sockaddr)) for family, _, _, _, sockaddr in found]


def new_socket(family: int) -> socket.socket:
    """Make a stream socket that is not inherited; TCP ones send small messages at once."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    if family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def adopt_fd(address: Address) -> socket.socket:
    """Take over the socket that fd:N names; it belongs to the new socket object from here on.

    Raises:
        OSError: If the descriptor is not open, or not a stream socket.
    """
    assert address.fd is not None
    try:
        sock = socket.socket(fileno=address.fd)
    except OSError as error:
        if error.errno != errno.ENOTSOCK:
            raise
        raise OSError(error.errno, f"File descriptor '{address.fd}' is not a socket") from None
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


def _is_numeric(address: Address) -> bool:
    try:
        socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )
    except socket.gaierror:
        return False
    return True
