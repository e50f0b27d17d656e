"""Bytes and JSON values, in QEMU's dialect of JSON.

The readers are imported on first use, to keep the start of a client or a server short.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out
from qmpeer.wire.request import encode_request
from qmpeer.wire.writer import (
    begun,
    encode_compact,
    encode_line,
    encode_pretty,
    line_pieces,
    pretty_pieces,
    small_line,
)

if TYPE_CHECKING:
    from qmpeer.wire.client_reader import ClientReader
    from qmpeer.wire.server_reader import ServerReader

__all__ = [
    "ClientReader",
    "ServerReader",
    "begun",
    "encode_compact",
    "encode_line",
    "encode_pretty",
    "encode_request",
    "line_pieces",
    "pretty_pieces",
    "small_line",
]

_HOMES = {
    "ClientReader": "qmpeer.wire.client_reader",
    "ServerReader": "qmpeer.wire.server_reader",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
