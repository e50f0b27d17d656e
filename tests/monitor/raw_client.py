"""A client that may break the protocol: raw bytes on a socket, every wait bounded."""

import asyncio
import json
import socket
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from qmpeer.transport import Address, TcpAddress, UnixAddress, parse_address
from tests.patience import PATIENCE


class RawClient:
    """One connection to a server, driven from asyncio."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self._buffer = bytearray()
        self._searched = 0

    @classmethod
    async def dial(cls, address: Address | str | Path) -> "RawClient":
        """Connect, and read nothing yet."""
        sock = plain_socket(address)
        sock.setblocking(False)
        target = parse_address(str(address))
        assert isinstance(target, TcpAddress | UnixAddress)
        where = target.endpoints()[0].sockaddr
        try:
            async with asyncio.timeout(PATIENCE):
                if isinstance(target, UnixAddress):
                    sock.connect(where)
                else:
                    await asyncio.get_running_loop().sock_connect(sock, where)
        except BaseException:
            sock.close()
            raise
        return cls(sock)

    @classmethod
    async def connect(
        cls, address: Address | str | Path, *, oob: bool = False, pretty: bool = False
    ) -> "RawClient":
        """Connect, take the greeting and negotiate."""
        client = await cls.dial(address)
        try:
            await client.begin(oob=oob, pretty=pretty)
        except BaseException:
            client.close()
            raise
        return client

    async def begin(self, *, oob: bool = False, pretty: bool = False) -> None:
        """Take the greeting and negotiate."""
        assert "QMP" in await self.receive(pretty=pretty)
        enable = {"enable": ["oob"]} if oob else {}
        self.send({"execute": "qmp_capabilities", "arguments": enable})
        assert await self.receive(pretty=pretty) == {"return": {}}

    def send(self, *messages: Any, fds: Sequence[int] = ()) -> None:
        """Send commands as dicts, or bytes as they are, in one system call."""
        data = b"".join(m if isinstance(m, bytes) else json.dumps(m).encode() for m in messages)
        if fds:
            sent = socket.send_fds(self.sock, [data], list(fds))
        else:
            sent = self.sock.send(data)
        assert sent == len(data)

    async def send_all(self, data: bytes) -> None:
        """Send more than the kernel takes at once."""
        async with asyncio.timeout(PATIENCE):
            await asyncio.get_running_loop().sock_sendall(self.sock, data)

    async def receive_bytes(self, end: bytes = b"\r\n") -> bytes:
        """Return the bytes of the next message, without its line end."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE):
            while (found := self._buffer.find(end, max(0, self._searched - len(end)))) < 0:
                self._searched = len(self._buffer)
                data = await loop.sock_recv(self.sock, 65536)
                if not data:
                    raise EOFError(f"the server closed after {bytes(self._buffer)!r}")
                self._buffer += data
        line = bytes(self._buffer[:found])
        del self._buffer[: found + len(end)]
        self._searched = 0
        return line

    async def receive(self, *, pretty: bool = False) -> Any:
        """Return the next message."""
        if pretty:
            return json.loads(await self.receive_bytes(b"\r\n}\r\n") + b"}")
        return json.loads(await self.receive_bytes())

    async def execute(self, name: str, arguments: dict[str, Any] | None = None, **more: Any) -> Any:
        """Send one command and return the next message, whatever it is."""
        message = {"execute": name, **more}
        self.send(message if arguments is None else {**message, "arguments": arguments})
        return await self.receive()

    async def receive_rest(self) -> bytes:
        """Return all bytes until the server closes."""
        loop = asyncio.get_running_loop()
        rest, self._buffer = bytes(self._buffer), bytearray()
        async with asyncio.timeout(PATIENCE):
            try:
                while data := await loop.sock_recv(self.sock, 65536):
                    rest += data
            except ConnectionResetError:  # what the server left unread of ours
                pass
        return rest

    def is_silent(self) -> bool:
        """Return True if no unread bytes have arrived."""
        if self._buffer:
            return False
        try:
            self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        """Hang up."""
        self.sock.close()

    async def __aenter__(self) -> "RawClient":
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def plain_socket(address: Address | str | Path) -> socket.socket:
    """Return a socket of an address's family."""
    target = parse_address(str(address))
    assert isinstance(target, Address)
    return socket.socket(target.endpoints()[0].family)


async def until(is_so: Any) -> None:
    """Run the loop until a condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not is_so():
            await asyncio.sleep(0)
