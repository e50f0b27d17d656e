"""A stream on another stream, with filters in between.

How it works. `filtered()` wraps a handler factory into one for the raw stream. Bytes of the raw
stream go through the filters. When their handshakes are over, the wrapped factory makes its
handler. That handler gets a `FilteredStream`, which is also the raw stream's handler. A filter's
own output (handshakes, pongs) is sent at once.

A stream ends in one of three ways, each after all earlier bytes are handed over. If the peer sends
a filter's goodbye, the handler's eof_received() is called. The wire may end. If a filter fails, the
raw stream is closed, after the answer that names the reason to the peer, or reset if the peer
speaks another protocol.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Final

import msgspec

from qmpeer import limits
from qmpeer.messages.strangers import printable
from qmpeer.transport.aio.stream import (
    NO_FDS,
    NOBODY,
    HandlerFactory,
    Stream,
    StreamHandler,
    StreamLayer,
    report_failure,
)
from qmpeer.transport.descriptors import close_all, refused_fds
from qmpeer.transport.filter import CutOffError, Filter, FilterError, Stacked, StrangerError
from qmpeer.transport.peer_identity import PeerIdentity

FilterFactory = Callable[[], Filter]
"""Makes the filter of one stream."""

FailureCallback = Callable[[OSError], None]
"""Called with the reason if a stream ends before its handshakes are over."""

_logger: Final = logging.getLogger("qmpeer.transport")


def filtered(
    factory: HandlerFactory,
    filters: Sequence[FilterFactory],
    *,
    timeout: float | None = limits.HANDSHAKE_TIMEOUT,
    log: logging.Logger = _logger,
    failed: FailureCallback | None = None,
) -> HandlerFactory:
    """Return a handler factory that puts filters in front of another one.

    The handler is made when all handshakes are over. If they fail, it isn't made, and the reason is
    logged.

    Args:
        factory: Makes the handler above the filters.
        filters: The factories of a stream's filters, the one next to the wire first. If there are
            none, the result is the factory itself.
        timeout: The time limit in seconds for all handshakes together; None waits for ever.
        log: The logger for the reasons why streams ended.
        failed: Also called if the stream ends before there is a handler.
    """
    if not filters:
        return factory

    def start(raw: Stream) -> StreamHandler:
        stack = reduce(Stacked, [make() for make in filters])
        stream = FilteredStream(raw, stack, factory, log, failed)
        stream.start(timeout)
        return stream

    return start


class FilteredStream(StreamLayer):
    """A stream for the handler above, and the handler of the raw stream below."""

    __slots__ = (
        "_control",
        "_error",
        "_factory",
        "_failed",
        "_filter",
        "_handler",
        "_has_reported_end",
        "_held",
        "_is_closing",
        "_is_paused",
        "_is_writing_paused",
        "_log",
        "_loop",
        "_timer",
    )

    def __init__(
        self,
        raw: Stream,
        filter: Filter,
        factory: HandlerFactory,
        log: logging.Logger,
        failed: FailureCallback | None,
    ) -> None:
        super().__init__(raw)
        self._loop = asyncio.get_running_loop()
        self._filter = filter
        self._factory: HandlerFactory | None = factory  # None once the handler is made
        self._log = log
        self._failed = failed
        self._handler: StreamHandler = NOBODY
        self._held: deque[bytes] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._error: OSError | None = None
        self._control = 0  # bytes of the filters' own output while the peer reads nothing
        self._has_reported_end = False
        self._is_paused = False
        self._is_writing_paused = False
        self._is_closing = False

    def start(self, timeout: float | None) -> None:
        """Begin the handshakes, or the session if there are no handshakes."""
        if output := self._filter.start():
            self._raw.write(output)
        if not self._advance() and timeout is not None and self._filter.failure is None:
            self._timer = self._loop.call_later(timeout, self._give_up, timeout)
        self._take_end()

    # The stream, for the handler above.

    @property
    def peer_name(self) -> str | None:
        """The name in the peer's certificate, or None without one."""
        return self._filter.peer_name

    @property
    def identity(self) -> PeerIdentity:
        """Who is at the other end of the raw stream, with the name in its certificate."""
        found = self._raw.identity
        name = self.peer_name
        return found if name is None else msgspec.structs.replace(found, certificate=name)

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Encode bytes and send them without blocking."""
        if fds:
            raise refused_fds(f"{self.peer} behind {self._filter.name}")
        if not data or self._is_closing:
            return
        if output := self._filter.send(data):
            self._raw.write(output)
        if self._filter.failure is not None and self._has_unreported_end:
            self._loop.call_soon(self._release)  # the handler called us: don't call it now

    def pause_reading(self) -> None:
        """Hold back data_received() and eof_received() until resume_reading()."""
        self._is_paused = True
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        """Resume the calls of data_received()."""
        if not self._is_paused:
            return
        self._is_paused = False
        if self._held or self._has_unreported_end:
            self._loop.call_soon(self._release)
        else:
            self._raw.resume_reading()

    def write_eof(self) -> None:
        """End our direction once everything unsent is sent, if the filters can."""
        if self.can_write_eof:
            self._raw.write_eof()

    @property
    def can_write_eof(self) -> bool:
        """True if the raw stream and all filters can end one direction alone."""
        return self._filter.can_half_close and self._raw.can_write_eof

    @property
    def carries_fds(self) -> bool:
        """False: after decoding, it is unknown which bytes descriptors belong to."""
        return False

    def close(self) -> None:
        """Stop reading, send unsent bytes and the goodbye, then close."""
        if self._is_closing:
            return
        self._is_closing = True
        self._held.clear()
        if goodbye := self._filter.close():
            self._raw.write(goodbye)
        self._raw.close()

    def abort(self) -> None:
        """Close now and drop what is unsent."""
        self._is_closing = True
        self._held.clear()
        self._raw.abort()

    def reset(self) -> None:
        """Abort with an error for the peer, if the raw stream can."""
        self._is_closing = True
        self._held.clear()
        self._raw.reset()

    # The handler, for the raw stream.

    def data_received(self, data: bytes, fds: Sequence[int]) -> None:
        """Decode bytes with the filters and hand them over."""
        close_all(fds)  # after decoding, it is unknown which bytes they belong to
        if self._is_closing:
            return
        pieces, reply = self._filter.receive(data)
        if reply:
            self._raw.write(reply)
            if self._is_writing_paused:
                self._limit_control(len(reply))
            if not pieces and self._factory is None:
                self._take_turns()
        if self._factory is not None and not self._advance():
            self._take_end()
            return
        if len(pieces) == 1 and not self._held and not self._is_paused and not self._is_closing:
            self._handler.data_received(pieces[0], NO_FDS)
        else:
            self._held += pieces
            self._deliver()
        self._take_end()

    def eof_received(self) -> None:
        """Let the filters decide whether the wire may end here."""
        self._filter.receive_eof()
        self._take_end()

    def pause_writing(self) -> None:
        """Forward the call to the handler."""
        self._is_writing_paused = True
        if not self._is_closing:
            self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Forward the call to the handler."""
        self._is_writing_paused = False
        self._control = 0
        if not self._is_closing:
            self._handler.resume_writing()

    def connection_lost(self, error: OSError | None) -> None:
        """Report the reason of the end to the handler, or to ``failed`` if there is none yet."""
        self._stop_timer()
        self._guarded(self._deliver)
        self._is_closing = True
        error = self._error or error
        handler, self._handler = self._handler, NOBODY
        if handler is not NOBODY:
            handler.connection_lost(error)
        elif self._error is None:
            self._report_failed(
                error or FilterError(f"the peer left during the {self._filter.name} handshake")
            )

    # Inside.

    @property
    def _has_unreported_end(self) -> bool:
        return not self._has_reported_end and (
            self._filter.failure is not None or self._filter.has_ended
        )

    def _advance(self) -> bool:
        """Make the handler once the filters are open; return True if there is one now."""
        if self._factory is None:
            return True
        if not self._filter.has_opened:
            return False
        factory, self._factory = self._factory, None
        self._stop_timer()
        if self.peer_name is not None:
            self._log.info("%s: is %s", self.peer, printable(self.peer_name))
        self._handler = factory(self)
        if self._is_writing_paused and not self._is_closing:
            self._handler.pause_writing()
        return True

    def _deliver(self) -> None:
        while self._held and not self._is_paused and not self._is_closing:
            self._handler.data_received(self._held.popleft(), NO_FDS)

    def _take_end(self) -> None:
        if not self._has_unreported_end or self._held or self._is_paused or self._is_closing:
            return
        self._has_reported_end = True
        if self._filter.failure is not None:
            self._fail(self._filter.failure)
            return
        self._handler.eof_received()
        if not self._filter.is_open:
            self.close()

    def _release(self) -> None:
        self._guarded(self._deliver)
        self._guarded(self._take_end)
        if not self._is_paused and not self._held:
            self._raw.resume_reading()

    def _take_turns(self) -> None:
        """Stop reading for this turn of the loop.

        A peer that sends pings without a pause would delay all other clients: many small frames
        take long, and uvloop reads repeatedly within one turn.
        """
        if not self._is_paused:
            self._raw.pause_reading()
            self._loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        if not (self._is_paused or self._held or self._is_closing):
            self._raw.resume_reading()

    def _guarded(self, step: Callable[[], None]) -> None:
        # The raw stream handles exceptions in its own calls. These steps run outside of them.
        try:
            step()
        except Exception as error:
            self._error = report_failure(self._loop, self, error)
            self.abort()

    def _fail(self, error: OSError) -> None:
        self._error = error
        if self._factory is not None:
            self._report_failed(error)
        else:
            level = logging.INFO if isinstance(error, CutOffError) else logging.WARNING
            self._log.log(level, "%s: %s", self.peer, error)
        if isinstance(error, StrangerError):
            self.reset()
        else:
            self.close()

    def _give_up(self, timeout: float) -> None:
        self._error = TimeoutError(
            f"waited {timeout:.4g} s for {self.peer}, but the {self._filter.name} handshake "
            "is not over"
        )
        self._report_failed(self._error)
        self.abort()

    def _report_failed(self, error: OSError) -> None:
        self._stop_timer()
        self._log.warning("%s: refused: %s", self.peer, error)
        failed, self._failed = self._failed, None
        if failed is not None:
            failed(error)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _limit_control(self, size: int) -> None:
        self._control += size
        if self._control > limits.UNSENT_CONTROL:
            self._error = FilterError(f"keeps asking, but leaves {self.unsent} bytes unread")
            self._log.warning("%s: %s", self.peer, self._error)
            self.abort()
