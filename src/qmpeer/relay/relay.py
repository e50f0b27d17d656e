"""The relay, which dials its server for each client."""

import asyncio
import itertools
import logging
import socket
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self

from qmpeer import limits
from qmpeer.relay.link import Link
from qmpeer.relay.observer import GuardedObserver, Observer
from qmpeer.transport import AddressLike, address_text, parse_address
from qmpeer.transport.address import FdAddress
from qmpeer.transport.aio import (
    HandlerFactory,
    Listener,
    Stream,
    StreamHandler,
    open_stream,
    start_listening,
)
from qmpeer.transport.aio.stream import NOBODY

if TYPE_CHECKING:
    import ssl

_log: Final = logging.getLogger("qmpeer.relay")


class Device(Protocol):
    """The interface that a relay needs of a character device, such as one of `qmpeer.chardev`."""

    def attach(self, factory: HandlerFactory, *, wants_echo: bool = False) -> None:
        """Set the front end: the factory for the handler of each of the device's streams."""


class Relay:
    """A relay between clients and one server, for a running event loop.

    Each client gets a connection of its own to the server. Every byte is passed on unchanged and at
    once, in both directions, and descriptors with the bytes that they came with. If the server
    can't be reached, the client's connection is reset, and the reason is logged.

    [The relay hides nothing: QEMU serves one client at a time on each socket, so a second client
    gets no greeting through the relay either. The log says so.]

    Args:
        server: The server's address. A connected socket, or fd:N, serves a single client.
        observer: Sees all bytes that pass.
        wrap: Puts something between the clients' streams and the relay. It gets the relay's handler
            factory, and returns the one for the streams, as `qmpeer.transport.aio` has them. The
            observer sees the bytes on the relay's side of it.
        timeout: The time limit in seconds for connecting to the server; None waits for ever.
        wait_for_socket: While nobody listens at the server's address, try again until the time is
            over.
        tls: For a server at tls: or wss: a context, which replaces the address's TLS options.
        max_links: The largest number of clients at once; a further one is turned away.

    Raises:
        ValueError: If the address or max_links is invalid.

    Attributes:
        listeners: The open listeners.
    """

    def __init__(
        self,
        server: AddressLike,
        *,
        observer: Observer | None = None,
        wrap: Callable[[HandlerFactory], HandlerFactory] | None = None,
        timeout: float | None = limits.CONNECT_TIMEOUT,
        wait_for_socket: bool = False,
        tls: "ssl.SSLContext | None" = None,
        max_links: int = limits.RELAY_LINKS,
    ) -> None:
        if max_links < 1:
            raise ValueError(f"found max_links={max_links}, expected 1 or more")
        self.listeners: list[Listener] = []
        self._server = parse_address(server)
        self._server_text = address_text(server)
        self._is_single = isinstance(self._server, (socket.socket, FdAddress))
        self._is_used_up = False
        self._observer = observer
        self._wrap = wrap
        self._timeout = timeout
        self._waits_for_socket = wait_for_socket
        self._tls = tls
        self._most = max_links
        self._has_said_full = False
        self._numbers = itertools.count(1)
        self._links: dict[Link, asyncio.Task[None]] = {}
        self._is_closed = False
        self._all_gone = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Relay to {self._server_text}, {len(self._links)} clients>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        await self.wait_closed()

    @property
    def links(self) -> int:
        """The number of clients that are connected now."""
        return len(self._links)

    # Opening

    def connection_factory(self) -> HandlerFactory:
        """Return the factory for the handlers of clients' streams, of any kind."""
        return self._connect if self._wrap is None else self._wrap(self._connect)

    async def listen(
        self, address: AddressLike, *, many: bool = True, insecure: bool = False
    ) -> Listener:
        """Listen for clients.

        Args:
            address: The address, or a listening socket.
            many: Serve many clients at once. Otherwise the next one waits until the previous one
                has left, as with QEMU.
            insecure: Allow addresses that other machines or guests can reach.

        Raises:
            OSError: If the address is in use or can't be bound.
            PermissionError: If other machines or guests could connect, and insecure isn't set.
            ValueError: If the address is invalid.
        """
        listener = await start_listening(
            address,
            self.connection_factory(),
            many=many,
            max_clients=self._most if many else None,
            insecure=insecure,
        )
        if self._is_closed:
            listener.close()
        else:
            self.listeners.append(listener)
        return listener

    async def connect(
        self, address: AddressLike, *, timeout: float | None = limits.CONNECT_TIMEOUT
    ) -> None:
        """Dial a client that listens, or serve a connected socket.

        Args:
            address: The client's address, or a connected socket.
            timeout: The time limit in seconds; None waits for ever.

        Raises:
            OSError: If the connection fails.
            TimeoutError: If the time is over.
            ValueError: If the address is invalid.
        """
        await open_stream(address, self.connection_factory(), timeout=timeout)

    def attach(self, device: Device) -> None:
        """Serve the clients of a character device.

        Raises:
            ChardevError: If the device has a front end already.
        """
        device.attach(self.connection_factory(), wants_echo=True)

    # Closing

    def close(self) -> None:
        """Take no further clients, and close all connections; unsent bytes have 5 s."""
        self._is_closed = True
        for listener in self.listeners:
            listener.close()
        self.listeners.clear()
        for link in list(self._links):
            link.close()
        self._check_closed()

    async def wait_closed(self) -> None:
        """Wait until the relay is closed and all connections have ended."""
        await self._all_gone.wait()

    # Inside

    def _connect(self, stream: Stream) -> StreamHandler:
        if self._is_closed or not self._has_room(stream.peer):
            stream.reset()
            return NOBODY
        name = f"link {next(self._numbers)} of {stream.peer}"
        _log.debug("%s: = connected", name)
        link = Link(stream, GuardedObserver(self._observer, stream.peer, name), name, self._over)
        self._links[link] = asyncio.get_running_loop().create_task(self._dial(link))
        return link.handler

    def _has_room(self, peer: str) -> bool:
        if len(self._links) < self._most:
            return True
        if not self._has_said_full:
            self._has_said_full = True
            text = "a client of %s is turned away, as are others: the relay has %d clients"
            _log.warning(text, peer, self._most)
        return False

    async def _dial(self, link: Link) -> None:
        try:
            if self._is_used_up:
                raise ConnectionRefusedError("its connection served an earlier client")
            self._is_used_up = self._is_single
            await open_stream(
                self._server,
                link.join,
                timeout=self._timeout,
                wait_for_socket=self._waits_for_socket,
                tls=self._tls,
            )
        except Exception as error:  # an address of another package may raise anything
            # Without the number and the path, which the address has already.
            system = error.strerror if isinstance(error, OSError) else None
            reason = system or str(error) or type(error).__name__
            _log.warning("%s: reset: no connection to %s: %s", link.name, self._server_text, reason)
            link.refuse(reason)

    def _over(self, link: Link) -> None:
        _log.debug("%s: = %s", link.name, link.describe_end())
        self._links.pop(link).cancel()
        if 2 * len(self._links) < self._most:
            self._has_said_full = False  # hysteresis: a crowd at the limit must not fill the log
        self._check_closed()

    def _check_closed(self) -> None:
        if self._is_closed and not self._links:
            self._all_gone.set()
