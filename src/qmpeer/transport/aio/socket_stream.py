"""A stream on a connected socket that also transports descriptors: the hot path of unix sockets.

asyncio's and uvloop's transports lose the descriptors that come with the bytes.
"""

import asyncio
import os
import socket
from array import array
from collections.abc import Callable, Sequence
from typing import Final

from qmpeer import limits
from qmpeer.transport.aio.descriptor_stream import DescriptorStream
from qmpeer.transport.aio.hangups import is_hung_up, unwatch_hangup, watch_hangup
from qmpeer.transport.aio.stream import NO_FDS, LostCallback, StreamHandler
from qmpeer.transport.descriptors import check_fds, close_all
from qmpeer.transport.forking import own_socket
from qmpeer.transport.peer_identity import PeerIdentity, peer_identity

_INT_SIZE: Final = array("i").itemsize
_ANCILLARY_SIZE: Final = socket.CMSG_SPACE(limits.MESSAGE_FDS * _INT_SIZE)
_NOSIGNAL: Final = socket.MSG_NOSIGNAL  # a program may have restored SIGPIPE's default action
_READ_SIZE: Final = limits.READ_SIZE
_CLOEXEC: Final = socket.MSG_CMSG_CLOEXEC
_PEEK: Final = socket.MSG_CMSG_CLOEXEC | socket.MSG_PEEK


