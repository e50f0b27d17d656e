"""The filters of a client, as its address says."""

import ssl

from qmpeer.transport.address import Address
from qmpeer.transport.filters.credentials import x509_context
from qmpeer.transport.filters.filter import Filter, Stacked
from qmpeer.transport.filters.tls import RECORD, TLSFilter
from qmpeer.transport.filters.websocket import WebSocketClientFilter


def dialled_filter(address: Address, context: ssl.SSLContext | None) -> Filter:
    """Make what stands between the wire and who dials an address of tls, ws or wss.

    Args:
        address: Whom to speak to, and as whom.
        context: Certificates and what is checked, in place of what the address says.

    Raises:
        OSError: If a file of certificates is missing or can't be read.
        ValueError: If one has not in it what it should.
        ModuleNotFoundError: If it needs wsproto, and that is not installed.
    """
    if address.scheme == "tls":
        return _tls(address, context)
    host = f"[{address.host}]" if ":" in (address.host or "") else address.host
    upgrade = WebSocketClientFilter(f"{host}:{address.port}", address.path or "/")
    return upgrade if address.scheme == "ws" else Stacked(_tls(address, context), upgrade)


def _tls(address: Address, context: ssl.SSLContext | None) -> TLSFilter:
    name = address.tls_hostname or address.host
    return TLSFilter(
        context or _context(address),
        server_side=False,
        server_hostname=name,
        record=1 if address.one_byte_records else RECORD,
        needs_goodbye=False,  # QEMU says none when it ends
    )


def _context(address: Address) -> ssl.SSLContext:
    if address.tls_dir is not None:
        return x509_context(address.tls_dir, server_side=False, verify_peer=address.verify_peer)
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not address.verify_peer:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
