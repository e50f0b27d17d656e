"""A client that shows every message as it comes."""

import asyncio
import contextlib
import json
from typing import Any

from tests.patience import PATIENCE

__all__ = ["LineClient"]

NEGOTIATE = b'{"execute": "qmp_capabilities"}\n'
NEGOTIATE_OOB = b'{"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}\n'


class LineClient:
    """A client by hand, which has negotiated."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, path: str, *, oob: bool = False) -> "LineClient":
        client = cls(*await asyncio.open_unix_connection(path, limit=1 << 24))
        assert "QMP" in await client.read()
        client.write(NEGOTIATE_OOB if oob else NEGOTIATE)
        assert await client.read() == {"return": {}}
        return client

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def send(self, name: str, verb: str = "execute", **arguments: Any) -> None:
        request = {verb: name, "arguments": arguments}
        self.write(json.dumps(request).encode() + b"\n")

    async def read(self) -> dict[str, Any]:
        """Return the next message."""
        async with asyncio.timeout(PATIENCE):
            message = json.loads(await self._reader.readline())
        assert isinstance(message, dict)
        return message

    async def ask(self, name: str, **arguments: Any) -> Any:
        """Return a command's value; there must be no event before it."""
        self.send(name, **arguments)
        return (await self.read())["return"]

    async def desc(self, name: str, **arguments: Any) -> str:
        """Return the text of the error of a command."""
        self.send(name, **arguments)
        error = (await self.read())["error"]
        assert error["class"] == "GenericError"
        return str(error["desc"])

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def stop_reading(self) -> None:
        """Read nothing more."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]  # it reads, too
