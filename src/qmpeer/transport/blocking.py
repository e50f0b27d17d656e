"""Dialling without an event loop: the blocking half of the room's door."""

import errno
import os
import socket
import time
from typing import TYPE_CHECKING

from qmpeer.transport.address import refuse_tls
from qmpeer.transport.dialling import DialPlan, begin
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
    """Connect, within so many seconds in all; a connected socket is given back as it is.

    Every address that a host name has is tried. The socket is in blocking mode and is not
    inherited by child processes. fd:N is taken over: it belongs to the socket from here on. For
    tls, ws and wss it is a `FilteredSocket`, with the handshakes done.

    [The deadline doesn't cover the system's resolver, which has its own; numbers don't need it.]

    Args:
        address: Whom to connect to.
        timeout: None waits for ever.
        wait_for_socket: Try again while nobody listens there yet, be it that the path doesn't
            exist or that the connection is refused.
        tls: For tls and wss: certificates, and what is checked, in place of the address's options.

    Raises:
        OSError: If it can't be connected, as the kernel says it; or a handshake's FilterError, that
            says what was wrong; or a file of certificates can't be read.
        TimeoutError: If there was no connection in time; it says what stood in the way.
        ValueError: If the address has no meaning, or is one without TLS though tls is given.
        ModuleNotFoundError: If ws and wss need wsproto, and that is not installed.
    """
    target = parse_address(address)
    if isinstance(target, socket.socket):
        refuse_tls(target, tls)
        return target
    filter = target.new_filter(tls)
    plan = DialPlan(target, timeout=timeout, wait_for_socket=wait_for_socket, now=time.monotonic())
    found = begin(target, plan, time.monotonic())
    sock = found if isinstance(found, socket.socket) else _connected(found, plan)
    sock.setblocking(True)
    return sock if filter is None else open_filtered(sock, filter, plan)


def _connected(endpoints: list[Endpoint], plan: DialPlan) -> socket.socket:
    while True:
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
        # A unix socket connects at once or says why not.
        sock.settimeout(0 if endpoint.family == socket.AF_UNIX else timeout)
        sock.connect(endpoint.sockaddr)
        if is_connected_to_itself(sock):
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    except BaseException:
        sock.close()
        raise
    return sock
