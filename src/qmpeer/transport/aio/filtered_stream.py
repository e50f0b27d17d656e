"""A stream on a stream, with filters in between: the handler sees what they let through.

How it works. `filtered()` makes a handler factory for the raw stream of another one. What the raw
stream hears goes through the filters; when their handshakes are over, the factory behind is asked
for its handler, which is given a stream of its own: the same object, seen from above. What a filter
has to say itself (handshakes, pongs) goes out at once.

The end comes in three ways, each after all that came before it was handed over: the peer says
goodbye in a filter's terms, which is an eof_received(); the wire ends; or a filter fails, and then
the raw stream is closed, behind the answer that tells the peer why, or reset if the peer speaks
something else.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Final

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

FilterFactory = Callable[[], Filter]
"""Makes the filter of one stream."""

FailureCallback = Callable[[OSError], None]
"""Learns why a stream ended before it was open."""

_logger: Final = logging.getLogger("qmpeer.transport")


def filtered(
    factory: HandlerFactory,
    filters: Sequence[FilterFactory],
    *,
    timeout: float | None = limits.HANDSHAKE_TIMEOUT,
    log: logging.Logger = _logger,
    failed: FailureCallback | None = None,
) -> HandlerFactory:
    """Put filters in front of a handler factory; what comes back is one as well.

    The handler is made when all handshakes are over, and never if they fail, which is logged with
    its reason.

    Args:
        factory: Makes the handler above the filters.
        filters: What makes the filters of one stream, the one next to the wire first; none gives
            the factory as it is.
        timeout: Seconds for all handshakes together; None waits for ever.
        log: Where it is written why a stream ended.
        failed: Called as well if the stream ends before there is a handler.
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
    """A stream to the handler above, and the handler of the raw stream below."""

    __slots__ = (
        "_control",
        "_error",
        "_factory",
        "_failed",
        "_filter",
        "_handler",
        "_has_told_end",
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
        self._factory: HandlerFactory | None = factory  # None once it was asked
        self._log = log
        self._failed = failed
        self._handler: StreamHandler = NOBODY
        self._held: deque[bytes] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._error: OSError | None = None
        self._control = 0  # bytes that filters sent while the peer read nothing
        self._has_told_end = False
        self._is_paused = False
        self._is_writing_paused = False
        self._is_closing = False

    def start(self, timeout: float | None) -> None:
        """Begin the handshakes, and the session at once if there are none."""
        if output := self._filter.start():
            self._raw.write(output)
        if not self._advance() and timeout is not None and self._filter.failure is None:
            self._timer = self._loop.call_later(timeout, self._give_up, timeout)
        self._take_end()

    # The stream, as the handler above sees it.

    @property
    def peer_name(self) -> str | None:
        """Whom the peer's certificate names, None without one."""
        return self._filter.peer_name

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Encode bytes and send them, at once if the kernel takes them; never block."""
        if fds:
            raise refused_fds(f"{self.peer} behind {self._filter.name}")
        if not data or self._is_closing:
            return
        if output := self._filter.send(data):
            self._raw.write(output)
        if self._filter.failure is not None and self._has_untold_end:
            self._loop.call_soon(self._release)  # not from in here

    def pause_reading(self) -> None:
        """Hold back data_received() and eof_received() until resume_reading()."""
        self._is_paused = True
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        """Let data_received() be called again."""
        if not self._is_paused:
            return
        self._is_paused = False
        if self._held or self._has_untold_end:
            self._loop.call_soon(self._release)
        else:
            self._raw.resume_reading()

    def close(self) -> None:
        """Stop reading, say goodbye behind what is unsent, then close."""
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

    # The handler, as the raw stream sees it.

    def data_received(self, data: bytes, fds: Sequence[int]) -> None:
        """Pass bytes up through the filters."""
        close_all(fds)  # nothing above could say which bytes they belong to
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
        """Let the filters judge whether the wire may end here."""
        self._filter.receive_eof()
        self._take_end()

    def pause_writing(self) -> None:
        """Pass it on."""
        self._is_writing_paused = True
        if not self._is_closing:
            self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._is_writing_paused = False
        self._control = 0
        if not self._is_closing:
            self._handler.resume_writing()

    def connection_lost(self, error: OSError | None) -> None:
        """Tell whoever is there what ended the stream."""
        self._stop_timer()
        self._guarded(self._deliver)
        self._is_closing = True
        error = self._error or error
        handler, self._handler = self._handler, NOBODY
        if handler is not NOBODY:
            handler.connection_lost(error)
        elif self._error is None:
            self._tell_failed(
                error or FilterError(f"the peer left during the {self._filter.name} handshake")
            )

    # Inside.

    @property
    def _has_untold_end(self) -> bool:
        return not self._has_told_end and (
            self._filter.failure is not None or self._filter.has_ended
        )

    def _advance(self) -> bool:
        """Make the handler once the filters are open; say whether there is one now."""
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
        if not self._has_untold_end or self._held or self._is_paused or self._is_closing:
            return
        self._has_told_end = True
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
        """Read no more in this turn of the loop: many small frames take long, and uvloop reads on.

        Who asks for answers, such as pongs, without a pause would keep all others waiting.
        """
        if not self._is_paused:
            self._raw.pause_reading()
            self._loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        if not (self._is_paused or self._held or self._is_closing):
            self._raw.resume_reading()

    def _guarded(self, step: Callable[[], None]) -> None:
        # What a handler raises out of a call of the raw stream is that stream's to deal with.
        try:
            step()
        except Exception as error:
            self._error = report_failure(self._loop, self, error)
            self.abort()

    def _fail(self, error: OSError) -> None:
        self._error = error
        if self._factory is not None:
            self._tell_failed(error)
        else:
            level = logging.INFO if isinstance(error, CutOffError) else logging.WARNING
            self._log.log(level, "%s: %s", self.peer, error)
        if isinstance(error, StrangerError):
            self._is_closing = True
            self._held.clear()
            self._raw.reset()
        else:
            self.close()

    def _give_up(self, timeout: float) -> None:
        self._error = TimeoutError(
            f"waited {timeout:.4g} s for {self.peer}, but the {self._filter.name} handshake "
            "is not over"
        )
        self._tell_failed(self._error)
        self.abort()

    def _tell_failed(self, error: OSError) -> None:
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
            self._error = FilterError(f"leaves {self.unsent} bytes unread, but asks on")
            self._log.warning("%s: %s", self.peer, self._error)
            self.abort()
