"""What a byte stream offers to the session's shell, and what it calls there."""

import asyncio
import errno
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from qmpeer.transport.descriptors import close_all


class StreamHandler(Protocol):
    """What a stream calls: a monitor's or a client's connection.

    All calls come from the loop's thread. An exception ends the stream and is reported to the
    loop's exception handler.
    """

    def data_received(self, data: bytes, fds: Sequence[int]) -> None:
        """Take bytes, at most 64 KiB, and the descriptors that came with them.

        The descriptors are close-on-exec and belong to the handler, which has to close them.
        """

    def eof_received(self) -> None:
        """Learn that the peer sends no more; the stream can be written to until close()."""

    def pause_writing(self) -> None:
        """Learn that more than limits.UNSENT_OUTPUT bytes are unsent. Called from write(), too."""

    def resume_writing(self) -> None:
        """Learn that no more than limits.UNSENT_RESUME bytes are unsent now."""

    def connection_lost(self, error: OSError | None) -> None:
        """Learn that the stream is closed; nothing is called after it, and never from write().

        Args:
            error: What ended it; None after close() and abort().
        """


class Stream(ABC):
    """A connected stream of bytes, which belongs to one event loop's thread.

    After close(), abort() or an error, every method is a quiet no-op.
    """

    __slots__ = ()

    @abstractmethod
    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Send bytes, at once if the kernel takes them, and keep the rest; never block.

        Descriptors travel with the first of these very bytes. The caller keeps them and may close
        them as soon as this returns.

        Raises:
            ValueError: If descriptors are given and the stream is no unix socket, or there are
                no bytes for them to go with, or more than limits.MESSAGE_FDS of them.
            OSError: If the kernel refuses the descriptors; none of the bytes is sent then.
        """

    @abstractmethod
    def pause_reading(self) -> None:
        """Hold back data_received() and eof_received() until resume_reading().

        Cheap and idempotent, as resume_reading() is: meant to be called at every command.
        """

    @abstractmethod
    def resume_reading(self) -> None:
        """Let data_received() be called again."""

    @abstractmethod
    def close(self) -> None:
        """Stop reading, send what is unsent, then close.

        After limits.CLOSE_TIMEOUT seconds it closes all the same.
        """

    @abstractmethod
    def abort(self) -> None:
        """Close now and drop what is unsent."""

    def reset(self) -> None:
        """Abort, and have the peer know of it: on TCP by a reset."""
        self.abort()

    def tell_hangup(self, callback: Callable[[], None]) -> None:  # noqa: B027 - most can't tell
        """Have a function called when the peer is gone for good, instead of eof_received().

        It is called once, even while reading is paused; what the peer sent last may be unread then.
        Only unix sockets can tell that from a peer that merely sends no more; on others nothing
        happens.
        """

    @property
    @abstractmethod
    def unsent(self) -> int:
        """Bytes that write() accepted and the kernel hasn't yet."""

    @property
    @abstractmethod
    def peer(self) -> str:
        """Who is at the other end, for logs."""

    @property
    def is_over(self) -> bool:
        """Whether it is known to be closed, though connection_lost() may be still to come."""
        return False

    @property
    def own(self) -> str:
        """Our end, written as `peer` is, where that is more than a listener knows; else "".

        A listener on all addresses doesn't know to which of them a client came.
        """
        return ""


class StreamLayer(Stream):
    """A stream on another one, to which it leaves what it doesn't do itself."""

    __slots__ = ("_raw",)

    def __init__(self, raw: Stream) -> None:
        self._raw = raw

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Send bytes, at once if the kernel takes them, and keep the rest; never block."""
        self._raw.write(data, fds)

    def pause_reading(self) -> None:
        """Hold back data_received() and eof_received() until resume_reading()."""
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        """Let data_received() be called again."""
        self._raw.resume_reading()

    def close(self) -> None:
        """Stop reading, send what is unsent, then close."""
        self._raw.close()

    def abort(self) -> None:
        """Close now and drop what is unsent."""
        self._raw.abort()

    def tell_hangup(self, callback: Callable[[], None]) -> None:
        """Have a function called when the peer is gone for good, where the raw stream can tell."""
        self._raw.tell_hangup(callback)

    @property
    def unsent(self) -> int:
        """Bytes that write() accepted, as they are on the wire, and the kernel hasn't yet."""
        return self._raw.unsent

    @property
    def peer(self) -> str:
        """Who is at the other end, for logs."""
        return self._raw.peer

    @property
    def is_over(self) -> bool:
        """Whether it is known to be closed."""
        return self._raw.is_over

    @property
    def own(self) -> str:
        """Our end, written as `peer` is."""
        return self._raw.own


HandlerFactory = Callable[[Stream], StreamHandler]
"""Makes the handler of a new stream. It may already write; nothing is read before it returns."""

LostCallback = Callable[[Stream], None]
"""What a listener wants to be told after connection_lost()."""

NO_FDS: Final[tuple[int, ...]] = ()


class _Nobody:
    """Stands where the handler is not yet, or not any more."""

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
    """Return what ends a stream whose peer takes no more while it closes."""
    text = f"{stream.peer} left {stream.unsent} bytes unread for too long while closing"
    return TimeoutError(text)


def handler_failure(error: Exception) -> OSError:
    """Return what ends a stream whose handler has raised something."""
    lost = ConnectionAbortedError(errno.ECONNABORTED, "the handler failed")
    lost.__cause__ = error
    return lost


def report_failure(loop: asyncio.AbstractEventLoop, stream: Stream, error: Exception) -> OSError:
    """Tell the loop what a handler has raised, and return what ends its stream."""
    loop.call_exception_handler(
        {"message": f"the handler of {stream.peer} failed", "exception": error}
    )
    return handler_failure(error)