class SocketStream(DescriptorStream):
    """A stream on a socket. It reads with recvmsg(), to lose no descriptor.

    uvloop reports a hang-up once, even with unread bytes, then stops watching. If received bytes
    cause a reply, the failing write shows the hang-up. If they don't, this class checks for one
    itself, soon after. asyncio's own loops report a hang-up repeatedly.
    """

    __slots__ = (
        "_hangup_callback",
        "_is_hangup_watched",
        "_is_look_due",
        "_keeps_fds_apart",
        "_reads_apart",
        "_needs_no_look",
        "_sock",
        "_repeats_hangups",
    )

    def __init__(
        self, sock: socket.socket, peer: str, lost_callback: LostCallback | None = None
    ) -> None:
        own_socket(sock)
        sock.setblocking(False)
        fd = sock.fileno()
        super().__init__(fd, fd, peer, lost_callback)
        self._sock = sock
        self._hangup_callback: Callable[[], None] | None = None
        self._repeats_hangups = isinstance(self._loop, asyncio.SelectorEventLoop)
        self._needs_no_look = self._repeats_hangups  # the loop or a write will show a hang-up
        self._is_look_due = False
        self._keeps_fds_apart = False
        self._reads_apart = 0
        self._is_hangup_watched = False

    def on_hangup(self, callback: Callable[[], None]) -> None:
        """Call a function when the peer has closed both directions; see `Stream.on_hangup`."""
        self._hangup_callback = callback

    @property
    def can_write_eof(self) -> bool:
        """True."""
        return True

    @property
    def carries_fds(self) -> bool:
        """True for a unix socket."""
        return self._sock.family == socket.AF_UNIX

    @property
    def identity(self) -> PeerIdentity:
        """Who is at the other end."""
        return peer_identity(self._sock)

    @property
    def unix_socket(self) -> int | None:
        """The number of the socket, if it is a unix socket and open."""
        if self._sock.family != socket.AF_UNIX or self._sock.fileno() < 0:
            return None
        return os.fstat(self._sock.fileno()).st_ino

    def keep_fds_apart(self) -> None:
        """Hand over the line that descriptors came with in a call of its own."""
        if self.carries_fds:
            self._keeps_fds_apart = True
            self._reads_apart = limits.READS_APART

    def start(self, handler: StreamHandler) -> None:
        """Begin to read, and to call the handler."""
        super().start(handler)
        if not self._has_reader:  # paused before the start
            self._watch_hangup()

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Send bytes without blocking, and queue those that the kernel doesn't take at once."""
        self._needs_no_look = True
        if fds or self._queue is not None or not self._can_write:
            super().write(data, fds)
            return
        try:
            sent = self._sock.send(data, _NOSIGNAL)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._fail_writing(error)
            return
        if sent != len(data):
            self._enqueue(data, sent, NO_FDS)

    def _readable(self) -> bool:
        if self._is_paused:
            self._unwatch_reading()
            return False
        try:
            if self._reads_apart:
                self._reads_apart -= 1
                data, ancillary, flags = self._receive_apart()
            else:
                data, ancillary, flags, _ = self._sock.recvmsg(
                    _READ_SIZE, _ANCILLARY_SIZE, _CLOEXEC
                )
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            self._finish(error)
            return False
        if not data and self._hangup_callback is not None and is_hung_up(self._read_fd):
            callback, self._hangup_callback = self._hangup_callback, None
            self._stop_reading()
            callback()
            return False
        self._needs_no_look = self._repeats_hangups
        if not ancillary and data:
            try:
                self._handler.data_received(data, NO_FDS)
            except Exception as error:
                self._fail_handler(error)
            if not self._needs_no_look:
                self._look_for_peer()
            return True
        fds = _received_fds(ancillary)
        if self._keeps_fds_apart:
            self._reads_apart = limits.READS_APART
        if flags & socket.MSG_CTRUNC or not data:
            # Some descriptors are lost, and it is unknown which: pass on none of them.
            close_all(fds)
            fds = NO_FDS
        has_more = self._hand_over(data, fds)
        if not self._needs_no_look:
            self._look_for_peer()
        return has_more

    def _receive_apart(self) -> tuple[bytes, list[tuple[int, int, bytes]], int]:
        """Receive bytes; but only one line if there are descriptors among all that can be read.

        Spec: Linux ends a read behind bytes with descriptors, but not before them. A look ahead
        shows descriptors that are further behind than the bytes that it shows.
        """
        sock = self._sock
        data, ancillary, flags, _ = sock.recvmsg(_READ_SIZE, _ANCILLARY_SIZE, _PEEK)
        if not ancillary and not flags & socket.MSG_CTRUNC:
            return (sock.recv(len(data)) if data else data), [], 0
        close_all(_received_fds(ancillary))
        line = data.find(b"\n") + 1 or len(data)
        data, ancillary, flags, _ = sock.recvmsg(line, _ANCILLARY_SIZE, _CLOEXEC)
        return data, ancillary, flags

    def _look_for_peer(self) -> None:
        """Schedule a check for a hang-up, since uvloop may not report it again.

        Not at once: a system call for each read would cost more than the rest of it.
        """
        if not self._is_look_due:
            self._is_look_due = True
            self._loop.call_later(limits.HANGUP_CHECK, self._look)

    def _look(self) -> None:
        self._is_look_due = False
        if self._has_reader and is_hung_up(self._read_fd):
            self._read_on()

    def _read_on(self) -> None:
        """Read what the peer has left, and then the end; slice by slice, as others wait."""
        if self._has_reader:
            self._readable()
            self._loop.call_soon(self._read_on)

    def _transmit(self, pieces: Sequence[bytes | memoryview], fds: Sequence[int]) -> int:
        if not fds:
            return self._sock.sendmsg(pieces, (), _NOSIGNAL)
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", fds))
        return self._sock.sendmsg(pieces, (rights,), _NOSIGNAL)

    def _watch_reading(self) -> None:
        self._unwatch_hangup()
        super()._watch_reading()

    def _unwatch_reading(self) -> None:
        if self._has_reader:
            self._watch_hangup()
        super()._unwatch_reading()

    def _watch_hangup(self) -> None:
        if self._hangup_callback is not None and not self._is_closed:
            watch_hangup(self._loop, self._read_fd, self._hung_up)
            self._is_hangup_watched = True

    def _hung_up(self) -> None:
        self._is_hangup_watched = False
        callback, self._hangup_callback = self._hangup_callback, None
        if callback is not None:
            callback()

    def _fail_writing(self, error: OSError) -> None:
        if self._is_paused and self._hangup_callback is not None and is_hung_up(self._read_fd):
            # The callback will be called, and decides about the bytes that are still unread.
            self._can_write = False
            self._drop_queue()
        else:
            super()._fail_writing(error)

    def _end_output(self) -> None:
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the peer is gone, which reading will show

    def _unwatch_hangup(self) -> None:
        if self._is_hangup_watched:
            self._is_hangup_watched = False
            unwatch_hangup(self._loop, self._read_fd)

    def _release(self) -> None:
        self._unwatch_hangup()
        self._hangup_callback = None  # a scheduled look must not keep the handler alive
        self._sock.close()

    def _check_fds(self, data: bytes, fds: Sequence[int]) -> None:
        check_fds(fds, self._sock, self._peer)
        if not data:
            raise ValueError("found descriptors without data, expected at least one byte")


def _received_fds(ancillary: list[tuple[int, int, bytes]]) -> Sequence[int]:
    fds = array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: len(data) - len(data) % _INT_SIZE])
    return fds.tolist()
