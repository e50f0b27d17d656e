"""A blocking socket with filters between its wire and its user: TLS, WebSocket.

Only `recv`, `send` and `shutdown` work, with or without MSG_DONTWAIT, from one thread that receives
and another that sends. Other methods of a socket would bypass the filters. These calls also send a
filter's own output (handshakes, pongs).
"""

import errno
import os
import socket
import threading
from collections import deque
from contextlib import suppress
from time import monotonic
from typing import Any, NoReturn

from qmpeer import limits
from qmpeer.transport.dialling import DialPlan
from qmpeer.transport.filter import Filter, FilterError, StrangerError

_SEND_FLAGS = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL


class FilteredSocket(socket.socket):
    """A connected socket whose bytes go through a filter.

    Args:
        raw: The socket below; it is taken over.
        filter: The filter.

    Attributes:
        most: The number of bytes of the session that may still be received; None for any number.
    """

    def __init__(self, raw: socket.socket, filter: Filter) -> None:
        super().__init__(raw.family, raw.type, raw.proto, fileno=raw.detach())
        self.most: int | None = None
        self._filter = filter
        self._lock = threading.Lock()  # guards the filter, and the order of its output
        self._unsent = bytearray()
        self._control = 0  # bytes in _unsent that are the filter's own
        self._encoded = 0  # bytes of the session that are encoded in _unsent
        self._early = b""  # session bytes that came with the handshake
        self._inbox: deque[bytes] = deque()  # received, but not decoded yet
        self._is_torn = False
        self._broken: FilterError | None = None

    def shake_hands(self, plan: DialPlan) -> None:
        """Do the handshakes of the filters, within the time of the plan.

        Raises:
            OSError: If the handshake fails; a FilterError names the reason.
            TimeoutError: If the time is over.
        """
        filter, unsent = self._filter, self._filter.start()
        while True:
            now = monotonic()
            if plan.is_over(now):
                raise TimeoutError
            self.settimeout(plan.seconds_left(now))
            if filter.failure is not None:
                with suppress(OSError):  # the reason, for a peer that may have left
                    super().sendall(unsent, socket.MSG_NOSIGNAL)
                raise filter.failure
            if unsent:
                super().sendall(unsent, socket.MSG_NOSIGNAL)
                unsent = b""
            if filter.has_opened:
                break
            if data := super().recv(limits.READ_SIZE):
                pieces, unsent = filter.receive(data)
                self._early += b"".join(pieces)
            else:
                filter.receive_eof()
        self.setblocking(True)

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Receive bytes of the session, b"" at its end. It may return more than `size` bytes.

        Raises:
            BlockingIOError: If nothing came in time, or with MSG_DONTWAIT at once.
            InterruptedError: If the received bytes were for the filters only. More may come, and
                the caller's time may be over.
            OSError: If the peer broke a filter's rules; a FilterError names the mistake.
        """
        if self._early:
            found, self._early = self._early, b""
            return self._counted(found)
        if self._is_torn:
            self._broken = self._broken or FilterError("an interruption lost received bytes")
        self._raise_failure()
        if self._filter.has_ended:
            return b""
        if self._unsent:
            with self._lock:
                self._flush_control()
        # A signal handler may raise between any two calls. This line loses no bytes: map() appends
        # them within one call. The lines below set _is_torn until their result is returned.
        if not self._inbox:
            self._inbox.extend(map(super().recv, (size,), (flags,)))
        self._is_torn = True
        with self._lock:
            found = self._take_in(self._inbox.popleft())
        if found:
            found = self._counted(found)
            self._is_torn = False
            return found
        self._is_torn = False
        self._raise_failure()
        if self._filter.has_ended:
            return b""
        raise InterruptedError(errno.EINTR, os.strerror(errno.EINTR))

    def send(self, data: bytes | memoryview, flags: int = 0, /) -> int:  # type: ignore[override]
        """Send some of the session's bytes without waiting, and return their number.

        Raises:
            BlockingIOError: If the wire is full: wait until it has room, then send the same bytes.
            OSError: If the connection has ended.
        """
        with self._lock:
            # Encoded bytes can't be taken back. After a BlockingIOError they are still in _unsent,
            # so the same bytes aren't encoded again.
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
        """Send the goodbye, if the wire has room for it now, and end the connection."""
        # Amid another thread's output there is no place for a goodbye. Otherwise the lock is free.
        if how != socket.SHUT_RD and not self._lock.locked():
            try:
                with self._lock:
                    if not self._encoded:
                        self._unsent += self._filter.close()
                        self._flush()
            except OSError:
                pass
        super().shutdown(how)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError("only recv(), send() and shutdown() go through the filters")

    dup: Any = _refuse
    makefile: Any = _refuse
    recv_into: Any = _refuse
    recvfrom: Any = _refuse
    recvfrom_into: Any = _refuse
    recvmsg: Any = _refuse
    recvmsg_into: Any = _refuse
    sendall: Any = _refuse
    sendfile: Any = _refuse
    sendmsg: Any = _refuse
    sendto: Any = _refuse

    def _take_in(self, data: bytes) -> bytes:
        if not data:
            self._filter.receive_eof()
            return b""
        pieces, output = self._filter.receive(data)
        if output:
            self._unsent += output
            self._control += len(output)
            self._flush_control()
        return b"".join(pieces)

    def _flush_control(self) -> None:
        """Send the filter's own output, as far as the wire has room."""
        try:
            self._flush()
        except BlockingIOError:
            if self._control > limits.UNSENT_CONTROL:
                self._broken = FilterError("the peer keeps asking, but doesn't read our answers")
        except OSError:  # the connection has ended; earlier input is still to be read
            self._unsent.clear()

    def _flush(self) -> None:
        while self._unsent:
            sent = super().send(self._unsent, _SEND_FLAGS)
            del self._unsent[:sent]
        self._control = 0

    def _raise_failure(self) -> None:
        failure = self._filter.failure or self._broken
        if failure is not None:
            raise failure

    def _counted(self, data: bytes) -> bytes:
        if self.most is not None:
            self.most -= len(data)
            if self.most < 0:
                raise OSError("received more bytes than allowed in total")
        return data


def open_filtered(raw: socket.socket, filter: Filter, plan: DialPlan) -> FilteredSocket:
    """Put filters on a connected socket, and close it if their handshakes fail.

    Raises:
        OSError: If a handshake fails.
        TimeoutError: If the plan's time is over.
    """
    sock = FilteredSocket(raw, filter)
    try:
        sock.shake_hands(plan)
    except BaseException as error:
        sock.close()
        if isinstance(error, TimeoutError) and error.errno is None:
            raise plan.timed_out(f"the {filter.name} handshake is not over") from None
        if isinstance(error, StrangerError):
            error.filename = str(plan.address)
        raise
    return sock
