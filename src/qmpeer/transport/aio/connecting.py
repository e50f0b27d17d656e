"""Opening streams: dialling under a loop, and wrapping connected sockets."""

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from qmpeer.transport.address import Address, address_of, refuse_tls
from qmpeer.transport.aio.buffered_stream import BufferedStream
from qmpeer.transport.aio.filtered_stream import filtered
from qmpeer.transport.aio.socket_stream import SocketStream
from qmpeer.transport.aio.stdio_stream import StdioStream
from qmpeer.transport.aio.stream import HandlerFactory, LostCallback, Stream, StreamHandler
from qmpeer.transport.dialling import DialPlan, resolve_or_open
from qmpeer.transport.filter import Filter, StrangerError
from qmpeer.transport.forking import own_socket
from qmpeer.transport.schemes import AddressLike, parse_address
from qmpeer.transport.sockets import Endpoint, is_connected_to_itself, new_socket

if TYPE_CHECKING:
    import ssl

_QUIET: Final = logging.Logger("qmpeer.transport", logging.CRITICAL)  # noqa: LOG001 - of no tree
"""A logger without output: a dialler gets the failure as an exception or through its handler."""


async def open_stream(
    address: AddressLike,
    handler_factory: HandlerFactory,
    *,
    timeout: float | None,
    wait_for_socket: bool = False,
    tls: "ssl.SSLContext | None" = None,
) -> tuple[Stream, StreamHandler]:
    """Connect to an address, and start a stream with its handler.

    A connected socket and the descriptor of fd:N are taken over. All addresses of a host name are
    tried. For tls, ws and wss the handler is made when the handshakes are done.

    Args:
        address: The address of the server.
        handler_factory: Makes the handler; nothing is read before it returns.
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
        peer = str(address_of(target.family, target.getpeername()))
        return await start_stream(target, peer, handler_factory)
    filter = target.new_filter(tls)
    now = asyncio.get_running_loop().time()
    plan = DialPlan(target, timeout=timeout, wait_for_socket=wait_for_socket, now=now)
    sock = await _dial(target, plan)
    if filter is None:
        return await start_stream(sock, str(target), handler_factory)
    return await _start_filtered(sock, filter, plan, handler_factory)


async def open_stdio_stream(
    handler_factory: HandlerFactory, stdin_fd: int = 0, stdout_fd: int = 1
) -> tuple[Stream, StreamHandler]:
    """Start a stream on standard input and output, or on two other descriptors.

    They may be pipes, a socket, a terminal or regular files. At the end they aren't closed, and
    their blocking mode is restored.
    """
    stream = StdioStream(stdin_fd, stdout_fd)
    return stream, _start(stream, handler_factory)


async def start_stream(
    sock: socket.socket,
    peer: str,
    handler_factory: HandlerFactory,
    lost_callback: LostCallback | None = None,
) -> tuple[Stream, StreamHandler]:
    """Start the right kind of stream on a connected socket, which the stream then owns."""
    if has_own_stream(sock):
        own = SocketStream(sock, peer, lost_callback)
        return own, _start(own, handler_factory)
    own_socket(sock)
    stream = BufferedStream(peer, lost_callback)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: stream, sock)
    except BaseException:
        if stream.is_connected:
            stream.abort()
        else:
            sock.close()
            if lost_callback is not None:
                lost_callback(stream)
        raise
    return stream, _start(stream, handler_factory)


def start_socket_stream(
    sock: socket.socket, peer: str, handler_factory: HandlerFactory, lost_callback: LostCallback
) -> None:
    """Start a `SocketStream`, which needs no task; see `has_own_stream`."""
    _start(SocketStream(sock, peer, lost_callback), handler_factory)


def has_own_stream(sock: socket.socket) -> bool:
    """Return True if the socket needs a `SocketStream` rather than the loop's transports.

    The transports lose the descriptors of unix sockets, and don't support vsock.
    """
    return sock.family in (socket.AF_UNIX, socket.AF_VSOCK)


def _start(
    stream: SocketStream | BufferedStream | StdioStream, handler_factory: HandlerFactory
) -> StreamHandler:
    try:
        handler = handler_factory(stream)
    except BaseException:
        stream.abort()
        raise
    stream.start(handler)
    return handler


async def _start_filtered(
    sock: socket.socket, filter: Filter, plan: DialPlan, handler_factory: HandlerFactory
) -> tuple[Stream, StreamHandler]:
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[tuple[Stream, StreamHandler]] = loop.create_future()

    def open_up(stream: Stream) -> StreamHandler:
        handler = handler_factory(stream)
        if not opened.done():
            opened.set_result((stream, handler))
        return handler

    def fail(error: OSError) -> None:
        if not opened.done():
            opened.set_exception(error)

    seconds = plan.seconds_left(loop.time())
    factory = filtered(open_up, [lambda: filter], timeout=seconds, log=_QUIET, failed=fail)
    raw, _ = await start_stream(sock, str(plan.address), factory)
    try:
        return await opened
    except TimeoutError as error:
        if error.errno is not None:  # the kernel's own
            raise
        raise plan.timed_out(f"the {filter.name} handshake is not over") from None
    except BaseException as error:
        raw.abort()
        if isinstance(error, StrangerError):
            error.filename = str(plan.address)
        raise


async def _dial(address: Address, plan: DialPlan) -> socket.socket:
    loop = asyncio.get_running_loop()
    if address.may_block:
        beginning = loop.run_in_executor(None, resolve_or_open, address, plan, loop.time())
        try:
            async with asyncio.timeout(plan.seconds_left(loop.time())):
                found = await asyncio.shield(beginning)
        except BaseException as error:
            # The thread can't be stopped. It may still return a socket, which must be closed.
            beginning.add_done_callback(_close_late)
            if isinstance(error, TimeoutError) and not error.args:  # our own deadline
                raise plan.timed_out() from None
            raise
    else:
        found = resolve_or_open(address, plan, loop.time())
    return found if isinstance(found, socket.socket) else await connect(found, plan)


def _close_late(beginning: "asyncio.Future[Any]") -> None:
    """Close a socket that was opened after its dial had been given up."""
    if not beginning.cancelled() and beginning.exception() is None:
        found = beginning.result()
        if isinstance(found, socket.socket):
            found.close()


async def connect(endpoints: Sequence[Endpoint], plan: DialPlan) -> socket.socket:
    """Connect to one of the endpoints, following the plan, and return the socket.

    Raises:
        OSError: If the connection fails.
        TimeoutError: If the plan's time is over.
    """
    clock = asyncio.get_running_loop().time
    while True:
        if rest := plan.seconds_to_settle(clock()):
            await asyncio.sleep(rest)
        failure: OSError | None = None
        for endpoint, seconds in plan.turns(endpoints, clock):
            try:
                return await _try(endpoint, seconds)
            except OSError as error:
                failure = failure or error
        assert failure is not None
        await asyncio.sleep(plan.delay_after(failure, clock()))


async def _try(endpoint: Endpoint, timeout: float | None) -> socket.socket:
    sock = new_socket(endpoint.family)
    try:
        sock.setblocking(False)
        if endpoint.family == socket.AF_UNIX:
            sock.connect(endpoint.sockaddr)  # a unix socket connects or fails at once
        else:
            async with asyncio.timeout(timeout):
                await asyncio.get_running_loop().sock_connect(sock, endpoint.sockaddr)
            if is_connected_to_itself(sock):
                raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    except BaseException:
        sock.close()
        raise
    return sock
