"""The UDP device: received datagrams are input, and each write is one datagram or several.

[QEMU never greets on UDP, so a control monitor there answers nothing. Here the first datagram
counts as a client's connection, and the monitor greets it.]
"""

import asyncio
import errno
import socket
from collections.abc import Sequence
from typing import Final

from qmpeer import limits
from qmpeer.chardev.device import Chardev
from qmpeer.chardev.socket_address import SocketAddress
from qmpeer.errors import ChardevError
from qmpeer.transport.aio.descriptor_stream import DescriptorStream
from qmpeer.transport.aio.stream import NO_FDS
from qmpeer.values import JsonObject, JsonValue

_TRANSIENT: Final = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH})


class UdpDevice(Chardev):
    """A device that exchanges datagrams with one peer."""

    _sock: socket.socket | None = None

    @property
    def local_port(self) -> int:
        """The port that receives datagrams; 0 while the device is closed."""
        return 0 if self._sock is None else int(self._sock.getsockname()[1])

    async def _open(self) -> None:
        remote = self._remote()
        local = _inet(self.data["local"], port="0") if "local" in self.data else None
        other = (await remote.resolve(socket.SOCK_DGRAM, to_listen=False))[0]
        sock = socket.socket(other.family, socket.SOCK_DGRAM)
        try:
            if local is not None:
                found = await local.resolve(socket.SOCK_DGRAM, to_listen=True, family=other.family)
                sock.bind(found[0].sockaddr)
            sock.connect(other.sockaddr)
        except OSError as error:
            sock.close()
            raise ChardevError(f"Failed to bind socket: {error.strerror}") from error
        except BaseException:
            sock.close()
            raise
        self._sock = sock
        sock.setblocking(False)
        asyncio.get_running_loop().add_reader(sock.fileno(), self._arrived)

    def _remote(self) -> SocketAddress:
        address = _inet(self.data["remote"], host="localhost")
        if not address.data["port"]:
            raise ChardevError("remote port not specified")
        return address

    def _arrived(self) -> None:
        """Connect at the first datagram, which the new stream then reads."""
        assert self._sock is not None
        asyncio.get_running_loop().remove_reader(self._sock.fileno())
        stream = DatagramStream(self._sock, self._remote().where)
        stream.start(self._connect(stream))

    def close(self) -> None:
        """Close the device, and the socket too unless a front end still uses it."""
        super().close()
        if self._sock is not None and self._connection is None:
            asyncio.get_running_loop().remove_reader(self._sock.fileno())
            self._sock.close()
            self._sock = None

    def _disconnected(self, error: OSError | None) -> None:
        self._sock = None


class DatagramStream(DescriptorStream):
    """A stream on a connected datagram socket; an absent peer isn't an error."""

    __slots__ = ("_sock",)

    def __init__(self, sock: socket.socket, peer: str) -> None:
        super().__init__(sock.fileno(), sock.fileno(), f"udp:{peer}")
        self._sock = sock

    def _readable(self) -> bool:
        if self._is_paused:
            self._unwatch_reading()
            return False
        try:
            data = self._sock.recv(limits.READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            if error.errno not in _TRANSIENT:
                self._finish(error)
            return False
        # An empty datagram isn't the end of input.
        return self._hand_over(data, NO_FDS) if data else True

    def _transmit(self, pieces: Sequence[bytes | memoryview], fds: Sequence[int]) -> int:
        try:
            return self._sock.send(pieces[0][: limits.DATAGRAM])
        except OSError as error:
            if error.errno not in _TRANSIENT:
                raise
            return len(pieces[0])  # a datagram may get lost, so this isn't an error

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Send bytes, in as many datagrams as they need."""
        for start in range(0, max(len(data), 1), limits.DATAGRAM):
            super().write(data[start : start + limits.DATAGRAM], fds)

    def _release(self) -> None:
        self._sock.close()


def _inet(address: JsonValue, host: str = "", port: str = "") -> SocketAddress:
    """Return an address with defaults for an empty host or port."""
    assert isinstance(address, dict)
    data = address["data"]
    if address["type"] != "inet" or not isinstance(data, dict):
        raise ChardevError("socket type unsupported for datagram")
    whole: JsonObject = {**data, "host": data.get("host") or host, "port": data["port"] or port}
    return SocketAddress({"type": "inet", "data": whole})
