"""Bytes and JSON values, in QEMU's dialect of JSON."""

from qmpeer.wire.readers import ClientReader, ServerReader
from qmpeer.wire.request import encode_request
from qmpeer.wire.writer import encode_compact, encode_line, encode_pretty

__all__ = [
    "ClientReader",
    "ServerReader",
    "encode_compact",
    "encode_line",
    "encode_pretty",
    "encode_request",
]
