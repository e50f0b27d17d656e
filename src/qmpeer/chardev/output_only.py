"""Streams with nobody at the other end: what is written is taken by a function, nothing comes in.

The base of the devices that keep, drop or store output.
"""

import asyncio
from collections.abc import Callable, Sequence

from qmpeer.transport.aio import Stream, StreamHandler
from qmpeer.transport.descriptors import refused_fds


class OutputOnlyStream(Stream):
    """A stream that hands over what is written; it never fails and never ends by itself."""

    __slots__ = ("_handler", "_is_closed", "_loop", "_peer", "_take")

    def __init__(self, peer: str, take: Callable[[bytes], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._peer = peer
        self._take = take
        self._handler: StreamHandler | None = None
        self._is_closed = False

    def start(self, handler: StreamHandler) -> None:
        """Learn who is to be told of the end."""
        self._handler = handler
        if self._is_closed:
            self._loop.call_soon(handler.connection_lost, None)

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Hand over bytes."""
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
        """Nothing ever is."""
        return 0

    @property
    def peer(self) -> str:
        """What the device is, for logs."""
        return self._peer
