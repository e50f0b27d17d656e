"""The listener, which accepts clients: one at a time as QEMU does, or many.

It accepts in a reader callback of the loop. Only sockets on the loop's own transports need a task
per client.
"""

import asyncio
import errno
import logging
import socket
from typing import Final

from qmpeer import limits
from qmpeer.transport.address import Address, address_of
from qmpeer.transport.aio.connecting import has_own_stream, start_socket_stream, start_stream
from qmpeer.transport.aio.stream import HandlerFactory, Stream
from qmpeer.transport.forking import own_socket
from qmpeer.transport.listening import allowed_clients, listen, local_address, unlink_if_ours
from qmpeer.transport.schemes import AddressLike

_logger: Final = logging.getLogger("qmpeer.transport")

_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_CLIENT_GONE: Final = frozenset({errno.ECONNABORTED, errno.EPROTO, errno.EINTR, errno.EPERM})


async def start_listening(
    address: AddressLike,
    handler_factory: HandlerFactory,
    *,
    many: bool = False,
    max_clients: int | None = None,
    insecure: bool = False,
) -> "Listener":
    """Listen, and start a stream with its handler for every client.

    Unless many is set, the next client is accepted only when the previous one has left and its
    handler's connection_lost() has returned. Until then it waits silently in the socket's queue.

    Spec: QEMU's socket chardev, one client at a time with a backlog of 1.

    Args:
        address: The address, or a listening socket.
        handler_factory: Makes the handler of a client; nothing is read before it returns.
        many: Serve many clients at once: at most max_clients, and at most RLIMIT_NOFILE less
            limits.SPARE_FDS. The next client waits until one has left.
        max_clients: By default limits.LISTENER_CLIENTS.
        insecure: Allow addresses that other machines or guests can reach.

    Raises:
        OSError: If the address is in use or can't be bound.
        PermissionError: If other machines or guests could connect, and insecure isn't set.
        ValueError: If the address or max_clients is invalid.
    """
    if max_clients is not None and (not many or max_clients < 1):
        raise ValueError(f"found max_clients={max_clients}, expected many=True and 1 or more")
    backlog = limits.BACKLOG_MANY if many else limits.BACKLOG_ONE
    sock = listen(address, backlog=backlog, insecure=insecure)
    most = (max_clients or limits.LISTENER_CLIENTS) if many else 1
    return Listener(sock, handler_factory, most)


class Listener:
    """A listening socket that accepts clients. When it closes, its clients stay connected."""

    __slots__ = (
        "_address",
        "_allowed",
        "_clients",
        "_factory",
        "_has_reader",
        "_has_said_full",
        "_has_warned",
        "_loop",
        "_most",
        "_pause",
        "_sock",
        "_tasks",
    )

    def __init__(self, sock: socket.socket, factory: HandlerFactory, most: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock: socket.socket | None = sock
        self._address = local_address(sock)
        self._factory = factory
        self._most = most
        self._allowed = allowed_clients(most)
        self._clients = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_reader = False
        self._has_warned = False
        self._has_said_full = False
        self._pause: asyncio.TimerHandle | None = None
        own_socket(sock)
        sock.setblocking(False)
        self._watch()

    def __repr__(self) -> str:
        return f"<Listener {self._address}>"

    @property
    def address(self) -> Address:
        """The address that it listens on, with the real port."""
        return self._address

    @property
    def clients(self) -> int:
        """The number of connected clients."""
        return self._clients

    @property
    def is_closed(self) -> bool:
        """True once it accepts no more."""
        return self._sock is None

    def close(self) -> None:
        """Accept no more, and remove the unix path if it is still ours."""
        if self._sock is None:
            return
        self._unwatch()
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        sock, self._sock = self._sock, None
        unlink_if_ours(sock)
        sock.close()

    @property
    def _is_full(self) -> bool:
        return self._clients >= self._allowed

    def _watch(self) -> None:
        self._pause = None
        if self._sock is not None and not self._has_reader:
            self._loop.add_reader(self._sock.fileno(), self._accept)
            self._has_reader = True

    def _unwatch(self) -> None:
        if self._sock is not None and self._has_reader:
            self._loop.remove_reader(self._sock.fileno())
            self._has_reader = False

    def _accept(self) -> None:
        self._allowed = allowed_clients(self._most)  # the process's limit may have changed
        if self._is_full:
            # Lazy: the reader is removed only if a client waits, which is rare.
            self._unwatch()
            return
        # Several per turn, but not so many that connected clients have to wait.
        for _ in range(min(limits.ACCEPTS, self._most)):
            if self._sock is None or self._is_full:
                return
            try:
                sock, sockaddr = self._sock.accept()
            except BlockingIOError:
                self._has_warned = False
                return
            except OSError as error:
                # That client left before it was accepted; the next one may still be there.
                if error.errno in _CLIENT_GONE:
                    continue
                self._pause_accepting(error)
                return
            self._clients += 1
            if self._most > 1 and self._is_full:
                self._say_full()
            self._take(sock, sockaddr)

    def _say_full(self) -> None:
        if not self._has_said_full:
            self._has_said_full = True
            text = "%s has %d clients, others wait until one leaves"
            _logger.warning(text, self._address, self._clients)

    def _take(self, sock: socket.socket, sockaddr: object) -> None:
        if not has_own_stream(sock):
            peer = str(address_of(sock.family, sockaddr))
            task = self._loop.create_task(self._take_by_transport(sock, peer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        try:
            start_socket_stream(sock, str(self._address), self._factory, self._client_lost)
        except Exception:
            _logger.exception("a client of %s could not be served", self._address)

    async def _take_by_transport(self, sock: socket.socket, peer: str) -> None:
        try:
            await start_stream(sock, peer, self._factory, self._client_lost)
        except Exception:
            _logger.exception("a client of %s could not be served", self._address)

    def _client_lost(self, stream: Stream) -> None:
        self._clients -= 1
        if self._has_said_full and 2 * self._clients < self._allowed:
            self._has_said_full = False  # hysteresis: a crowd at the limit must not fill the log
        if self._pause is None:
            self._watch()

    def _pause_accepting(self, error: OSError) -> None:
        # Without descriptors accept() would fail in each turn of the loop: log once, and wait.
        if not self._has_warned or error.errno not in _NO_ROOM:
            _logger.error("no client of %s can be accepted: %s", self._address, error)
            self._has_warned = True
        self._unwatch()
        self._pause = self._loop.call_later(limits.ACCEPT_PAUSE, self._watch)
