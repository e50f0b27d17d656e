"""Filters between a wire and a session, without I/O: TLS, telnet and WebSocket, at either end."""

from qmpeer.transport.filter import CutOffError, Filter, FilterError, Received, Stacked
from qmpeer.transport.filters.credentials import (
    anonymous_context,
    client_context,
    psk_context,
    x509_context,
)
from qmpeer.transport.filters.distinguished_name import subject_name
from qmpeer.transport.filters.telnet import TelnetFilter
from qmpeer.transport.filters.tls import TLSFilter
from qmpeer.transport.filters.websocket import WebSocketClientFilter, WebSocketFilter

__all__ = [
    "CutOffError",
    "Filter",
    "FilterError",
    "Received",
    "Stacked",
    "TLSFilter",
    "TelnetFilter",
    "WebSocketClientFilter",
    "WebSocketFilter",
    "anonymous_context",
    "client_context",
    "psk_context",
    "subject_name",
    "x509_context",
]
