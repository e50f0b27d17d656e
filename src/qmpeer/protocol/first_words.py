"""The recognition of a peer that doesn't speak QMP, by the first bytes that it sends."""

import msgspec

from qmpeer import limits
from qmpeer.errors import CommandError, NegotiationError, QMPError, RemoteProtocolError
from qmpeer.messages import Incoming, found_instead, look_of, shown, shown_text

_decoder = msgspec.json.Decoder(Incoming)


class FirstWords:
    """The first bytes of a peer, and the errors that describe them.

    Args:
        peer: The server's address, for errors.

    Attributes:
        are_qmp: True once the peer has spoken QMP: its first bytes no longer matter.
    """

    __slots__ = ("_first", "_peer", "_turned_away", "are_qmp")

    def __init__(self, peer: str) -> None:
        self._first = b""
        self._peer = peer
        self.are_qmp: bool = False
        self._turned_away: CommandError | None = None

    def add(self, data: bytes) -> None:
        """Add received bytes, up to ``limits.FIRST_BYTES`` in all."""
        self._first += data[: limits.FIRST_BYTES - len(self._first)]

    def settle(self) -> None:
        """Note that the peer has spoken QMP."""
        self.are_qmp = True
        self._first = b""

    def turn_away(self, error: CommandError) -> None:
        """Note the error that the peer has sent instead of a greeting."""
        self._turned_away = error

    def fault(self) -> RemoteProtocolError | None:
        """Return an error if the peer will never greet; None if it still may."""
        if self._turned_away is not None:
            said = shown_text(str(self._turned_away))
            return RemoteProtocolError(f"{self._peer} sent an error in place of a greeting: {said}")
        if look_of(self._first, is_whole=False) is not None:
            return RemoteProtocolError(self._no_qmp())
        return None

    def explain(self, error: QMPError, received: bytes, is_first: bool) -> str:
        """Describe an error in what a peer has sent, with an excerpt.

        Args:
            error: The error.
            received: The bytes received last.
            is_first: True if nothing of QMP has come before them.
        """
        if isinstance(error, NegotiationError):
            return str(error)
        if self.are_qmp or not is_first:
            found = f"found {shown(_unlike_qmp(received))} in place of QMP"
        else:
            found = self._no_qmp()
        return f"{found} ({shown_text(str(error))})"

    def late(self, timeout: float | None, is_greeted: bool) -> TimeoutError:
        """Return the error for a connection that isn't ready at its deadline."""
        what, hint = "greeted", "another client may hold its monitor"
        if is_greeted:
            what = "answered qmp_capabilities"
        elif self._first:
            hint = self._no_qmp()
        else:
            hint += f", or {self._peer} is a guest agent, which never greets (negotiate=False)"
            if self._peer.startswith("tcp:"):
                hint += ", or expects TLS or WebSocket (tls:, ws://)"
        return TimeoutError(f"the server hasn't {what} in {timeout:.4g} s; {hint}")

    def hint(self, is_sure: bool) -> str:
        """Return a hint to append to an error, if the peer has sent something other than QMP.

        Args:
            is_sure: Give the hint only if the bytes can't become QMP.
        """
        if not self._first or (is_sure and look_of(self._first, is_whole=False) is None):
            return ""
        return f"; {self._no_qmp()}"

    def _no_qmp(self) -> str:
        if self._first.lstrip().startswith(b'{"QMP"'):
            return f"{self._peer} hasn't sent a whole greeting: found {shown(self._first)}"
        return f"{self._peer} doesn't speak QMP: {found_instead(self._first)}"


def _unlike_qmp(data: bytes) -> bytes:
    """Return the first line that isn't a message; all of the bytes if every line is one."""
    for line in filter(None, data.splitlines()):
        try:
            message = _decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return line
        if message == Incoming(id=message.id):
            return line
    return data
