"""Byte streams between two ends: addresses, dialling and listening.

This package exports the names that work without asyncio. The asyncio side is
`qmpeer.transport.aio`, which programs with a loop import separately. The names for blocking
dialling and for listening are imported lazily.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out
from qmpeer.transport.address import Address, TcpAddress, UnixAddress
from qmpeer.transport.schemes import AddressLike, address_text, parse_address, register_scheme

if TYPE_CHECKING:
    from qmpeer.transport.blocking import dial
    from qmpeer.transport.listening import listen, raise_fd_limit, unlink_if_ours
    from qmpeer.transport.peer_identity import PeerIdentity

__all__ = [
    "Address",
    "AddressLike",
    "PeerIdentity",
    "TcpAddress",
    "UnixAddress",
    "address_text",
    "dial",
    "listen",
    "parse_address",
    "raise_fd_limit",
    "register_scheme",
    "unlink_if_ours",
]

_HOMES = {
    "PeerIdentity": "qmpeer.transport.peer_identity",
    "dial": "qmpeer.transport.blocking",
    "listen": "qmpeer.transport.listening",
    "raise_fd_limit": "qmpeer.transport.listening",
    "unlink_if_ours": "qmpeer.transport.listening",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
