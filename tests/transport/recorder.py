"""A stream's handler that records its calls and lets tests wait for them."""

import asyncio
from collections.abc import Callable, Sequence

from qmpeer.transport.aio import Stream
from tests.patience import PATIENCE


class Recorder:
    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.data = bytearray()
        self.chunks: list[tuple[bytes, list[int]]] = []
        self.calls: list[str] = []
        self.error: OSError | None = None
        self._changed: asyncio.Future[None] | None = None

    @property
    def fds(self) -> list[int]:
        return [fd for _, fds in self.chunks for fd in fds]

    @property
    def is_lost(self) -> bool:
        return "connection_lost" in self.calls

    @property
    def has_eof(self) -> bool:
        return "eof_received" in self.calls

    def data_received(self, data: bytes, fds: Sequence[int]) -> None:
        assert data
        assert len(data) <= 65536
        self.data += data
        self.chunks.append((data, list(fds)))
        self._wake()

    def eof_received(self) -> None:
        self._note("eof_received")

    def pause_writing(self) -> None:
        self._note("pause_writing")

    def resume_writing(self) -> None:
        self._note("resume_writing")

    def hung_up(self) -> None:
        """Take the call of on_hangup()."""
        self._note("hung_up")

    def connection_lost(self, error: OSError | None) -> None:
        self.error = error
        self._note("connection_lost")

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not is_so():
                self._changed = asyncio.get_running_loop().create_future()
                await self._changed

    async def until_data(self, size: int) -> bytes:
        await self.until(lambda: len(self.data) >= size)
        return bytes(self.data)

    async def until_lost(self) -> OSError | None:
        await self.until(lambda: self.is_lost)
        return self.error

    def _note(self, call: str) -> None:
        assert not self.is_lost, f"{call} after connection_lost"
        self.calls.append(call)
        self._wake()

    def _wake(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)


async def spin(turns: int = 20) -> None:
    """Run enough turns of the loop for everything that needs no waiting."""
    for _ in range(turns):
        await asyncio.sleep(0)
