"""Where the other end is: one small type a scheme, which parses, prints and says how it is dialled.

A new scheme is a subclass of `Address` that `schemes.register_scheme` is given. It has `parse` and
``__str__``, and one of two ways to be dialled and listened at: `endpoints`, which anybody connects
to or binds, or `open_socket`, where it makes a socket by means of its own.
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
    """One end of a stream; each scheme has a type of its own.

    str() gives text that parse_address() reads as the same address.

    Attributes:
        scheme: What stands before its colon.
        form: How it is written, for an error's list of what is expected.
    """

    scheme: ClassVar[str]
    form: ClassVar[str]

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read what stands behind "SCHEME:".

        Raises:
            ValueError: If it is no such address.
        """
        raise NotImplementedError

    @property
    def may_block(self) -> bool:
        """Whether its methods may take seconds: an event loop calls them in another thread then."""
        return False

    def endpoints(self, *, to_listen: bool = False) -> list[Endpoint]:
        """Return the endpoints behind it, in the order in which to try them.

        Raises:
            OSError: If the host has no address (socket.gaierror).
            ValueError: If the scheme has none for this purpose.
        """
        raise ValueError(f"found {str(self)!r}, expected an address of unix, tcp, vsock or fd")

    def open_socket(
        self, timeout: float | None, *, to_listen: bool = False
    ) -> socket.socket | None:
        """Return a socket that is connected, or listens, where no endpoint is needed for that.

        It belongs to the caller. None, as here, sends the caller to the endpoints.

        Args:
            timeout: Seconds that it may take; None for any number.
            to_listen: Whether it has to listen.

        Raises:
            OSError: If there can't be one.
        """
        return None

    def new_filter(self, tls: "ssl.SSLContext | None") -> "Filter | None":
        """Return what stands between its wire and who dials it; None is the wire itself.

        Args:
            tls: Certificates and what is checked, in place of what the address says.

        Raises:
            OSError: If a file of certificates can't be used.
            ValueError: If there is a context, but the scheme hasn't to do with TLS.
            ModuleNotFoundError: If it needs an extra that is not installed.
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
        """Read a path."""
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
        """Whether it has no file."""
        return self.path.startswith("@")

    def endpoints(self, *, to_listen: bool = False) -> list[Endpoint]:
        """Return the one that there is."""
        return [Endpoint(socket.AF_UNIX, "\0" + self.path[1:] if self.is_abstract else self.path)]

    def __str__(self) -> str:
        return f"unix:{self.path}"


class HostAddress(Address, frozen=True):
    """A host and a port, on which anything may lie.

    An empty host means this machine: loopback for who dials, every interface for who listens.
    """

    host: str
    port: int

    @property
    def where(self) -> str:
        """HOST:PORT, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def may_block(self) -> bool:
        """Whether the resolver may have to ask the network: the host has a name."""
        try:
            look_up(self.host, self.port, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            return True
        return False

    def endpoints(self, *, to_listen: bool = False) -> list[Endpoint]:
        """Return all that the host name stands for.

        An empty host is listened at as "::" first, which takes IPv4 clients as well; a name is on
        IPv4 first, which is where clients that try one address only look for "localhost".
        """
        found = look_up(self.host, self.port, flags=socket.AI_PASSIVE if to_listen else 0)
        if to_listen:
            found.sort(key=lambda endpoint: endpoint.family, reverse=not self.host)
        return found


class TcpAddress(HostAddress, frozen=True):
    """A host and a port, with nothing in between."""

    scheme: ClassVar[str] = "tcp"
    form: ClassVar[str] = "tcp:HOST:PORT"

    @classmethod
    def parse(cls, text: str) -> "TcpAddress":
        """Read HOST:PORT."""
        return cls(*parse_host_port(text))

    def __str__(self) -> str:
        return f"tcp:{self.where}"


class VsockAddress(Address, frozen=True):
    """A virtual machine's number, or its host's, and a port of it."""

    scheme: ClassVar[str] = "vsock"
    form: ClassVar[str] = "vsock:CID:PORT"

    cid: int
    port: int

    @classmethod
    def parse(cls, text: str) -> "VsockAddress":
        """Read CID:PORT."""
        cid, _, port = text.partition(":")
        return cls(_number(cid, 0xFFFF_FFFF, "a CID"), _number(port, 0xFFFF_FFFF, "a port"))

    def endpoints(self, *, to_listen: bool = False) -> list[Endpoint]:
        """Return the one that there is."""
        return [Endpoint(socket.AF_VSOCK, (self.cid, self.port))]

    def __str__(self) -> str:
        return f"vsock:{self.cid}:{self.port}"


class FdAddress(Address, frozen=True):
    """The number of a descriptor that is a socket already, connected or listening."""

    scheme: ClassVar[str] = "fd"
    form: ClassVar[str] = "fd:N"

    fd: int

    @classmethod
    def parse(cls, text: str) -> "FdAddress":
        """Read a number."""
        return cls(_number(text, 0x7FFF_FFFF, "a file descriptor"))

    def open_socket(self, timeout: float | None, *, to_listen: bool = False) -> socket.socket:
        """Take the descriptor over."""
        return adopt_fd(self.fd)

    def __str__(self) -> str:
        return f"fd:{self.fd}"


class OtherAddress(Address, frozen=True):
    """An end of a socket of another family, to be shown."""

    scheme: ClassVar[str] = "socket"

    text: str

    def __str__(self) -> str:
        return f"socket:{self.text}"


def address_of(family: int, sockaddr: object) -> Address:
    """Turn what getsockname(), getpeername() or accept() gave into an address."""
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
    """Refuse a context for TLS where nothing would be encrypted.

    Raises:
        ValueError: If there is one.
    """
    if tls is not None:
        raise ValueError(f"found tls= with {target}, expected an address of tls or wss")


def parse_host_port(text: str) -> tuple[str, int]:
    """Read HOST:PORT; an IPv6 address stands in brackets.

    Raises:
        ValueError: If it is something else.
    """
    found = _HOST_PORT.fullmatch(text)
    if found is None:
        hint = " (an IPv6 address stands in brackets)" if text.count(":") > 1 else ""
        raise ValueError(f"found {text!r}, expected HOST:PORT{hint}")
    host = found["host"] if found["six"] is None else found["six"]
    if "/" in host or "\0" in host:
        raise ValueError(f"found {text!r}, expected HOST:PORT")
    return host, _number(found["port"], 0xFFFF, "a port")


def _number(text: str, most: int, what: str) -> int:
    # The length is bounded first: int() of a million digits takes long.
    if re.fullmatch(r"[0-9]{1,10}", text) and (number := int(text)) <= most:
        return number
    raise ValueError(f"found {text!r}, expected {what}: a number up to {most}")
