"""Plain sockets at both ends of a relay, without any code of ours in them."""

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qmpeer.relay import Relay
from qmpeer.transport import Address, TcpAddress, UnixAddress
from tests.patience import PATIENCE

AT_ONCE = struct.pack("ii", 1, 0)


class End:
    """One end: a socket that a test drives."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock

    async def send(self, data: bytes) -> None:
        async with asyncio.timeout(PATIENCE):
            await asyncio.get_running_loop().sock_sendall(self.sock, data)

    def send_fds(self, data: bytes, fds: list[int]) -> None:
        assert socket.send_fds(self.sock, [data], fds) == len(data)

    async def receive(self, size: int) -> bytes:
        """Receive exactly so many bytes."""
        received = b""
        async with asyncio.timeout(PATIENCE):
            while len(received) < size:
                data = await asyncio.get_running_loop().sock_recv(self.sock, size - len(received))
                assert data, f"the end of input after {received[-100:]!r}"
                received += data
        return received

    async def receive_fds(self) -> tuple[bytes, list[int]]:
        """Receive one chunk, with its descriptors."""
        data, fds = b"", list[int]()

        def look() -> bool:
            nonlocal data, fds
            try:
                data, fds, _, _ = socket.recv_fds(self.sock, 65536, 253)
            except BlockingIOError:
                return False
            return True

        await until(look)
        return data, fds

    async def rest(self) -> bytes:
        """Receive everything until the end of input."""
        received = b""
        async with asyncio.timeout(PATIENCE):
            while data := await asyncio.get_running_loop().sock_recv(self.sock, 65536):
                received += data
        return received

    def is_readable(self) -> bool:
        """Return True if something was received and isn't read yet."""
        try:
            return bool(self.sock.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return False

    def end_output(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        """Close with a reset: on TCP by its option, on a unix socket with something unread."""
        if self.sock.family != socket.AF_UNIX:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        self.sock.close()

    def fill(self) -> int:
        """Send until the kernel takes no more; return how much that was."""
        sent = 0
        try:
            while True:
                sent += self.sock.send(bytes(65536))
        except BlockingIOError:
            return sent


class Ends:
    """A relay between a listening server and clients, which are plain sockets."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened: list[socket.socket] = []
        self.relays: list[Relay] = []
        self.server_address: Address
        self.relay_address: Address

    def listen(self, kind: str, backlog: int = 100) -> socket.socket:
        """Listen as the server of this kind."""
        if kind == "unix":
            server = socket.socket(socket.AF_UNIX)
            self.server_address = UnixAddress(str(self._folder / "server"))
            server.bind(self.server_address.path)
        else:
            server = socket.socket()
            server.bind(("127.0.0.1", 0))
            self.server_address = TcpAddress(*server.getsockname())
        server.listen(backlog)
        server.setblocking(False)
        return self.keep(server)

    async def relay(self, client: str, **options: Any) -> Relay:
        """Start a relay to the server, for clients of this kind."""
        relay = Relay(self.server_address, **options)
        self.relays.append(relay)
        address = (
            UnixAddress(str(self._folder / f"relay{len(self.relays)}"))
            if client == "unix"
            else TcpAddress("127.0.0.1", 0)
        )
        self.relay_address = (await relay.listen(address)).address
        return relay

    async def client(self) -> End:
        """Connect one more client to the last relay."""
        address = self.relay_address
        sock = socket.socket(socket.AF_UNIX if isinstance(address, UnixAddress) else socket.AF_INET)
        self.keep(sock)
        target = address.endpoints()[0].sockaddr
        sock.setblocking(False)
        async with asyncio.timeout(PATIENCE):
            await asyncio.get_running_loop().sock_connect(sock, target)
        return End(sock)

    async def accept(self, server: socket.socket) -> End:
        """Accept the relay's connection."""
        async with asyncio.timeout(PATIENCE):
            sock, _ = await asyncio.get_running_loop().sock_accept(server)
        return End(self.keep(sock))

    async def pair(self, client: str, server: str, **options: Any) -> tuple[End, End]:
        """Return a client's and a server's end, with a relay between them."""
        listening = self.listen(server)
        await self.relay(client, **options)
        one = await self.client()
        return one, await self.accept(listening)

    def keep(self, sock: socket.socket) -> socket.socket:
        """Close a socket after the test."""
        self._opened.append(sock)
        return sock

    async def close(self) -> None:
        for sock in self._opened:
            sock.close()
        for relay in self.relays:
            relay.close()
            async with asyncio.timeout(PATIENCE):
                await relay.wait_closed()
            assert relay.links == 0


async def until(is_so: Callable[[], bool]) -> None:
    """Run the loop until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not is_so():
            await asyncio.sleep(0.001)


def open_fds() -> int:
    """Return the number of descriptors that this process has open."""
    return len(os.listdir("/proc/self/fd"))
