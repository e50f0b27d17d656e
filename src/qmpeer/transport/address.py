"""Addresses: one small type for each scheme, which parses and prints addresses and resolves them.

A new scheme is a subclass of `Address`, registered with `schemes.register_scheme`. It has `parse`
and ``__str__``, and one of two methods for dialling and listening: `endpoints` returns what to
connect to or bind, or `open_socket` makes a socket in the scheme's own way.
"""

import os
import re
import socket
from typing import TYPE_CHECKING, ClassVar, Final

import msgspec

from qmpeer import limits
from qmpeer.transport.sockets import Endpoint, adopt_fd, look_up

if TYPE_CHECKING:
    import ssl

    from qmpeer.transport.filter import Filter

_HOST_PORT: Final = re.compile(r"(?s)(?:\[(?P<six>[^\[\]]*)\]|(?P<host>[^\[\]:]*)):(?P<port>\d+)")


class Address(msgspec.Struct, frozen=True):
    """The address of one end of a stream; each scheme has a subclass.

    parse_address() reads the text of str() as the same address.

    Attributes:
        scheme: The text before the colon.
        form: The syntax, for an error's list of expected forms.
    """

    scheme: ClassVar[str]
    form: ClassVar[str]

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Parse the text behind "SCHEME:".

        Raises:
            ValueError: If it isn't an address of this scheme.
        """
        raise NotImplementedError

    @property
    def may_block(self) -> bool:
        """True if its methods may take seconds, so that an event loop calls them in a thread."""
        return False

    def endpoints(self, *, to_listen: bool = False) -> list[Endpoint]:
        """Return its endpoints, in the order in which to try them.

        Raises:
            OSError: If the host has no address (socket.gaierror).
            ValueError: If the scheme has no endpoints for dialling, or for listening.
        """
        raise ValueError(f"found {str(self)!r}, expected an address of unix, tcp, vsock or fd")

    def open_socket(
        self, timeout: float | None, *, to_listen: bool = False
    ) -> socket.socket | None:
        """Return a connected or listening socket, if the scheme opens sockets itself.

        The socket belongs to the caller. If the result is None, as here, the caller uses the
        endpoints.

        Args:
            timeout: The time limit in seconds; None for no limit.
            to_listen: True for a listening socket.

        Raises:
            OSError: If the socket can't be opened.
        """
        return None

    def new_filter(self, tls: "ssl.SSLContext | None") -> "Filter | None":
        """Return a new filter between a client and the wire; None if the scheme has no filter.

        Args:
            tls: A TLS context, which replaces the address's TLS options.

        Raises:
            OSError: If a file of certificates can't be used.
            ValueError: If there is a context, but the scheme doesn't use TLS.
            ModuleNotFoundError: If the scheme needs an extra that isn't installed.
        """
        refuse_tls(self, tls)
        return None


class UnixAddress(Address, frozen=True):
    """The path of a unix socket; "@NAME" is in the abstract namespace, without a file."""

    scheme: ClassVar[str] = "unix"
    form: ClassVar[str] = "unix:PATH"

    path: str

    @classmethod
    def parse(cls, text: str) -> "UnixAddress":
        """Parse a path."""
        name = text[1:] if text.startswith("@") else text
        if not name or "\0" in name:
            raise ValueError(f"found {text!r}, expected the path of a unix socket")
        if (size := len(os.fsencode(name))) > limits.UNIX_PATH:
            raise ValueError(
                f"UNIX socket path '{text}' is too long: "
                f"found {size} bytes, expected at most {limits.UNIX_PATH}"
            )
        return cls(text)

    @property
    def is_abstract(self) -> bool:
        """True if it has no file."""
        return self.path.startswith("@")

    def endpoints(self, *, to_listen: bool = False) -> list[Endpoint]:
        """Return the only endpoint."""
        return [Endpoint(socket.AF_UNIX, "\0" + self.path[1:] if self.is_abstract else self.path)]

    def __str__(self) -> str:
        return f"unix:{self.path}"


def socket_path(address: Address | socket.socket) -> str | None:
    """Return the path of a unix address's file; None for any other address, and for a socket.

    Example:
        >>> socket_path(UnixAddress("/run/vm.qmp")), socket_path(UnixAddress("@abstract"))
        ('/run/vm.qmp', None)
    """
    if isinstance(address, UnixAddress) and not address.is_abstract:
        return address.path
    return None


class HostAddress(Address, frozen=True):
    """A host and a port, for any protocol on TCP.

    An empty host is this machine: loopback when dialling, every interface when listening.
    """

    host: str
    port: int

    @property
    def where(self) -> str:
        """HOST:PORT, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def may_block(self) -> bool:
        """True if the host is a name, for which the resolver may ask the network."""
        try:
            look_up(self.host, self.port, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            return True
        return False

    def endpoints(self, *, to_listen: bool = False) -> list[Endpoint]:
        """Return all endpoints of the host name.

        When listening, an empty host gives "::" first, which accepts IPv4 clients, too. A name
        gives IPv4 first: clients that try only one address look for "localhost" there.
        """
        found = look_up(self.host, self.port, flags=socket.AI_PASSIVE if to_listen else 0)
        if to_listen:
            found.sort(key=lambda endpoint: endpoint.family, reverse=not self.host)
        return found


class TcpAddress(HostAddress, frozen=True):
    """A host and a port, without filters."""

    scheme: ClassVar[str] = "tcp"
    form: ClassVar[str] = "tcp:HOST:PORT"

    @classmethod
    def parse(cls, text: str) -> "TcpAddress":
        """Parse HOST:PORT."""
        return cls(*parse_host_port(text))

    def __str__(self) -> str:
        return f"tcp:{self.where}"


class VsockAddress(Address, frozen=True):
    """A virtual machine's or its host's CID, and a port."""

    scheme: ClassVar[str] = "vsock"
    form: ClassVar[str] = "vsock:CID:PORT"

    cid: int
    port: int

    @classmethod
    def parse(cls, text: str) -> "VsockAddress":
        """Parse CID:PORT."""
        cid, _, port = text.partition(":")
        return cls(_number(cid, 0xFFFF_FFFF, "a CID"), _number(port, 0xFFFF_FFFF, "a port"))

    def endpoints(self, *, to_listen: bool = False) -> list[Endpoint]:
        """Return the only endpoint."""
        return [Endpoint(socket.AF_VSOCK, (self.cid, self.port))]

    def __str__(self) -> str:
        return f"vsock:{self.cid}:{self.port}"


class FdAddress(Address, frozen=True):
    """The number of a descriptor that is a connected or listening socket."""

    scheme: ClassVar[str] = "fd"
    form: ClassVar[str] = "fd:N"

    fd: int

    @classmethod
    def parse(cls, text: str) -> "FdAddress":
        """Parse a number."""
        return cls(_number(text, 0x7FFF_FFFF, "a file descriptor"))

    def open_socket(self, timeout: float | None, *, to_listen: bool = False) -> socket.socket:
        """Take over the descriptor."""
        return adopt_fd(self.fd)

    def __str__(self) -> str:
        return f"fd:{self.fd}"


class OtherAddress(Address, frozen=True):
    """The address of a socket of another family, for display only."""

    scheme: ClassVar[str] = "socket"

    text: str

    def __str__(self) -> str:
        return f"socket:{self.text}"


def address_of(family: int, sockaddr: object) -> Address:
    """Return the address for a result of getsockname(), getpeername() or accept()."""
    if family == socket.AF_UNIX:
        if isinstance(sockaddr, bytes):  # the abstract namespace: a NUL and the name
            return UnixAddress("@" + os.fsdecode(sockaddr[1:]))
        return UnixAddress(str(sockaddr or ""))
    if isinstance(sockaddr, tuple) and len(sockaddr) >= 2:
        if family in (socket.AF_INET, socket.AF_INET6):
            return TcpAddress(sockaddr[0], sockaddr[1])
        if family == socket.AF_VSOCK:
            return VsockAddress(sockaddr[0], sockaddr[1])
    return OtherAddress(repr(sockaddr))


def refuse_tls(target: Address | socket.socket, tls: object) -> None:
    """Refuse a TLS context for an address without TLS.

    Raises:
        ValueError: If there is a context.
    """
    if tls is not None:
        raise ValueError(f"found tls= with {target}, expected an address of tls or wss")


def parse_host_port(text: str) -> tuple[str, int]:
    """Parse HOST:PORT; an IPv6 address is in brackets.

    Raises:
        ValueError: If the text has another form.
    """
    found = _HOST_PORT.fullmatch(text)
    if found is None:
        hint = " (write an IPv6 address in brackets)" if text.count(":") > 1 else ""
        raise ValueError(f"found {text!r}, expected HOST:PORT{hint}")
    host = found["host"] if found["six"] is None else found["six"]
    if "/" in host or "\0" in host:
        raise ValueError(f"found {text!r}, expected HOST:PORT")
    return host, _number(found["port"], 0xFFFF, "a port")


def _number(text: str, most: int, noun: str) -> int:
    # The length is checked first: int() of a million digits takes long.
    if re.fullmatch(r"[0-9]{1,10}", text) and (number := int(text)) <= most:
        return number
    raise ValueError(f"found {text!r}, expected {noun}: a number up to {most}")
