"""Streams without another end: a function takes the output, and there is no input.

Devices that keep, drop or store output are built on it.
"""

import asyncio
from collections.abc import Callable, Sequence

from qmpeer.transport.aio import Stream, StreamHandler
from qmpeer.transport.descriptors import refused_fds


class OutputOnlyStream(Stream):
    """A stream that hands its output to a function. It ends only when it is closed."""

    __slots__ = ("_handler", "_is_closed", "_loop", "_peer", "_take")

    def __init__(self, peer: str, take: Callable[[bytes], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._peer = peer
        self._take = take
        self._handler: StreamHandler | None = None
        self._is_closed = False

    def start(self, handler: StreamHandler) -> None:
        """Set the handler, which is notified of the end."""
        self._handler = handler
        if self._is_closed:
            self._loop.call_soon(handler.connection_lost, None)

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Hand bytes to the function."""
        if fds:
            raise refused_fds(self._peer)
        if not self._is_closed:
            self._take(data)

    def pause_reading(self) -> None:
        """Do nothing: there is nothing to read."""

    def resume_reading(self) -> None:
        """Do nothing: there is nothing to read."""

    def close(self) -> None:
        """Take no more."""
        if not self._is_closed:
            self._is_closed = True
            if self._handler is not None:
                self._loop.call_soon(self._handler.connection_lost, None)

    def abort(self) -> None:
        """Take no more."""
        self.close()

    @property
    def unsent(self) -> int:
        """0: the function takes everything at once."""
        return 0

    @property
    def peer(self) -> str:
        """The device's name in logs."""
        return self._peer
