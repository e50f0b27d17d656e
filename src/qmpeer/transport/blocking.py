"""Dialling without an event loop."""

import errno
import os
import socket
import time
from typing import TYPE_CHECKING

from qmpeer.transport.address import refuse_tls
from qmpeer.transport.dialling import DialPlan, resolve_or_open
from qmpeer.transport.filtered_socket import open_filtered
from qmpeer.transport.schemes import AddressLike, parse_address
from qmpeer.transport.sockets import Endpoint, is_connected_to_itself, new_socket

if TYPE_CHECKING:
    import ssl


def dial(
    address: AddressLike,
    *,
    timeout: float | None,
    wait_for_socket: bool = False,
    tls: "ssl.SSLContext | None" = None,
) -> socket.socket:
    """Connect to an address and return the socket; a connected socket is returned unchanged.

    All addresses of a host name are tried. The socket is in blocking mode, and child processes
    don't inherit it. The descriptor of fd:N is taken over: it belongs to the socket from now on.
    For tls, ws and wss the result is a `FilteredSocket` whose handshakes are done.

    [The timeout doesn't cover the system's resolver, which has its own; numbers don't need it.]

    Args:
        address: The address of the server.
        timeout: The time limit in seconds for everything; None waits for ever.
        wait_for_socket: Try again while nobody listens there yet: while the path doesn't exist, or
            the connection is refused. A unix socket is dialled when it is `limits.DIAL_SETTLE`
            seconds old.
        tls: For tls and wss: a context, which replaces the address's TLS options.

    Raises:
        OSError: If the connection fails, with the kernel's error; or if a handshake fails, with a
            FilterError that names the reason; or if a file of certificates can't be read.
        TimeoutError: If the time is over; the error names the last obstacle.
        ValueError: If the address is invalid, or if ``tls`` is given but the address has no TLS.
        ModuleNotFoundError: If ws or wss needs wsproto and it isn't installed.
    """
    target = parse_address(address)
    if isinstance(target, socket.socket):
        refuse_tls(target, tls)
        return target
    filter = target.new_filter(tls)
    plan = DialPlan(target, timeout=timeout, wait_for_socket=wait_for_socket, now=time.monotonic())
    found = resolve_or_open(target, plan, time.monotonic())
    sock = found if isinstance(found, socket.socket) else _connected(found, plan)
    sock.setblocking(True)
    return sock if filter is None else open_filtered(sock, filter, plan)


def _connected(endpoints: list[Endpoint], plan: DialPlan) -> socket.socket:
    while True:
        if rest := plan.seconds_to_settle(time.monotonic()):
            time.sleep(rest)
        failure: OSError | None = None
        for endpoint, seconds in plan.turns(endpoints, time.monotonic):
            try:
                return _try(endpoint, seconds)
            except OSError as error:
                failure = failure or error
        assert failure is not None
        time.sleep(plan.delay_after(failure, time.monotonic()))


def _try(endpoint: Endpoint, timeout: float | None) -> socket.socket:
    sock = new_socket(endpoint.family)
    try:
        # A unix socket connects or fails at once. (EAGAIN: its queue is full.)
        sock.settimeout(0 if endpoint.family == socket.AF_UNIX else timeout)
        sock.connect(endpoint.sockaddr)
        if is_connected_to_itself(sock):
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    except BaseException:
        sock.close()
        raise
    return sock
