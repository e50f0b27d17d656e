"""Opening streams: dialling under a loop, and wrapping what is connected already."""

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
from qmpeer.transport.dialling import DialPlan, begin
from qmpeer.transport.filter import Filter, StrangerError
from qmpeer.transport.forking import own_socket
from qmpeer.transport.schemes import AddressLike, parse_address
from qmpeer.transport.sockets import Endpoint, is_connected_to_itself, new_socket

if TYPE_CHECKING:
    import ssl

_QUIET: Final = logging.Logger("qmpeer.transport", logging.CRITICAL)  # noqa: LOG001 - of no tree
"""Writes nothing: who dials learns by an exception why it failed, or from its handler."""


async def open_stream(
    address: AddressLike,
    handler_factory: HandlerFactory,
    *,
    timeout: float | None,
    wait_for_socket: bool = False,
    tls: "ssl.SSLContext | None" = None,
) -> tuple[Stream, StreamHandler]:
    """Connect, within so many seconds in all, and start a stream with its handler.

    A connected socket, and fd:N, are taken over. Every address that a host name has is tried. For
    tls, ws and wss the handler is made once the handshakes are done.

    Args:
        address: Whom to connect to.
        handler_factory: Makes the handler; nothing is read before it returns.
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
    """Start a stream on the process's standard input and output, or on two such descriptors.

    They may be pipes, a socket, a terminal or regular files. They are not closed at the end, and
    block again then if they did before.
    """
    stream = StdioStream(stdin_fd, stdout_fd)
    return stream, _start(stream, handler_factory)


async def start_stream(
    sock: socket.socket,
    peer: str,
    handler_factory: HandlerFactory,
    lost_callback: LostCallback | None = None,
) -> tuple[Stream, StreamHandler]:
    """Start the stream that fits a connected socket, which belongs to it from here on."""
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
    """Do the same without a task, for a socket that has a stream of our own."""
    _start(SocketStream(sock, peer, lost_callback), handler_factory)


def has_own_stream(sock: socket.socket) -> bool:
    """Say whether the loop's transports would lose something that this socket carries.

    vsock is with the unix sockets, as loops know nothing about it.
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
        beginning = loop.run_in_executor(None, begin, address, plan, loop.time())
        try:
            async with asyncio.timeout(plan.seconds_left(loop.time())):
                found = await asyncio.shield(beginning)
        except BaseException as error:
            beginning.add_done_callback(_close_late)
            if isinstance(error, TimeoutError) and not error.args:  # ours
                raise plan.timed_out() from None
            raise
    else:
        found = begin(address, plan, loop.time())
    return found if isinstance(found, socket.socket) else await connect(found, plan)


def _close_late(beginning: "asyncio.Future[Any]") -> None:
    """Close a socket that came when nobody waited for it any more."""
    if not beginning.cancelled() and beginning.exception() is None:
        found = beginning.result()
        if isinstance(found, socket.socket):
            found.close()


async def connect(endpoints: Sequence[Endpoint], plan: DialPlan) -> socket.socket:
    """Return a socket connected to one of these, as soon as the plan has it.

    Raises:
        OSError: If it can't be connected.
        TimeoutError: If the plan's time is up.
    """
    clock = asyncio.get_running_loop().time
    while True:
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
            sock.connect(endpoint.sockaddr)  # at once, or it says why not
        else:
            async with asyncio.timeout(timeout):
                await asyncio.get_running_loop().sock_connect(sock, endpoint.sockaddr)
            if is_connected_to_itself(sock):
                raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    except BaseException:
        sock.close()
        raise
    return sock
