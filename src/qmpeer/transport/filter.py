"""A filter: what stands between the bytes of a wire and the bytes that a session sees, without I/O.

A filter is told what comes from below (`receive`, `receive_eof`) and what is to be sent from above
(`send`, `close`), and gives bytes for either side; nobody waits in it. `receive` never raises: what
the peer did wrong stands in `failure`, behind everything that was right before it, so that nothing
depends on how the bytes were cut into chunks. `Stacked` puts one filter upon another.
"""

import errno
from abc import ABC, abstractmethod

from qmpeer.messages.strangers import printable

Received = tuple[list[bytes], bytes]
"""What receive() gives: pieces for above, at most as large as what came, and bytes to send."""


class FilterError(ConnectionAbortedError):
    """Why a filter can't go on: the `OSError` that ends the stream.

    Attributes:
        reason: What was found, in one line.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(errno.ECONNABORTED, reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.filename}: {self.reason}" if self.filename else self.reason


class StrangerError(FilterError):
    """The peer speaks something else than the filter.

    Who dialled it names its address. Who was dialled resets the connection, as no answer would be
    understood.
    """


class CutOffError(FilterError):
    """The peer closed without close_notify or a close frame.

    Many clients leave like that, and it does no harm to a session whose messages have ends.
    """


class Filter(ABC):
    """What turns the bytes of a wire into those of a session, and back.

    Attributes:
        is_open: Whether send() may be called: the handshake is over, and no goodbye was said.
        has_opened: Whether it is open, or was: one chunk may hold all from handshake to goodbye.
        has_ended: Whether the peer said that it sends no more; what comes after is ignored.
        failure: Why the stream can't go on, None while it can; send what receive() gave, then
            close.
    """

    __slots__ = ("failure", "has_ended", "has_opened", "is_open")

    def __init__(self) -> None:
        self.is_open: bool = False
        self.has_opened: bool = False
        self.has_ended: bool = False
        self.failure: FilterError | None = None

    @property
    @abstractmethod
    def name(self) -> str:
        """What it is called in a log line: "TLS", "telnet", "WebSocket"."""

    @property
    def peer_name(self) -> str | None:
        """Whom the peer has proved to be, as a distinguished name; None if it hasn't."""
        return None

    @abstractmethod
    def start(self) -> bytes:
        """Give what is sent before anything has come. Call it once."""

    @abstractmethod
    def receive(self, data: bytes) -> Received:
        """Take bytes from the wire."""

    def receive_eof(self) -> None:
        """Learn that the wire ends; whether that is early shows in failure."""
        if not self.has_ended and self.failure is None:
            if not self.has_opened:
                self._fail(f"the peer left during the {self.name} handshake")
            self._end()

    @abstractmethod
    def send(self, data: bytes) -> bytes:
        """Encode bytes of the session; b"" once nothing can be sent any more."""

    def close(self) -> bytes:
        """Give the goodbye, and send nothing more."""
        self._shut()
        return b""

    def _open(self) -> None:
        self.is_open = self.has_opened = True

    def _shut(self) -> bool:
        """Send no more; say whether that is new."""
        was_open, self.is_open = self.is_open, False
        return was_open

    def _end(self) -> None:
        self.has_ended = True

    def _fail(self, reason: str, kind: type[FilterError] = FilterError) -> None:
        if self.failure is None:
            self.failure = kind(printable(reason))
        self._shut()

    def _follow(self, lower: "Filter", upper: "Filter") -> None:
        # What the upper one found, be it wrong or the end, came before what the lower one did.
        earlier = self.failure or upper.failure
        self.failure = earlier or (None if upper.has_ended else lower.failure)
        self.is_open = lower.is_open and upper.is_open and self.failure is None
        self.has_opened = lower.has_opened and upper.has_opened
        self.has_ended = lower.has_ended or upper.has_ended


class Stacked(Filter):
    """Two filters as one: the lower is next to the wire."""

    __slots__ = ("_lower", "_upper")

    def __init__(self, lower: Filter, upper: Filter) -> None:
        super().__init__()
        self._lower = lower
        self._upper = upper

    @property
    def name(self) -> str:
        """The name of the filter whose turn it is."""
        return self._upper.name if self._lower.has_opened else self._lower.name

    @property
    def peer_name(self) -> str | None:
        """Whom the peer has proved to be to either."""
        return self._lower.peer_name or self._upper.peer_name

    def start(self) -> bytes:
        """Start the lower one, and the upper one as soon as the lower is open."""
        output = self._lower.start()
        if self._lower.has_opened:
            output += self._lower.send(self._upper.start())
        self._follow(self._lower, self._upper)
        return output

    def receive(self, data: bytes) -> Received:
        """Pass bytes up through both."""
        if self.failure is not None or self.has_ended:
            return [], b""
        lower, upper = self._lower, self._upper
        had_opened = lower.has_opened
        pieces, output = lower.receive(data)
        if lower.has_opened and not had_opened:
            output += lower.send(upper.start())
        found: list[bytes] = []
        for piece in pieces:
            more, reply = upper.receive(piece)
            found += more
            if reply:
                output += lower.send(reply)
        if lower.has_ended:
            upper.receive_eof()
        self._follow(lower, upper)
        return found, output

    def receive_eof(self) -> None:
        """Let both know, from below."""
        if self.failure is not None or self.has_ended:
            return
        self._lower.receive_eof()
        if self._lower.failure is None:
            self._upper.receive_eof()
        self._follow(self._lower, self._upper)

    def send(self, data: bytes) -> bytes:
        """Pass bytes down through both."""
        encoded = self._upper.send(data)
        return self._lower.send(encoded) if encoded else b""

    def close(self) -> bytes:
        """Say both goodbyes."""
        goodbye = self._upper.close()
        output = self._lower.send(goodbye) if goodbye and self._lower.is_open else b""
        self._shut()
        return output + self._lower.close()
