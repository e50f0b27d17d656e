"""Where the other end is: the forms of an address, and the table of schemes behind them."""

import os
import re
import socket
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from qmpeer import limits


class Address(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """Name one end of a stream.

    Only the members of its scheme are set: path for unix ("@NAME" is in the abstract namespace),
    host and port for tcp, cid and port for vsock, fd for fd, and text (all behind the scheme) for
    the schemes that other rooms have added. tls, ws and wss have host and port, the latter two a
    path as well, and `filtered_address` says what else. str() gives text that parse_address() reads
    as the same address.
    """

    scheme: str
    path: str | None = None
    host: str | None = None
    port: int | None = None
    cid: int | None = None
    fd: int | None = None
    text: str = ""
    tls_dir: str | None = None
    tls_hostname: str | None = None
    verify_peer: bool = True
    one_byte_records: bool = False

    @property
    def is_filtered(self) -> bool:
        """Whether filters stand between its wire, which is TCP, and the session."""
        return self.scheme in _FILTERED

    @property
    def is_abstract(self) -> bool:
        """Whether this is a unix socket without a file."""
        return self.path is not None and self.path.startswith("@")

    @property
    def sockaddr(self) -> str | tuple[int, int]:
        """What bind() and connect() take for this address; unix and vsock only."""
        if self.scheme == "vsock":
            assert self.cid is not None
            assert self.port is not None
            return (self.cid, self.port)
        assert self.path is not None
        return "\0" + self.path[1:] if self.is_abstract else self.path

    def __str__(self) -> str:
        match self.scheme:
            case "unix":
                return f"unix:{self.path}"
            case "tcp":
                host = self.host or ""
                return f"tcp:[{host}]:{self.port}" if ":" in host else f"tcp:{host}:{self.port}"
            case "vsock":
                return f"vsock:{self.cid}:{self.port}"
            case "fd":
                return f"fd:{self.fd}"
            case "tls" | "ws" | "wss":
                from qmpeer.transport.filtered_address import format_filtered

                return format_filtered(self)
        return f"{self.scheme}:{self.text}"


AddressLike = str | os.PathLike[str] | tuple[str, int] | Address | socket.socket
"""Whatever is taken where an address is."""

Parser = Callable[[str], Address]
"""Makes an address of the text behind "SCHEME:", or raises ValueError."""

_EXPECTED: Final = (
    "unix:PATH, tcp:HOST:PORT, tls:HOST:PORT, ws://HOST:PORT, wss://HOST:PORT, vsock:CID:PORT, "
    "fd:N, HOST:PORT or a path"
)
_FILTERED: Final = ("tls", "ws", "wss")
_NOT_AVAILABLE: Final = frozenset({"ssh", "nats"})
_LOCAL_NAMES: Final = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})
_HOST_PORT: Final = re.compile(r"(?s)(?:\[(?P<six>[^\[\]]*)\]|(?P<host>[^\[\]:]*)):(?P<port>\d+)")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def parse_address(address: AddressLike) -> Address | socket.socket:
    """Read an address in any of its forms.

    A text that starts with "SCHEME:" is read by that scheme; another is a path if it holds "/",
    else HOST:PORT if it ends in ":digits", else a path; but a port or a host alone, such as "4444",
    "localhost" or "::1", is refused. A path object is always a path, a pair is a host and a port,
    and an Address or a socket comes back as it is.

    Raises:
        ValueError: If the text fits no form, or if its scheme can't be used here.

    Example:
        >>> parse_address("localhost:4444")
        Address(scheme='tcp', host='localhost', port=4444)
        >>> str(parse_address("/run/vm.qmp"))
        'unix:/run/vm.qmp'
    """
    if isinstance(address, (Address, socket.socket)):
        return address
    if isinstance(address, tuple):
        return _parse_pair(address)
    if isinstance(address, os.PathLike):
        path = os.fsdecode(address)
        return _parse_unix("./" + path if path.startswith("@") else path)
    if not isinstance(address, str):
        raise ValueError(f"found {address!r}, expected an address such as {_EXPECTED}")
    return _parse_text(address)


def address_text(address: AddressLike) -> str:
    """Return an address as an error names it.

    Example:
        >>> address_text(("localhost", 4444)), address_text("/run/vm.qmp")
        ('tcp:localhost:4444', 'unix:/run/vm.qmp')
    """
    found = parse_address(address)
    return f"fd:{found.fileno()}" if isinstance(found, socket.socket) else str(found)


def check_use_of_tls(target: Address | socket.socket, tls: object) -> None:
    """Check that what is to be encrypted would be.

    Raises:
        ValueError: If there is a context for TLS, but the address hasn't to do with TLS.
    """
    if tls is not None and not (isinstance(target, Address) and target.scheme in ("tls", "wss")):
        raise ValueError(f"found tls= with {target}, expected an address of tls or wss")


