"""One client of a monitor: the thin shell between a byte stream and its session."""

import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qmpeer import limits
from qmpeer.protocol import ServerSession
from qmpeer.transport.aio import Stream

if TYPE_CHECKING:
    from qmpeer.monitor.monitor import Monitor

__all__ = ["Connection"]

log = logging.getLogger("qmpeer.monitor")


class Connection:
    """Pass bytes, descriptors and flow control between a stream and a session.

    It is the `StreamHandler` of its stream and the `Context` of its client's commands.
    """

    __slots__ = (
        "_fds",
        "_is_reading_paused",
        "is_dirty",
        "is_pretty",
        "monitor",
        "session",
        "stream",
    )

    def __init__(self, monitor: "Monitor", stream: Stream, is_pretty: bool) -> None:
        self.monitor = monitor
        self.stream = stream
        self.is_pretty = is_pretty
        self.is_dirty = False
        self._fds: list[int] = []
        self._is_reading_paused = False
        self.session = ServerSession(monitor.version, is_pretty=is_pretty, owner=self)
        stream.tell_hangup(stream.abort)  # nobody is there to be answered

    # Context

    @property
    def peer(self) -> str:
        """The client, for logs."""
        return self.stream.peer

    def take_fds(self) -> list[int]:
        """Return the last set of descriptors that this client sent; they are the caller's now."""
        fds, self._fds = self._fds, []
        return fds

    # StreamHandler

    def data_received(self, data: bytes, fds: Sequence[int]) -> None:
        """Take in bytes and execute what they ask for."""
        if fds:
            self._drop_fds()
            self._fds = list(fds)
            for fd in self._fds[limits.RECEIVED_FDS :]:
                os.close(fd)
            del self._fds[limits.RECEIVED_FDS :]
        self.session.receive_data(data)
        self.monitor.pump(self)

    def eof_received(self) -> None:
        """Answer what was asked for, then close."""
        self.session.receive_eof()
        self.monitor.pump(self)

    def pause_writing(self) -> None:
        """Take no further command."""
        self.session.pause_output()

    def resume_writing(self) -> None:
        """Take commands again."""
        self.session.resume_output()
        self.monitor.pump(self)

    def connection_lost(self, error: OSError | None) -> None:
        """Forget the client."""
        self.session.close()
        self._drop_fds()
        self.monitor.forget(self, error)

    # Output

    def flush(self) -> bool:
        """Send what the session has to send; tell whether it was anything."""
        session = self.session
        data = session.data_to_send()
        if session.failure is not None:
            log.warning("%s: disconnected: %s", self.peer, session.failure)
            self.stream.abort()
            return False
        if data:
            self.stream.write(data)
        return bool(data)

    def settle(self) -> None:
        """After a round of work: read on or not, and close if all is done."""
        session = self.session
        if session.wants_data:
            if self._is_reading_paused:
                self._is_reading_paused = False
                self.stream.resume_reading()
            if session.is_finished:
                self.stream.close()
        elif not self._is_reading_paused:
            self._is_reading_paused = True
            self.stream.pause_reading()

    def _drop_fds(self) -> None:
        for fd in self.take_fds():
            os.close(fd)
