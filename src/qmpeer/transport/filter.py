"""Filters: codecs between the bytes on the wire and the bytes of the session, without I/O.

A filter receives bytes from the wire (`receive`, `receive_eof`) and sends those of the session
(`send`, `close`). Its methods return bytes for either side and never wait. `receive` never raises:
it returns the valid bytes before the peer's mistake, and `failure` holds the mistake. So the result
doesn't depend on the chunks in which the bytes came. `Stacked` puts one filter upon another.
"""

import errno
from abc import ABC, abstractmethod

from qmpeer.messages.strangers import printable

Received = tuple[list[bytes], bytes]
"""Result of receive(): pieces for the session, no larger than the input, and bytes to send."""


class FilterError(ConnectionAbortedError):
    """A failure of a filter: the `OSError` that ends the stream.

    Attributes:
        reason: The finding in one line.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(errno.ECONNABORTED, reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.filename}: {self.reason}" if self.filename else self.reason


class StrangerError(FilterError):
    """The peer speaks another protocol than the filter.

    A client adds the peer's address to the error. A server resets the connection, since the peer
    wouldn't understand an answer.
    """


class CutOffError(FilterError):
    """The peer closed without close_notify or a close frame.

    Many clients do that. It does no harm to a session whose messages mark their own ends.
    """


class Filter(ABC):
    """A codec between the bytes on the wire and the bytes of the session.

    Attributes:
        is_open: True if send() may be called: after the handshake and before the goodbye.
        has_opened: True if it is or was open. One chunk may hold handshake, data and goodbye.
        has_ended: True if the peer has sent its goodbye; later bytes are ignored.
        failure: The reason why the stream can't go on, or None. Send the output of receive(), then
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
        """Its name in the log: "TLS", "telnet", "WebSocket"."""

    @property
    def peer_name(self) -> str | None:
        """The distinguished name that the peer has proved, or None."""
        return None

    @property
    def can_half_close(self) -> bool:
        """True if one end may stop sending while the other goes on."""
        return False

    @abstractmethod
    def start(self) -> bytes:
        """Return the bytes to send first. Call it once."""

    @abstractmethod
    def receive(self, data: bytes) -> Received:
        """Decode bytes from the wire."""

    def receive_eof(self) -> None:
        """Handle the end of the wire; if it is too early, set ``failure``."""
        if not self.has_ended and self.failure is None:
            if not self.has_opened:
                self._fail(f"the peer left during the {self.name} handshake")
            self._end()

    @abstractmethod
    def send(self, data: bytes) -> bytes:
        """Encode bytes of the session; return b"" if the filter isn't open."""

    def close(self) -> bytes:
        """Return the goodbye, and send nothing more."""
        self._shut()
        return b""

    def _open(self) -> None:
        self.is_open = self.has_opened = True

    def _shut(self) -> bool:
        """Stop sending; return True if the filter was open."""
        was_open, self.is_open = self.is_open, False
        return was_open

    def _end(self) -> None:
        self.has_ended = True

    def _fail(self, reason: str, kind: type[FilterError] = FilterError) -> None:
        if self.failure is None:
            self.failure = kind(printable(reason))
        self._shut()

    def _follow(self, lower: "Filter", upper: "Filter") -> None:
        # The upper filter gets bytes that the lower one has passed. So the upper one's mistake or
        # end of data came earlier than the lower one's failure.
        earlier = self.failure or upper.failure
        self.failure = earlier or (None if upper.has_ended else lower.failure)
        self.is_open = lower.is_open and upper.is_open and self.failure is None
        self.has_opened = lower.has_opened and upper.has_opened
        self.has_ended = lower.has_ended or upper.has_ended


class Stacked(Filter):
    """Two filters as one; the lower one is next to the wire."""

    __slots__ = ("_lower", "_upper")

    def __init__(self, lower: Filter, upper: Filter) -> None:
        super().__init__()
        self._lower = lower
        self._upper = upper

    @property
    def name(self) -> str:
        """The name of the filter whose handshake comes next."""
        return self._upper.name if self._lower.has_opened else self._lower.name

    @property
    def peer_name(self) -> str | None:
        """The distinguished name that the peer has proved to either filter, or None."""
        return self._lower.peer_name or self._upper.peer_name

    @property
    def can_half_close(self) -> bool:
        """True if both filters can."""
        return self._lower.can_half_close and self._upper.can_half_close

    def start(self) -> bytes:
        """Start the lower filter, and the upper one as soon as the lower one is open."""
        output = self._lower.start()
        if self._lower.has_opened:
            output += self._lower.send(self._upper.start())
        self._follow(self._lower, self._upper)
        return output

    def receive(self, data: bytes) -> Received:
        """Decode bytes with both filters."""
        if self.failure is not None or self.has_ended:
            return [], b""
        lower, upper = self._lower, self._upper
        had_opened = lower.has_opened
        pieces, output = lower.receive(data)
        # The upper handshake begins as soon as the lower one is done.
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
        """Notify both filters, the lower one first."""
        if self.failure is not None or self.has_ended:
            return
        self._lower.receive_eof()
        if self._lower.failure is None:
            self._upper.receive_eof()
        self._follow(self._lower, self._upper)

    def send(self, data: bytes) -> bytes:
        """Encode bytes with both filters."""
        encoded = self._upper.send(data)
        return self._lower.send(encoded) if encoded else b""

    def close(self) -> bytes:
        """Return the goodbyes of both filters."""
        goodbye = self._upper.close()
        output = self._lower.send(goodbye) if goodbye and self._lower.is_open else b""
        self._shut()
        return output + self._lower.close()