def register_scheme(name: str, parser: Parser) -> None:
    """Teach parse_address() another scheme, or a scheme that it knew by name only.

    The parser gets the text behind "NAME:". Who adds a scheme also opens its streams:
    dial() and open_stream() refuse what they don't know.
    """
    _SCHEMES[name] = parser


def address_of(family: int, sockaddr: object) -> Address:
    """Turn what getsockname(), getpeername() or accept() gave into an address."""
    if family == socket.AF_UNIX:
        if isinstance(sockaddr, bytes):  # the abstract namespace: a NUL and the name
            return Address(scheme="unix", path="@" + os.fsdecode(sockaddr[1:]))
        return Address(scheme="unix", path=str(sockaddr or ""))
    if isinstance(sockaddr, tuple) and len(sockaddr) >= 2:
        if family in (socket.AF_INET, socket.AF_INET6):
            return Address(scheme="tcp", host=sockaddr[0], port=sockaddr[1])
        if family == socket.AF_VSOCK:
            return Address(scheme="vsock", cid=sockaddr[0], port=sockaddr[1])
    return Address(scheme="socket", text=repr(sockaddr))


def _parse_text(text: str) -> Address:
    scheme, colon, rest = text.partition(":")
    if colon and (parser := _SCHEMES.get(scheme)) is not None:
        return parser(rest)
    if colon and scheme in _NOT_AVAILABLE:
        raise ValueError(f"found {text!r}, but {scheme} is not available yet; expected {_EXPECTED}")
    if _URL.match(text):
        raise ValueError(f"found {text!r}, but there is no scheme {scheme!r}; expected {_EXPECTED}")
    if "/" not in text:
        if re.search(r":\d+\Z", text):
            return _parse_tcp(text)
        _refuse_half_of_tcp(text)
    return _parse_unix(text)


def _refuse_half_of_tcp(text: str) -> None:
    """Refuse a port without a host, or a host without a port: nobody means a file of that name.

    Raises:
        ValueError: If it is one.
    """
    host = text if _is_host(text) else text.partition(":")[0]
    if re.fullmatch("[0-9]+", text):
        wanted = f"localhost:{text}"
    elif _is_host(host):
        wanted = f"[{host.strip('[]')}]:PORT" if ":" in host else f"{host}:PORT"
    else:
        return
    raise ValueError(
        f"found {text!r}, expected {wanted} for TCP, or unix:{text} for the file of a unix socket"
    )


def _is_host(text: str) -> bool:
    """Return whether a text can be nothing but a host: a number, or this machine's own name."""
    text = text.removeprefix("[").removesuffix("]").partition("%")[0]
    if text.lower() in _LOCAL_NAMES:
        return True
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
            return True
        except (OSError, ValueError):  # ValueError: of a NUL
            pass
    return False


def _parse_unix(path: str) -> Address:
    name = path[1:] if path.startswith("@") else path
    if not name or "\0" in name:
        raise ValueError(f"found {path!r}, expected the path of a unix socket")
    if (size := len(os.fsencode(name))) > limits.UNIX_PATH:
        raise ValueError(
            f"UNIX socket path '{path}' is too long: "
            f"found {size} bytes, expected at most {limits.UNIX_PATH}"
        )
    return Address(scheme="unix", path=path)


def _parse_tcp(text: str) -> Address:
    host, port = parse_host_port(text)
    return Address(scheme="tcp", host=host, port=port)


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


def _parse_pair(pair: tuple[object, ...]) -> Address:
    match pair:
        case (str(host), int(port)) if 0 <= port <= 0xFFFF:
            return Address(scheme="tcp", host=host, port=port)
    raise ValueError(f"found {pair!r}, expected (host, port) with a port up to 65535")


def _parse_vsock(text: str) -> Address:
    cid, _, port = text.partition(":")
    return Address(
        scheme="vsock",
        cid=_number(cid, 0xFFFF_FFFF, "a CID"),
        port=_number(port, 0xFFFF_FFFF, "a port"),
    )


def _parse_fd(text: str) -> Address:
    return Address(scheme="fd", fd=_number(text, 0x7FFF_FFFF, "a file descriptor"))


def _number(text: str, most: int, what: str) -> int:
    # The length is bounded first: int() of a million digits takes long.
    if re.fullmatch(r"[0-9]{1,10}", text) and (number := int(text)) <= most:
        return number
    raise ValueError(f"found {text!r}, expected {what}: a number up to {most}")


def _parse_filtered(scheme: str, text: str) -> Address:
    from qmpeer.transport.filtered_address import parse_filtered

    return parse_filtered(scheme, text)


_SCHEMES: Final[dict[str, Parser]] = {
    "unix": _parse_unix,
    "tcp": _parse_tcp,
    "vsock": _parse_vsock,
    "fd": _parse_fd,
    **{scheme: partial(_parse_filtered, scheme) for scheme in _FILTERED},
}
