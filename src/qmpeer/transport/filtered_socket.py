"""A blocking socket with filters between its wire and who reads and writes: TLS, WebSocket.

It is used as a socket in blocking mode is, by `recv`, `send` and `shutdown`, with MSG_DONTWAIT or
without, from one thread that receives and another that sends. What a filter has to say itself
(handshakes, pongs) is sent in passing.
"""

import errno
import os
import socket
import threading
from collections.abc import Callable
from time import monotonic

from qmpeer import limits
from qmpeer.transport.dialling import DialPlan
from qmpeer.transport.filters.filter import Filter

_SEND_FLAGS = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL


class FilteredSocket(socket.socket):
    """A connected socket, seen from above its filters.

    Args:
        raw: The socket below; it is taken over.
        filter: What stands in between.

    Attributes:
        most: How many bytes of the session may come in all; None for any number.
    """

    def __init__(self, raw: socket.socket, filter: Filter) -> None:
        super().__init__(raw.family, raw.type, raw.proto, fileno=raw.detach())
        self.most: int | None = None
        self._filter = filter
        self._lock = threading.Lock()  # guards the filter, and the order of its output
        self._unsent = bytearray()
        self._encoded = 0
        self._early = b""

    def shake_hands(self, seconds_left: Callable[[], float | None]) -> None:
        """Do the handshakes of the filters.

        Args:
            seconds_left: Says how long the next step may take; None for ever.

        Raises:
            OSError: If the peer isn't one to talk to; FilterError says why.
            TimeoutError: If a step takes too long.
        """
        self._unsent += self._filter.start()
        while True:
            self.settimeout(seconds_left())
            if self._unsent:
                self.sendall(self._unsent, socket.MSG_NOSIGNAL)
                self._unsent.clear()
            if self._filter.has_opened or self._filter.failure is not None:
                break
            data = super().recv(limits.READ_SIZE)
            if not data:
                self._filter.receive_eof()
                continue
            pieces, output = self._filter.receive(data)
            self._early += b"".join(pieces)
            self._unsent += output
        if not self._filter.has_opened:
            self._raise_failure()
        self.setblocking(True)

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Receive bytes of the session, b"" at its end. There may be more of them than `size`.

        Raises:
            BlockingIOError: If nothing came in time, or with MSG_DONTWAIT at once.
            InterruptedError: If what came was for the filters: the time may be over by now.
            OSError: If the peer broke their rules; FilterError says which.
        """
        if self._early:
            found, self._early = self._early, b""
            return self._counted(found)
        while not self._filter.has_ended:
            self._raise_failure()
            data = super().recv(size, flags)
            with self._lock:
                found = self._take_in(data)
            if found:
                return self._counted(found)
            if not flags & socket.MSG_DONTWAIT and not self._filter.has_ended:
                self._raise_failure()
                raise InterruptedError(errno.EINTR, os.strerror(errno.EINTR))
        self._raise_failure()
        return b""

    def send(self, data: bytes | memoryview, flags: int = 0, /) -> int:  # type: ignore[override]
        """Send some of the session's bytes, without waiting, and say how many.

        Raises:
            BlockingIOError: If the wire takes no more now: wait until it does, then send the same.
            OSError: If the connection is at its end.
        """
        with self._lock:
            if not self._encoded:
                piece = bytes(data[: limits.READ_SIZE])
                self._unsent += self._filter.send(piece)
                self._raise_failure()
                if not self._filter.is_open:
                    raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
                self._encoded = len(piece)
            self._flush()
            sent, self._encoded = self._encoded, 0
        return sent

    def shutdown(self, how: int, /) -> None:
        """Say goodbye, as far as the wire takes it now, and end the connection."""
        if how != socket.SHUT_RD and self._lock.acquire(blocking=False):
            try:
                if not self._encoded:
                    self._unsent += self._filter.close()
                    self._flush()
            except OSError:
                pass
            finally:
                self._lock.release()
        super().shutdown(how)

    def _take_in(self, data: bytes) -> bytes:
        if not data:
            self._filter.receive_eof()
            return b""
        pieces, output = self._filter.receive(data)
        self._unsent += output
        if output:
            try:
                self._flush()
            except BlockingIOError:
                if len(self._unsent) > limits.READ_SIZE + limits.UNSENT_CONTROL:
                    raise ConnectionAbortedError(
                        errno.ECONNABORTED, "the peer leaves our answers unread, but asks on"
                    ) from None
        return b"".join(pieces)

    def _flush(self) -> None:
        while self._unsent:
            sent = super().send(self._unsent, _SEND_FLAGS)
            del self._unsent[:sent]

    def _raise_failure(self) -> None:
        if self._filter.failure is not None:
            raise self._filter.failure

    def _counted(self, data: bytes) -> bytes:
        if self.most is not None:
            self.most -= len(data)
            if self.most < 0:
                raise OSError("more came than was to come in all")
        return data


def open_filtered(raw: socket.socket, filter: Filter, plan: DialPlan) -> FilteredSocket:
    """Put filters on a socket just dialled, which is closed if their handshakes fail.

    Raises:
        OSError: If the peer isn't one to talk to.
        TimeoutError: If the plan's time is up.
    """
    sock = FilteredSocket(raw, filter)
    try:
        sock.shake_hands(lambda: plan.seconds_left(monotonic()))
    except BaseException as error:
        sock.close()
        if isinstance(error, TimeoutError) and error.errno is None:
            reason = f"the {filter.name} handshake is not over"
            raise plan.timed_out(reason) from None
        raise
    return sock
