"""A stream on our own file descriptors, watched by the loop's readers and writers.

How it works. The loop calls _readable() and _writable(). Subclasses read bytes in _readable() and
send them in _transmit(). Three things are lazy, since each would cost more than a command:

- pause_reading() only sets a flag. If bytes come meanwhile, _readable() sees the flag and removes
  the reader; resume_reading() adds it again.
- write() sends at once. It makes a queue and a writer only for bytes that the kernel doesn't take,
  and removes both when the queue is empty.
- connection_lost() is called from the loop, never from within a call by the handler.

A failed write doesn't end the reading at once. A peer that has left may have sent messages before,
and a client must not lose an event because it sent a command too late. So received bytes are handed
over first.
"""

import asyncio
import errno
from abc import abstractmethod
from collections.abc import Sequence

from qmpeer import limits
from qmpeer.transport.aio.stream import (
    NOBODY,
    LostCallback,
    Stream,
    StreamHandler,
    left_unread,
    report_failure,
)
from qmpeer.transport.aio.unsent import UnsentOutput
from qmpeer.transport.descriptors import refused_fds


class DescriptorStream(Stream):
    """The common base of streams on unix sockets and on standard input and output."""

    __slots__ = (
        "_can_write",
        "_handler",
        "_has_reader",
        "_is_closed",
        "_is_closing",
        "_is_ending",
        "_is_paused",
        "_is_reading",
        "_is_writing_paused",
        "_loop",
        "_lost_callback",
        "_peer",
        "_queue",
        "_read_fd",
        "_timer",
        "_write_fd",
    )

    def __init__(
        self, read_fd: int, write_fd: int, peer: str, lost_callback: LostCallback | None = None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._peer = peer
        self._lost_callback = lost_callback
        self._handler: StreamHandler = NOBODY
        self._queue: UnsentOutput | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._has_reader = False
        self._is_reading = False  # from start() until the end of the input or close()
        self._is_paused = False
        self._is_writing_paused = False
        self._can_write = True
        self._is_ending = False  # after write_eof(), until everything is sent
        self._is_closing = False
        self._is_closed = False

    def start(self, handler: StreamHandler) -> None:
        """Begin to read, and to call the handler."""
        self._handler = handler
        if self._is_closing:
            return
        self._is_reading = True
        if not self._is_paused:
            self._watch_reading()
        if self._is_writing_paused:
            handler.pause_writing()

    @property
    def unsent(self) -> int:
        """The number of bytes that write() accepted but the kernel hasn't taken yet."""
        return 0 if self._queue is None else self._queue.size

    @property
    def peer(self) -> str:
        """The peer's name in logs."""
        return self._peer

    @property
    def is_over(self) -> bool:
        """True if the stream is closed."""
        return self._is_closed

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Send bytes without blocking, and queue those that the kernel doesn't take at once."""
        if fds:
            self._check_fds(data, fds)
        if not self._can_write or not data:
            return
        sent = 0
        if self._queue is None:
            try:
                sent = self._transmit((data,), fds)
            except (BlockingIOError, InterruptedError):
                pass
            except OSError as error:
                if fds and error.errno not in (errno.EPIPE, errno.ECONNRESET):
                    raise  # the kernel refused the descriptors; the stream is still usable
                self._fail_writing(error)
                return
            if sent == len(data):
                return
        self._enqueue(data, sent, () if sent else fds)

    def pause_reading(self) -> None:
        """Hold back data_received() and eof_received() until resume_reading()."""
        self._is_paused = True

    def resume_reading(self) -> None:
        """Resume the calls of data_received()."""
        self._is_paused = False
        if self._is_reading and not self._has_reader:
            self._watch_reading()

    def close(self) -> None:
        """Stop reading, send what is unsent for a bounded time, then close."""
        if self._is_closing:
            return
        if self._queue is None:
            self._finish(None)
            return
        self._is_closing = True
        self._can_write = False
        self._stop_reading()
        self._timer = self._loop.call_later(limits.CLOSE_TIMEOUT, self._give_up)

    def abort(self) -> None:
        """Close now and drop what is unsent."""
        self._finish(None)

    def write_eof(self) -> None:
        """End our direction once everything unsent is sent."""
        if not self._can_write or not self.can_write_eof:
            return
        self._can_write = False
        if self._queue is None:
            self._end_output()
        else:
            self._is_ending = True

    # For subclasses to implement.

    @abstractmethod
    def _readable(self) -> bool:
        """Read once and hand the bytes over; return True if there were any."""

    @abstractmethod
    def _transmit(self, pieces: Sequence[bytes | memoryview], fds: Sequence[int]) -> int:
        """Send once without blocking, and return the number of sent bytes."""

    @abstractmethod
    def _release(self) -> None:
        """Close or restore the descriptors."""

    def _end_output(self) -> None:
        """End our direction; called only if can_write_eof is True."""
        raise NotImplementedError

    def _check_fds(self, data: bytes, fds: Sequence[int]) -> None:
        raise refused_fds(self._peer)

    def _watch_reading(self) -> None:
        self._loop.add_reader(self._read_fd, self._readable)
        self._has_reader = True

    def _unwatch_reading(self) -> None:
        if self._has_reader:
            self._loop.remove_reader(self._read_fd)
            self._has_reader = False

    # Reading.

    def _hand_over(self, data: bytes, fds: Sequence[int]) -> bool:
        try:
            if data:
                self._handler.data_received(data, fds)
                return True
            self._stop_reading()
            self._handler.eof_received()
        except Exception as error:
            self._fail_handler(error)
        return False

    def _stop_reading(self) -> None:
        self._is_reading = False
        self._unwatch_reading()

    # Writing.

    def _enqueue(self, data: bytes, sent: int, fds: Sequence[int]) -> None:
        data = bytes(data)  # copies only a buffer that the caller may change
        if (queue := self._queue) is None:
            queue = UnsentOutput()
            queue.append(data, sent, fds)
            self._queue = queue
            self._loop.add_writer(self._write_fd, self._writable)
        else:
            queue.append(data, sent, fds)
        if queue.size > limits.UNSENT_OUTPUT and not self._is_writing_paused:
            self._is_writing_paused = True
            self._handler.pause_writing()

    def _writable(self) -> None:
        queue = self._queue
        if queue is None:
            return
        try:
            queue.remove(self._transmit(*queue.next_batch()))
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail_writing(error)
            return
        if not queue.size:
            self._drop_queue()
            if self._is_closing:
                self._finish(None)
                return
            if self._is_ending:
                self._is_ending = False
                self._end_output()
        if self._is_writing_paused and queue.size <= limits.UNSENT_RESUME:
            self._is_writing_paused = False
            if not self._is_closing:
                self._handler.resume_writing()

    def _drop_queue(self) -> None:
        if self._queue is not None:
            self._queue.drop()
            self._queue = None
            self._loop.remove_writer(self._write_fd)

    # The end.

    def _fail_writing(self, error: OSError) -> None:
        self._can_write = False
        self._drop_queue()
        if self._is_reading and not self._is_paused:
            # Not from within write(), which the handler may have called.
            self._loop.call_soon(self._drain, error)
        else:
            self._finish(error)

    def _drain(self, error: OSError) -> None:
        while self._is_reading and not self._is_paused and self._readable():
            pass
        self._finish(error)

    def _fail_handler(self, error: Exception) -> None:
        self._finish(report_failure(self._loop, self, error))

    def _give_up(self) -> None:
        self._finish(left_unread(self))

    def _finish(self, error: OSError | None) -> None:
        if self._is_closed:
            return
        self._is_closed = self._is_closing = True
        self._can_write = False
        self._stop_reading()
        self._drop_queue()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._release()
        self._loop.call_soon(self._report_lost, error)

    def _report_lost(self, error: OSError | None) -> None:
        handler, self._handler = self._handler, NOBODY
        callback, self._lost_callback = self._lost_callback, None
        try:
            handler.connection_lost(error)
        finally:
            if callback is not None:
                callback(self)
