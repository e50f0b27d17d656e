"""The socket device: a server for one client at a time, or a client.

Spec: in QEMU the next client waits silently until the previous one has left. ``reconnect=N`` dials
again every N seconds and reports only the first failure.
"""

import asyncio
import os
import re
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from qmpeer import limits
from qmpeer.chardev.device import Chardev, DeviceConnection
from qmpeer.chardev.host import FindFd, Host
from qmpeer.chardev.socket_address import SocketAddress
from qmpeer.errors import ChardevError
from qmpeer.transport import Address, TcpAddress, UnixAddress
from qmpeer.transport.aio import HandlerFactory, Listener, Stream, open_stream, start_listening
from qmpeer.values import JsonObject

if TYPE_CHECKING:
    from qmpeer.chardev.socket_filters import SocketFilters

_MAPPED: Final = re.compile(r"\[::ffff:([0-9.]+)\]")


class SocketDevice(Chardev):
    """A unix, TCP or vsock socket, as a server or as a client."""

    is_socket: ClassVar[bool] = True
    input_end: ClassVar[Literal["reported", "closes", "ignored"]] = "reported"

    def __init__(
        self,
        kind: str,
        label: str,
        data: JsonObject,
        host: Host,
        find_fd: FindFd | None,
    ) -> None:
        super().__init__(kind, label, data, host, find_fd)
        address = data["addr"]
        assert isinstance(address, dict)
        self._address = SocketAddress(address)
        self._is_server = bool(data.get("server", True))
        self._reconnect = max(0, min(int(str(data.get("reconnect", 0))), limits.DEVICE_RECONNECT))
        self._listener: Listener | None = None
        self._own_end = ""
        self._other_end = ""
        self._has_come = asyncio.Event()
        self._has_left = asyncio.Event()
        self._dialling: asyncio.Task[None] | None = None
        self._filters = self._choose_filters()
        self._check()

    @property
    def filename(self) -> str:
        """Its "filename" in query-chardev.

        Spec: QEMU, query-chardev: ``disconnected:`` before the address of a socket without a
        client, both ends of a TCP connection, and our own path for a unix connection.
        """
        server = ",server=on" if self._is_server else ""
        if not self.is_connected:
            return f"disconnected:{self._text}{server}"
        if self._own_end:
            return f"{self._protocol}:{self._own_end}{server} <-> {self._other_end}"
        address = self.address
        is_unnamed = address is None or (isinstance(address, UnixAddress) and address.is_abstract)
        if is_unnamed and self._address.kind != "vsock":
            return f"unix:{server}"
        return f"{self._text}{server}"

    @property
    def address(self) -> Address | None:
        """The address that it listens on, with the real port; None if it doesn't listen."""
        return None if self._listener is None else self._listener.address

    async def _open(self) -> None:
        if self._is_server:
            await self._listen()
        elif self._reconnect:
            self._dialling = asyncio.create_task(self._keep_dialling())
        else:
            await self._dial()

    @property
    def waits_for_client(self) -> bool:
        """True if the program should wait for a client before it starts (``wait=on``)."""
        return self._is_server and bool(self.data.get("wait")) and not self._has_come.is_set()

    async def wait_for_client(self) -> None:
        """Wait until a client has connected, or until the device is closed."""
        await self._has_come.wait()

    def close(self) -> None:
        """Accept no further clients and stop dialling; a client of a front end stays."""
        self._has_come.set()  # ends wait_for_client()
        if self._dialling is not None:
            self._dialling.cancel()
        if self._listener is not None:
            self._listener.close()
        super().close()

    # Inside

    @property
    def _protocol(self) -> str:
        """The protocol on TCP, as query-chardev names it."""
        return next((name for name in ("telnet", "websocket") if self.data.get(name)), "tcp")

    @property
    def _text(self) -> str:
        """The address as query-chardev shows it, with the real port if that is known."""
        address = self.address
        if isinstance(address, TcpAddress):
            # Spec: QEMU shows IPv4's address for a listener on all interfaces of both families.
            is_both = not self._host_name and self._address.family == socket.AF_UNSPEC
            host = "0.0.0.0" if is_both and address.host == "::" else address.host
            return f"{self._protocol}:{host}:{address.port}"
        if address is not None and self._address.kind == "fd":
            return _listener_text(address)
        return self._address.text(self._protocol)

    @property
    def _host_name(self) -> str:
        return str(self._address.data.get("host") or "")

    def _choose_filters(self) -> "SocketFilters | None":
        names = ("telnet", "tn3270", "websocket")
        if "tls-creds" not in self.data and not any(self.data.get(name) for name in names):
            return None
        from qmpeer.chardev.socket_filters import SocketFilters  # start: 11 ms

        return SocketFilters(self.data, self._host, is_server=self._is_server)

    def _handler_factory(
        self, sock: socket.socket, failed: Callable[[OSError], None] | None = None
    ) -> HandlerFactory:
        if self._filters is None:
            return self._connect
        is_local = sock.family == socket.AF_UNIX
        name = self._host_name
        return self._filters.wrap(self._connect, server_name=name, is_local=is_local, failed=failed)

    def _check(self) -> None:
        """Refuse options that can't be combined, in QEMU's order."""
        kind = self._address.kind
        if kind == "fd" and "reconnect" in self.data:
            raise _incompatible("reconnect", "'fd' address type")
        if "tls-creds" in self.data and kind != "inet" and not (kind == "fd" and self._is_server):
            client = " as client" if kind == "fd" else ""
            raise _incompatible("tls_creds", f"'{kind}' address type{client}")
        if "tls-authz" in self.data and "tls-creds" not in self.data:
            raise ChardevError("'tls_authz' option requires 'tls_creds' option")
        if self._is_server and "reconnect" in self.data:
            raise _incompatible("reconnect", "socket in server listen mode")
        if not self._is_server and self.data.get("websocket"):
            raise ChardevError("Websocket client is not implemented")
        if not self._is_server and "wait" in self.data:
            raise _incompatible("wait", "socket in client connect mode")

    async def _listen(self) -> None:
        # A port that is open to the network is no risk if TLS authenticates the clients.
        is_known = self._filters is not None and self._filters.identifies_clients
        sock = await self._address.listen(
            insecure=self._host.is_insecure or is_known,
            mode=self._host.socket_mode,
            owner=self._host.socket_owner,
            find_fd=self._find_fd,
        )
        try:
            factory = self._handler_factory(sock)
            many = self._host.serves_many
            if many and self._address.kind != "fd":
                sock.listen(limits.BACKLOG_MANY)  # it listens with QEMU's backlog for one client
            self._listener = await start_listening(sock, factory, many=many, insecure=True)
        except BaseException:
            sock.close()
            raise

    async def _dial(self) -> None:
        sock = await self._address.connect(self._find_fd, limits.CONNECT_TIMEOUT)
        # A failed handshake counts as a departure, so that dialling goes on.
        factory = self._handler_factory(sock, self._disconnected)
        try:
            await open_stream(sock, factory, timeout=limits.CONNECT_TIMEOUT)
        except OSError as error:
            why = error.strerror or str(error)
            raise ChardevError(f"Failed to connect to '{self._address.where}': {why}") from error

    async def _keep_dialling(self) -> None:
        has_complained = False
        while True:
            # Before dialling, because the peer may leave at once.
            self._has_left.clear()
            try:
                await self._dial()
            except ChardevError as error:
                if not has_complained:
                    has_complained = True
                    self._host.report(f"Unable to connect character device {self.label}: {error}")
            else:
                has_complained = False
                await self._has_left.wait()
            await asyncio.sleep(self._reconnect)

    def _connect(self, stream: Stream) -> DeviceConnection:
        self._own_end, self._other_end = _tcp_end(stream.own), _tcp_end(stream.peer)
        return super()._connect(stream)

    def _connected(self) -> None:
        self._has_come.set()

    def _disconnected(self, error: OSError | None) -> None:
        self._has_left.set()


def _tcp_end(end: str) -> str:
    """Return one end of a TCP connection as HOST:PORT, and "" for other sockets.

    A socket for both families shows IPv4 addresses as mapped ones. QEMU has a socket for each
    family, so it shows plain ones.
    """
    if not end.startswith("tcp:"):
        return ""
    return _MAPPED.sub(r"\1", end.removeprefix("tcp:"))


def _listener_text(address: Address) -> str:
    """Return the address of a unix socket that was passed as a descriptor.

    Spec: QEMU cuts an abstract name at its first NUL, and takes it for tight unless it has the
    maximum length.
    """
    if not isinstance(address, UnixAddress) or not address.is_abstract:
        return str(address)
    name = address.path[1:]
    tight = "" if len(os.fsencode(name)) == limits.UNIX_PATH else ",tight=on"
    return f"unix:{name.partition(chr(0))[0]},abstract=on{tight}"


def _incompatible(option: str, other: str) -> ChardevError:
    return ChardevError(f"'{option}' option is incompatible with {other}")
