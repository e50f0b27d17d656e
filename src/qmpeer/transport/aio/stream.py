"""The interfaces of a byte stream and of its handler."""

import asyncio
import errno
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from qmpeer.transport.descriptors import close_all
from qmpeer.transport.peer_identity import UNKNOWN, PeerIdentity


class StreamHandler(Protocol):
    """The receiver of a stream's calls: a monitor's or a client's connection.

    All calls come from the loop's thread. An exception ends the stream and is reported to the
    loop's exception handler.
    """

    def data_received(self, data: bytes, fds: Sequence[int]) -> None:
        """Handle received bytes, at most 64 KiB, and the descriptors that came with them.

        The descriptors are close-on-exec. They belong to the handler, which must close them.
        """

    def eof_received(self) -> None:
        """Handle the end of input; the stream can still be written to until close()."""

    def pause_writing(self) -> None:
        """Stop writing: more than limits.UNSENT_OUTPUT bytes are unsent. write() may call this."""

    def resume_writing(self) -> None:
        """Resume writing: at most limits.UNSENT_RESUME bytes are unsent now."""

    def connection_lost(self, error: OSError | None) -> None:
        """Handle the end of the stream. It is the last call, and never comes from write().

        Args:
            error: The reason; None after close() and abort().
        """


class Stream(ABC):
    """A connected stream of bytes, which belongs to one event loop's thread.

    After close(), abort() or an error, every method is a quiet no-op.
    """

    __slots__ = ()

    @abstractmethod
    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Send bytes without blocking, and queue those that the kernel doesn't take at once.

        Descriptors are sent with the first of these bytes. The caller still owns them and may close
        them as soon as this returns.

        Raises:
            ValueError: If there are descriptors but the stream isn't a unix socket, or there are no
                bytes, or there are more than limits.MESSAGE_FDS descriptors.
            OSError: If the kernel refuses the descriptors; then no byte is sent.
        """

    @abstractmethod
    def pause_reading(self) -> None:
        """Hold back data_received() and eof_received() until resume_reading().

        Like resume_reading() it is cheap and idempotent, so it can be called for every command.
        """

    @abstractmethod
    def resume_reading(self) -> None:
        """Resume the calls of data_received()."""

    def write_eof(self) -> None:  # noqa: B027 - most can't
        """End our direction once everything unsent is sent; the peer's direction stays open.

        The peer reads the end of input, and later calls of write() do nothing. If `can_write_eof`
        is False, this does nothing at all.
        """

    @property
    def can_write_eof(self) -> bool:
        """True if write_eof() works: on sockets, also with telnet.

        TLS and WebSocket end both directions at once. Standard output belongs to the process.
        """
        return False

    @abstractmethod
    def close(self) -> None:
        """Stop reading, send what is unsent, then close.

        After limits.CLOSE_TIMEOUT seconds it closes even if bytes are unsent.
        """

    @abstractmethod
    def abort(self) -> None:
        """Close now and drop what is unsent."""

    def reset(self) -> None:
        """Abort with an error for the peer: on TCP with a reset."""
        self.abort()

    def on_hangup(self, callback: Callable[[], None]) -> None:  # noqa: B027 - most can't tell
        """Call a function when the peer has closed both directions, instead of eof_received().

        It is called once. While reading is paused, the peer's last bytes may still be unread: after
        resume_reading() they are handed over, and then eof_received() is called.
        Only unix sockets distinguish this from a peer that closed one direction; other streams
        never call it.
        """

    @property
    def carries_fds(self) -> bool:
        """True if descriptors can be sent with bytes: on unix sockets."""
        return False

    def keep_fds_apart(self) -> None:  # noqa: B027 - most have none
        """Hand over the line that descriptors came with in a call of its own.

        Otherwise lines that were sent before it may be in the same call: Linux joins what waits to
        be read. It costs a second system call for each read, so it is done for the stream's
        first limits.READS_APART reads, and for as many after each one with descriptors.
        """

    @property
    @abstractmethod
    def unsent(self) -> int:
        """The number of bytes that write() accepted but the kernel hasn't taken yet."""

    @property
    @abstractmethod
    def peer(self) -> str:
        """The peer's name in logs."""

    @property
    def identity(self) -> PeerIdentity:
        """Who is at the other end. Read it when the stream starts: a closed one doesn't know."""
        return UNKNOWN

    @property
    def unix_socket(self) -> int | None:
        """The number of its unix socket in the kernel's lists; None if it has none."""
        return None

    @property
    def is_over(self) -> bool:
        """True if the stream is known to be closed, even before connection_lost() is called."""
        return False

    @property
    def own(self) -> str:
        """Our own address, in the form of `peer`, on TCP; otherwise "".

        A listener on all interfaces doesn't know to which address a client connected.
        """
        return ""


