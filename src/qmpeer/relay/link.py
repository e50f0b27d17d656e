"""One client's stream and one server's stream, joined.

How it works. Each end is the handler of its stream, and writes what it receives to the other stream
at once. Bytes wait in three cases only:

- The server isn't connected yet. Then nothing is read from the client.
- The other end doesn't read. While more than limits.UNSENT_OUTPUT bytes are unsent, nothing is read
  from this end, so the kernel slows it down.
- One end has left. The other one may still read the last bytes, for limits.RELAY_DRAIN seconds.

An end leaves in one of four ways, and the other end sees the same, after the bytes before it:

======================================  ==========================================================
it ends its direction (half-close)      its direction ends, and the other direction goes on
it hangs up (both directions)           a close
it resets the connection, or fails      a reset, or on unix sockets a close
both directions have ended              a close
======================================  ==========================================================

Only unix sockets tell a hang-up from a half-close. Some streams can't be half-closed, such as those
with TLS or WebSocket. There a server's half-close is passed on as a close; after a client's
half-close, the link ends when the server has been silent for limits.CLOSE_TIMEOUT seconds.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from qmpeer import limits
from qmpeer.relay.observer import GuardedObserver
from qmpeer.transcript import Sender
from qmpeer.transport.aio import Stream, StreamHandler
from qmpeer.transport.aio.stream import NOBODY
from qmpeer.transport.descriptors import close_all
from qmpeer.transport.filter import CutOffError

_log: Final = logging.getLogger("qmpeer.relay")

_Tap = Callable[[bytes, int], None]
"""Called with bytes that were passed on, and the number of their descriptors."""


class Link:
    """One client's connection to the server.

    Args:
        stream: The client's stream. Nothing is read from it before `join`.
        observer: Sees the bytes.
        name: The link's name in the log.
        over: Called when both streams have ended.
    """

    __slots__ = (
        "_by",
        "_client",
        "_first",
        "_has_heard",
        "_is_closing",
        "_is_ending",
        "_is_over",
        "_loop",
        "_observer",
        "_over",
        "_reason",
        "_server",
        "_timer",
        "name",
    )

    def __init__(
        self, stream: Stream, observer: GuardedObserver, name: str, over: Callable[["Link"], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._observer = observer
        self._over = over
        self.name: str = name
        self._client = _End(self, Sender.CLIENT, stream, self._tap(Sender.CLIENT))
        self._server: _End | None = None
        self._first: _End | None = None  # the end whose direction ended first
        self._by: Sender | None = None
        self._reason = ""
        self._has_heard = False  # the server, since this was last checked
        self._is_ending = False
        self._is_closing = False
        self._is_over = False
        self._timer: asyncio.TimerHandle | None = None
        self._client.pause()

    @property
    def handler(self) -> StreamHandler:
        """The handler of the client's stream."""
        return self._client

    @property
    def has_left(self) -> bool:
        """True once an end has left, or the link was closed."""
        return self._is_ending

    def join(self, stream: Stream) -> StreamHandler:
        """Take the server's stream, and return its handler."""
        if self._is_ending:
            stream.abort()
            return NOBODY
        server = self._server = _End(self, Sender.SERVER, stream, self._first_heard)
        server.join(self._client)
        self._client.join(server)
        self._timer = self._loop.call_later(limits.RELAY_SILENCE, self._report_silence)
        self._client.resume()
        return server

    def refuse(self, reason: str) -> None:
        """End the link, which has no server, by a reset."""
        self._leave(None, reason, is_reset=True)

    def close(self) -> None:
        """End the link; what is unsent has limits.CLOSE_TIMEOUT seconds."""
        self._is_closing = True
        self._leave(None, "the relay was closed", is_reset=False)
        for end in self._ends:
            end.stream.close()

    # For its ends

    def input_ended(self, end: "_End") -> None:
        """Pass on that one end sends no more."""
        server = self._server
        if self._is_ending or server is None:
            return
        first = self._first = self._first or end
        other = self._client if end is server else server
        if end.has_hung_up or other.has_ended:
            self._leave(first, "", is_reset=False)
        elif other.stream.can_write_eof:
            other.stream.write_eof()
        elif end is server:
            self._leave(end, "", is_reset=False)
        else:
            server.tap = self._heard
            self._linger()

    def hung_up(self, end: "_End") -> None:
        """Pass on that one end has closed both directions; it may have left unread bytes."""
        end.has_hung_up = True
        if self._is_ending:
            end.stream.abort()
        elif end.has_ended or not end.is_paused:
            self._leave(self._first or end, "", is_reset=False)
        elif self._server is not None:
            end.resume()  # what it has left is bounded by the kernel's buffer

    def lost(self, end: "_End", error: OSError | None) -> None:
        """Pass on that a stream has ended."""
        reason = "" if _is_plain(error) else str(error)
        self._leave(self._first or end, reason, is_reset=not _is_plain(error))
        if all(each.is_gone for each in self._ends) and not self._is_over:
            self._is_over = True
            self._stop_timer()
            self._observer.closed(self._by, self._reason)
            self._over(self)

    def describe_end(self) -> str:
        """Return who ended the link, and why."""
        by = "relay" if self._by is None else self._by.name.lower()
        return f"closed by the {by}" + (f": {self._reason}" if self._reason else "")

    # Inside

    @property
    def _ends(self) -> "tuple[_End, ...]":
        return (self._client,) if self._server is None else (self._client, self._server)

    def _tap(self, sender: Sender) -> _Tap | None:
        return partial(self._observer.passed, sender) if self._observer.is_watching else None

    def _first_heard(self, data: bytes, fds: int) -> None:
        self._stop_timer()
        tap = self._tap(Sender.SERVER)
        assert self._server is not None
        self._server.tap = tap
        if tap is not None:
            tap(data, fds)

    def _report_silence(self) -> None:
        assert self._server is not None
        text = "%s: %s is connected but has sent nothing for %.4g s; it may serve another client"
        _log.info(text, self.name, self._server.stream.peer, limits.RELAY_SILENCE)

    def _heard(self, data: bytes, fds: int) -> None:
        self._has_heard = True
        self._observer.passed(Sender.SERVER, data, fds)

    def _linger(self) -> None:
        """Wait until the server is silent, after a client's half-close that it can't be told."""
        self._has_heard = False
        self._stop_timer()
        self._timer = self._loop.call_later(limits.CLOSE_TIMEOUT, self._check_silence)

    def _check_silence(self) -> None:
        assert self._server is not None
        if self._has_heard or self._server.is_paused:
            self._linger()
        else:
            self._leave(self._client, "", is_reset=False)

    def _leave(self, by: "_End | None", reason: str, *, is_reset: bool) -> None:
        """End both streams, each after its unsent bytes."""
        if self._is_ending:
            return
        self._is_ending = True
        self._by = None if by is None else by.sender
        self._reason = reason
        self._stop_timer()
        until = self._loop.time() + limits.RELAY_DRAIN
        for end in self._ends:
            end.pause()
            self._part(end, is_reset, until, limits.RELAY_DRAIN_CHECK)

    def _part(self, end: "_End", is_reset: bool, until: float, delay: float) -> None:
        stream = end.stream
        if end.is_gone or self._is_closing:
            return
        if end.has_hung_up:
            stream.abort()
        elif stream.unsent and self._loop.time() < until:
            longer = min(2 * delay, limits.RELAY_DRAIN_CHECK_MOST)
            self._loop.call_later(delay, self._part, end, is_reset, until, longer)
        elif is_reset or stream.unsent:
            stream.reset()
        else:
            stream.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _End:
    """One end of a link: the handler of its stream.

    Attributes:
        sender: Which end it is.
        stream: Its stream.
        tap: Called with all bytes that it has sent, if anybody watches.
        is_paused: True if nothing is read from it.
        has_ended: True if its direction has ended.
        has_hung_up: True if both directions have ended; only unix sockets show that.
        is_gone: True after connection_lost().
    """

    __slots__ = (
        "_has_dropped_fds",
        "_link",
        "_other",
        "_write",
        "has_ended",
        "has_hung_up",
        "is_gone",
        "is_paused",
        "sender",
        "stream",
        "tap",
    )

    def __init__(self, link: Link, sender: Sender, stream: Stream, tap: _Tap | None) -> None:
        self._link = link
        self._other: _End | None = None
        self._write: Callable[[bytes], None] = _refuse
        self._has_dropped_fds = False
        self.sender: Sender = sender
        self.stream: Stream = stream
        self.tap: _Tap | None = tap
        self.is_paused: bool = False
        self.has_ended: bool = False
        self.has_hung_up: bool = False
        self.is_gone: bool = False
        stream.on_hangup(self._hung_up)

    def join(self, other: "_End") -> None:
        """Set the end that gets the bytes of this one."""
        self._other = other
        self._write = other.stream.write

    def pause(self) -> None:
        """Read nothing more."""
        self.is_paused = True
        self.stream.pause_reading()

    def resume(self) -> None:
        """Read again."""
        self.is_paused = False
        self.stream.resume_reading()

    # StreamHandler

    def data_received(self, data: bytes, fds: Sequence[int]) -> None:
        """Pass bytes on, with the descriptors that came with them."""
        if fds:
            self._pass_with_fds(data, fds)
        else:
            self._write(data)
        if self.tap is not None:
            self.tap(data, len(fds))

    def eof_received(self) -> None:
        """Pass on the end of this direction."""
        self.has_ended = True
        self._link.input_ended(self)

    def pause_writing(self) -> None:
        """Read nothing from the other end."""
        other = self._other
        if other is not None and not other.has_hung_up:
            other.pause()

    def resume_writing(self) -> None:
        """Read from the other end again."""
        other = self._other
        if other is not None and not self._link.has_left:
            other.resume()

    def connection_lost(self, error: OSError | None) -> None:
        """Pass on the end of the stream."""
        self.is_gone = True
        self._link.lost(self, error)

    # Inside

    def _hung_up(self) -> None:
        self._link.hung_up(self)

    def _pass_with_fds(self, data: bytes, fds: Sequence[int]) -> None:
        other = self._other
        assert other is not None
        try:
            if other.stream.carries_fds:
                other.stream.write(data, fds)
                return
            reason = "its kind of stream has none"
        except OSError as error:
            reason = str(error)
        finally:
            close_all(fds)
        self._write(data)
        if not self._has_dropped_fds:
            self._has_dropped_fds = True
            text = "%s: descriptors of the %s can't be passed on to %s: %s"
            sender = self.sender.name.lower()
            _log.warning(text, self._link.name, sender, other.stream.peer, reason)


def _refuse(data: bytes) -> None:
    raise AssertionError("found bytes of a client without a server, expected a pause")


def _is_plain(error: OSError | None) -> bool:
    """Return True if a stream ended like one that was closed.

    Many clients close without a goodbye. A failed write shows only that the peer has closed.
    """
    return error is None or isinstance(error, (BrokenPipeError, CutOffError))
