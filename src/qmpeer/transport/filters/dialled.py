"""The filters of a client, as its address says."""

import ssl

from qmpeer.transport.address import Address
from qmpeer.transport.filters.credentials import x509_context
from qmpeer.transport.filters.filter import Filter, FilterError, Stacked
from qmpeer.transport.filters.tls import RECORD, TLSFilter
from qmpeer.transport.filters.websocket import WebSocketClientFilter


def dialled_filter(address: Address, context: ssl.SSLContext | None) -> Filter:
    """Make what stands between the wire and who dials an address of tls, ws or wss.

    Args:
        address: Whom to speak to, and as whom.
        context: Certificates and what is checked, in place of what the address says.

    Raises:
        OSError: If a file of certificates is missing or can't be read, or has not in it what it
            should.
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
        folder, verify = address.tls_dir, address.verify_peer
        try:
            return x509_context(folder, server_side=False, verify_peer=verify)
        except ValueError as error:  # it may be half written, as a missing one may come yet
            raise FilterError(str(error)) from None
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    if not address.verify_peer:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
