"""A stream on one of the loop's own transports, for TCP.

All connections of a thread read into one shared buffer. That is safe: nothing else runs between a
transport's call of get_buffer() and its call of buffer_updated().
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Sequence
from typing import Final, cast

from qmpeer import limits
from qmpeer.transport.address import address_of
from qmpeer.transport.aio.stream import (
    NO_FDS,
    NOBODY,
    LostCallback,
    Stream,
    StreamHandler,
    handler_failure,
    left_unread,
    report_failure,
)
from qmpeer.transport.descriptors import refused_fds
from qmpeer.transport.peer_identity import UNKNOWN, PeerIdentity

_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER's value for a close that resets the connection."""


class _SharedBuffer(threading.local):
    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(limits.READ_SIZE))


_shared = _SharedBuffer()


class BufferedStream(Stream, asyncio.BufferedProtocol):
    """A stream for its handler and a protocol for its transport.

    As on unix sockets, pausing only sets a flag. If bytes come nevertheless, the stream holds them,
    at most one buffer full, and only then pauses the transport.
    """

    __slots__ = (
        "_buffer",
        "_handler",
        "_has_held_eof",
        "_has_stopped",
        "_held",
        "_is_closing",
        "_is_ending",
        "_is_full",
        "_is_lost",
        "_is_paused",
        "_is_writing_paused",
        "_loop",
        "_lost_callback",
        "_lost_error",
        "_peer",
        "_timer",
        "_transport",
        "_waiting",
    )

    def __init__(self, peer: str, lost_callback: LostCallback | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._buffer = _shared.buffer
        self._peer = peer
        self._lost_callback = lost_callback
        self._handler: StreamHandler = NOBODY
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiting = bytearray()  # to be sent after the transport's own unsent bytes
        self._is_full = False  # the transport has paused writing
        self._held = b""
        self._has_held_eof = False
        self._has_stopped = False  # the transport's reading is paused
        self._is_paused = False
        self._is_writing_paused = False
        self._is_ending = False  # after write_eof()
        self._is_closing = False
        self._is_lost = False
        self._lost_error: OSError | None = None

    def start(self, handler: StreamHandler) -> None:
        """Begin to call the handler; bytes that came before were held, as in a pause."""
        self._handler = handler
        if self._is_lost:
            self._loop.call_soon(self._report_lost)
            return
        if self._is_writing_paused:
            handler.pause_writing()
        if not self._is_paused:
            self._release_held()

    # The stream, for the handler.

    @property
    def unsent(self) -> int:
        """The number of bytes that write() accepted but the kernel hasn't taken yet."""
        if self._transport is None:
            return 0
        return self._transport.get_write_buffer_size() + len(self._waiting)

    @property
    def peer(self) -> str:
        """The peer's name in logs."""
        return self._peer

    @property
    def own(self) -> str:
        """Our own address, in the form of `peer`."""
        sock = None if self._transport is None else self._transport.get_extra_info("socket")
        return "" if sock is None else str(address_of(sock.family, sock.getsockname()))

    @property
    def identity(self) -> PeerIdentity:
        """Who is at the other end: its address."""
        found = None if self._transport is None else self._transport.get_extra_info("peername")
        sock = None if self._transport is None else self._transport.get_extra_info("socket")
        if found is None or sock is None:
            return UNKNOWN
        return PeerIdentity(address=str(address_of(sock.family, found)))

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Send bytes without blocking, and queue those that the kernel doesn't take at once."""
        if fds:
            raise refused_fds(self._peer)
        if self._is_closing or self._is_ending or self._transport is None:
            return
        if self._is_full:
            self._waiting += data
            self._pause_if_much()
        else:
            self._transport.write(bytes(data))  # uvloop keeps a reference, so a copy is needed

    def pause_reading(self) -> None:
        """Hold back data_received() and eof_received() until resume_reading()."""
        self._is_paused = True

    def resume_reading(self) -> None:
        """Resume the calls of data_received()."""
        if self._is_paused:
            self._is_paused = False
            self._release_held()

    def write_eof(self) -> None:
        """End our direction once everything unsent is sent."""
        if not self._is_ending:
            self._is_ending = True
            self._end_output()

    @property
    def can_write_eof(self) -> bool:
        """True."""
        return True

    def close(self) -> None:
        """Stop reading, send what is unsent for a bounded time, then close."""
        if self._is_closing or self._transport is None:
            return
        self._is_closing = True
        # transport.close() sends only the bytes that the transport has.
        if self._waiting:
            self._pass_on(len(self._waiting))
        if self.unsent:
            self._timer = self._loop.call_later(limits.CLOSE_TIMEOUT, self._give_up)
        self._transport.close()

    def abort(self) -> None:
        """Close now and drop what is unsent."""
        self._is_closing = True
        self._waiting.clear()
        if self._transport is not None:
            self._transport.abort()

    def reset(self) -> None:
        """Abort by a TCP reset."""
        sock = None if self._transport is None else self._transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            with contextlib.suppress(OSError):  # the peer is gone already
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.abort()

    # The protocol, for the transport.

    @property
    def is_connected(self) -> bool:
        """True if there is a transport, which will report its end."""
        return self._transport is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; limit its buffer, so that it asks for more only when almost empty."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=limits.UNSENT_PIECES, low=limits.UNSENT_PIECES)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the thread's buffer for one read."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Hand over what was read, or hold it."""
        data = bytes(self._buffer[:nbytes])
        if self._may_deliver and not self._held:
            self._handler.data_received(data, NO_FDS)
        elif not self._is_closing:
            self._held += data
            if self._transport is not None and not self._has_stopped:
                self._has_stopped = True
                self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Notify the handler, now or after the pause; the stream stays open for writing."""
        if self._may_deliver and not self._held:
            self._handler.eof_received()
        else:
            self._has_held_eof = True
        return True

    def pause_writing(self) -> None:
        """Stop feeding the transport, and notify the handler if too much is unsent."""
        self._is_full = True
        self._pause_if_much()

    def resume_writing(self) -> None:
        """Schedule more writing: asyncio's transport breaks if a write fails within this call."""
        self._loop.call_soon(self._go_on_writing)

    def connection_lost(self, exc: Exception | None) -> None:
        """Hand over held bytes, then notify the handler of the end and its reason."""
        self._transport = None
        self._waiting.clear()
        self._deliver_held()
        self._is_closing = self._is_lost = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lost_error is None:
            if exc is not None and not isinstance(exc, OSError):
                exc = handler_failure(exc)
            self._lost_error = exc
        if self._handler is not NOBODY:
            self._report_lost()
        elif self._lost_callback is not None:
            self._lost_callback(self)
            self._lost_callback = None

    # Inside.

    @property
    def _may_deliver(self) -> bool:
        return not (self._is_paused or self._is_closing or self._handler is NOBODY)

    def _pause_if_much(self) -> None:
        if not self._is_writing_paused and self.unsent > limits.UNSENT_OUTPUT:
            self._is_writing_paused = True
            if not self._is_closing:
                self._handler.pause_writing()

    def _go_on_writing(self) -> None:
        """Feed the transport until it is full; notify the handler when little is unsent."""
        self._is_full = False
        piece = limits.UNSENT_RESUME - limits.UNSENT_PIECES
        while self._waiting and not self._is_full:
            self._pass_on(piece)
        if self._is_ending:
            self._end_output()
        if self._is_writing_paused and self.unsent <= limits.UNSENT_RESUME:
            self._is_writing_paused = False
            if not self._is_closing:
                self._handler.resume_writing()

    def _end_output(self) -> None:
        """Pass write_eof() on once the transport has all bytes; it sends its own ones first."""
        if self._transport is not None and not self._waiting and not self._is_closing:
            with contextlib.suppress(OSError):  # the peer is gone already
                self._transport.write_eof()

    def _pass_on(self, size: int) -> None:
        data = bytes(self._waiting[:size])
        del self._waiting[:size]
        if self._transport is not None:
            self._transport.write(data)

    def _release_held(self) -> None:
        if self._has_stopped or self._has_held_eof:
            self._loop.call_soon(self._deliver_held)

    def _deliver_held(self) -> None:
        try:
            if self._held and self._may_deliver:
                data, self._held = self._held, b""
                self._handler.data_received(data, NO_FDS)
            if not self._may_deliver:
                return
            if self._has_held_eof:
                self._has_held_eof = False
                self._handler.eof_received()
            elif self._has_stopped and self._transport is not None:
                self._has_stopped = False
                self._transport.resume_reading()
        except Exception as error:
            self._lost_error = report_failure(self._loop, self, error)
            self.abort()

    def _give_up(self) -> None:
        self._lost_error = left_unread(self)
        self.abort()

    def _report_lost(self) -> None:
        handler, self._handler = self._handler, NOBODY
        callback, self._lost_callback = self._lost_callback, None
        error, self._lost_error = self._lost_error, None
        try:
            handler.connection_lost(error)
        finally:
            if callback is not None:
                callback(self)
