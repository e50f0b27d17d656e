"""Byte streams between two ends: addresses, dialling and listening.

`address` and `blocking` import no asyncio and their names are here; the asyncio side is
`qmpeer.transport.aio`, which is imported under its own name by those who run a loop.
"""

from qmpeer.transport.address import (
    Address,
    AddressLike,
    address_text,
    parse_address,
    register_scheme,
)
from qmpeer.transport.blocking import dial, listen, unlink_if_ours
from qmpeer.transport.listening import raise_fd_limit

__all__ = [
    "Address",
    "AddressLike",
    "address_text",
    "dial",
    "listen",
    "parse_address",
    "raise_fd_limit",
    "register_scheme",
    "unlink_if_ours",
]
