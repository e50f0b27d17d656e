"""A blocking socket with filters between its wire and who reads and writes: TLS, WebSocket.

It is used by `recv`, `send` and `shutdown`, with MSG_DONTWAIT or without, from one thread that
receives and another that sends; what else a socket can do would pass the filters by. What a filter
has to say itself (handshakes, pongs) is sent in passing.
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
        self._control = 0  # what of it the filter has added by itself
        self._encoded = 0  # how much of what is to be sent stands in it
        self._early = b""
        self._inbox: deque[bytes] = deque()  # received, and not taken in yet
        self._is_torn = False
        self._broken: FilterError | None = None

    def shake_hands(self, plan: DialPlan) -> None:
        """Do the handshakes of the filters, within the time of the plan.

        Raises:
            OSError: If the peer isn't one to talk to; FilterError says why.
            TimeoutError: If the time is up.
        """
        filter, unsent = self._filter, self._filter.start()
        while True:
            now = monotonic()
            if plan.is_over(now):
                raise TimeoutError
            self.settimeout(plan.seconds_left(now))
            if filter.failure is not None:
                with suppress(OSError):  # what tells the peer why; it may have left
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
        """Receive bytes of the session, b"" at its end. There may be more of them than `size`.

        Raises:
            BlockingIOError: If nothing came in time, or with MSG_DONTWAIT at once.
            InterruptedError: If what came was for the filters: there may be more, and the time may
                be over by now.
            OSError: If the peer broke their rules; FilterError says which.
        """
        if self._early:
            found, self._early = self._early, b""
            return self._counted(found)
        if self._is_torn:
            self._broken = self._broken or FilterError("what had come was lost by an interruption")
        self._raise_failure()
        if self._filter.has_ended:
            return b""
        if self._unsent:
            with self._lock:
                self._flush_control()
        # An exception of a signal's handler strikes between calls: this one loses no bytes, and
        # those that follow are marked until what they have found is returned.
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
        if how != socket.SHUT_RD and not self._lock.locked():  # its holder never waits
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
        """Send what the filter says by itself, as far as that goes."""
        try:
            self._flush()
        except BlockingIOError:
            if self._control > limits.UNSENT_CONTROL:
                self._broken = FilterError("the peer leaves our answers unread, but asks on")
        except OSError:  # at its end: what came before that is still to be read
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
        sock.shake_hands(plan)
    except BaseException as error:
        sock.close()
        if isinstance(error, TimeoutError) and error.errno is None:
            raise plan.timed_out(f"the {filter.name} handshake is not over") from None
        if isinstance(error, StrangerError):
            error.filename = str(plan.address)
        raise
    return sock
