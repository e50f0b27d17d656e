"""The table of address schemes, and the parser for all forms of an address.

Other packages add schemes with `register_scheme`.
"""

import os
import re
import socket
from typing import Final

from qmpeer.transport.address import Address, FdAddress, TcpAddress, UnixAddress, VsockAddress
from qmpeer.transport.filtered_address import TlsAddress, WsAddress, WssAddress

AddressLike = str | os.PathLike[str] | tuple[str, int] | Address | socket.socket
"""The types that are accepted as an address."""

_SCHEMES: Final[dict[str, type[Address]]] = {
    kind.scheme: kind
    for kind in (
        *(UnixAddress, TcpAddress, TlsAddress, WsAddress, WssAddress),
        *(VsockAddress, FdAddress),
    )
}
_NOT_AVAILABLE: Final = frozenset({"ssh", "nats"})
_LOCAL_NAMES: Final = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def register_scheme(kind: type[Address]) -> None:
    """Register another scheme, for clients to dial and monitors to listen on.

    Args:
        kind: A frozen subclass of Address; see `qmpeer.transport.address`.
    """
    _SCHEMES[kind.scheme] = kind


def parse_address(address: AddressLike) -> Address | socket.socket:
    """Parse an address in any of its forms.

    The scheme of a text that starts with "SCHEME:" parses it. Any other text is a path if it
    contains "/", HOST:PORT if it ends in ":digits", and otherwise a path. A port or a host alone,
    such as "4444", "localhost" or "::1", is refused. A path object is always a path, a pair is a
    host and a port, and an Address or a socket is returned unchanged.

    Raises:
        ValueError: If the text has no valid form, or if its scheme can't be used here.

    Example:
        >>> parse_address("localhost:4444")
        TcpAddress(host='localhost', port=4444)
        >>> str(parse_address("/run/vm.qmp"))
        'unix:/run/vm.qmp'
    """
    if isinstance(address, (Address, socket.socket)):
        return address
    if isinstance(address, tuple):
        return _parse_pair(address)
    if isinstance(address, os.PathLike):
        path = os.fsdecode(address)
        # A path object is never an abstract name.
        return UnixAddress.parse("./" + path if path.startswith("@") else path)
    if not isinstance(address, str):
        raise ValueError(f"found {address!r}, expected an address such as {_forms()}")
    return _parse_text(address)


def _forms() -> str:
    return ", ".join(kind.form for kind in _SCHEMES.values()) + ", HOST:PORT or a path"


def address_text(address: AddressLike) -> str:
    """Return an address as text for errors.

    Example:
        >>> address_text(("localhost", 4444)), address_text("/run/vm.qmp")
        ('tcp:localhost:4444', 'unix:/run/vm.qmp')
    """
    found = parse_address(address)
    return f"fd:{found.fileno()}" if isinstance(found, socket.socket) else str(found)


def _parse_text(text: str) -> Address:
    scheme, colon, rest = text.partition(":")
    if colon and (kind := _SCHEMES.get(scheme)) is not None:
        return kind.parse(rest)
    if colon and scheme in _NOT_AVAILABLE:
        raise ValueError(f"found {text!r}, but {scheme} is not available yet; expected {_forms()}")
    if _URL.match(text):
        raise ValueError(f"found {text!r}, but there is no scheme {scheme!r}; expected {_forms()}")
    if "/" not in text:
        if re.search(r":\d+\Z", text):
            return TcpAddress.parse(text)
        _refuse_half_of_tcp(text)
    return UnixAddress.parse(text)


def _refuse_half_of_tcp(text: str) -> None:
    """Refuse a port without a host, or a host without a port: a file of that name is unlikely.

    Raises:
        ValueError: If the text is one.
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
    """Return True if a text is certainly a host: an IP address or a name of this machine."""
    text = text.removeprefix("[").removesuffix("]").partition("%")[0]
    if text.lower() in _LOCAL_NAMES:
        return True
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
            return True
        except (OSError, ValueError):  # ValueError: the text contains a NUL
            pass
    return False


def _parse_pair(pair: tuple[object, ...]) -> Address:
    match pair:
        case (str(host), int(port)) if 0 <= port <= 0xFFFF:
            return TcpAddress(host, port)
    raise ValueError(f"found {pair!r}, expected (host, port) with a port up to 65535")
