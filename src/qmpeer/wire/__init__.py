"""Bytes and JSON values, in QEMU's dialect of JSON."""

from qmpeer.wire.client_reader import ClientReader
from qmpeer.wire.request import encode_request
from qmpeer.wire.server_reader import ServerReader
from qmpeer.wire.writer import (
    begun,
    encode_compact,
    encode_line,
    encode_pretty,
    line_pieces,
    pretty_pieces,
    small_line,
)

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