class StreamLayer(Stream):
    """A stream on another stream; it forwards all calls that a subclass doesn't override."""

    __slots__ = ("_raw",)

    def __init__(self, raw: Stream) -> None:
        self._raw = raw

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Send bytes without blocking, and queue those that the kernel doesn't take at once."""
        self._raw.write(data, fds)

    def pause_reading(self) -> None:
        """Hold back data_received() and eof_received() until resume_reading()."""
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        """Resume the calls of data_received()."""
        self._raw.resume_reading()

    def write_eof(self) -> None:
        """End our direction once everything unsent is sent, if the raw stream can."""
        self._raw.write_eof()

    @property
    def can_write_eof(self) -> bool:
        """True if the raw stream's write_eof() works."""
        return self._raw.can_write_eof

    def close(self) -> None:
        """Stop reading, send what is unsent, then close."""
        self._raw.close()

    def abort(self) -> None:
        """Close now and drop what is unsent."""
        self._raw.abort()

    def reset(self) -> None:
        """Abort with an error for the peer, if the raw stream can."""
        self._raw.reset()

    def on_hangup(self, callback: Callable[[], None]) -> None:
        """Call a function when the peer has closed both directions, if the raw stream can."""
        self._raw.on_hangup(callback)

    @property
    def carries_fds(self) -> bool:
        """True if the raw stream can send descriptors."""
        return self._raw.carries_fds

    def keep_fds_apart(self) -> None:
        """Hand over the line that descriptors came with in a call of its own."""
        self._raw.keep_fds_apart()

    @property
    def unsent(self) -> int:
        """The number of encoded bytes that the kernel hasn't taken yet."""
        return self._raw.unsent

    @property
    def peer(self) -> str:
        """The peer's name in logs."""
        return self._raw.peer

    @property
    def identity(self) -> PeerIdentity:
        """Who is at the other end of the raw stream."""
        return self._raw.identity

    @property
    def unix_socket(self) -> int | None:
        """The number of the other stream's unix socket."""
        return self._raw.unix_socket

    @property
    def is_over(self) -> bool:
        """True if the raw stream is known to be closed."""
        return self._raw.is_over

    @property
    def own(self) -> str:
        """Our own address, in the form of `peer`, or ""."""
        return self._raw.own


HandlerFactory = Callable[[Stream], StreamHandler]
"""Makes the handler of a new stream. It may write at once; nothing is read before it returns."""

LostCallback = Callable[[Stream], None]
"""A listener's callback, which is called after connection_lost()."""


class EndedStream(Stream):
    """A stream that has ended, for a handler that must not use its stream any longer."""

    __slots__ = ("_peer",)

    def __init__(self, peer: str) -> None:
        self._peer = peer

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Do nothing."""

    def pause_reading(self) -> None:
        """Do nothing."""

    def resume_reading(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""

    @property
    def unsent(self) -> int:
        """0."""
        return 0

    @property
    def peer(self) -> str:
        """The name of the peer that it had."""
        return self._peer

    @property
    def is_over(self) -> bool:
        """True."""
        return True


NO_FDS: Final[tuple[int, ...]] = ()


class _Nobody:
    """Placeholder before the handler is set and after it is removed."""

    __slots__ = ()

    def data_received(self, data: bytes, fds: Sequence[int]) -> None:
        close_all(fds)

    def eof_received(self) -> None:
        pass

    def pause_writing(self) -> None:
        pass

    def resume_writing(self) -> None:
        pass

    def connection_lost(self, error: OSError | None) -> None:
        pass


NOBODY: Final[StreamHandler] = _Nobody()


def left_unread(stream: Stream) -> TimeoutError:
    """Return the error of a stream whose peer doesn't read the last bytes while it closes."""
    text = f"{stream.peer} left {stream.unsent} bytes unread for too long while closing"
    return TimeoutError(text)


def handler_failure(error: Exception) -> OSError:
    """Return the error of a stream whose handler has raised an exception."""
    lost = ConnectionAbortedError(errno.ECONNABORTED, "the handler failed")
    lost.__cause__ = error
    return lost


def report_failure(loop: asyncio.AbstractEventLoop, stream: Stream, error: Exception) -> OSError:
    """Report a handler's exception to the loop, and return the error of its stream."""
    loop.call_exception_handler(
        {"message": f"the handler of {stream.peer} failed", "exception": error}
    )
    return handler_failure(error)
