"""What a peer says first: whether it is QMP, and how errors tell of it if it isn't."""

import msgspec

from qmpeer import limits
from qmpeer.errors import CommandError, NegotiationError, QMPError, RemoteProtocolError
from qmpeer.messages import Incoming, found_instead, look_of, shown, shown_text

_decoder = msgspec.json.Decoder(Incoming)


class FirstWords:
    """The first bytes of a peer, and what they look like.

    Args:
        peer: The server's address, for errors.

    Attributes:
        are_qmp: The peer has spoken QMP, so that its first bytes no longer matter.
    """

    __slots__ = ("_first", "_peer", "_turned_away", "are_qmp")

    def __init__(self, peer: str) -> None:
        self._first = b""
        self._peer = peer
        self.are_qmp: bool = False
        self._turned_away: CommandError | None = None

    def add(self, data: bytes) -> None:
        """Take in what comes next, as far as it matters."""
        self._first += data[: limits.FIRST_BYTES - len(self._first)]

    def settle(self) -> None:
        """Take in that the peer has spoken QMP."""
        self.are_qmp = True
        self._first = b""

    def turn_away(self, error: CommandError) -> None:
        """Take in the error that the peer has sent in place of a greeting."""
        self._turned_away = error

    def fault(self) -> RemoteProtocolError | None:
        """Return what is wrong with a peer that won't ever greet; None if it may."""
        if self._turned_away is not None:
            said = shown_text(str(self._turned_away))
            return RemoteProtocolError(f"{self._peer} sent an error in place of a greeting: {said}")
        if look_of(self._first, is_whole=False) is not None:
            return RemoteProtocolError(self._no_qmp())
        return None

    def explain(self, error: QMPError, received: bytes, is_first: bool) -> str:
        """Return what is wrong with what a peer has sent, with a piece of it.

        Args:
            error: What is wrong.
            received: What came last.
            is_first: Nothing of QMP has come before it.
        """
        if isinstance(error, NegotiationError):
            return str(error)
        if self.are_qmp or not is_first:
            found = f"found {shown(_unlike_qmp(received))} in place of QMP"
        else:
            found = self._no_qmp()
        return f"{found} ({shown_text(str(error))})"

    def late(self, timeout: float | None, is_greeted: bool) -> TimeoutError:
        """Return the error of a connection that isn't ready when its deadline has passed."""
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
        """Return what to add to an error where the peer has said something, but not yet QMP.

        Args:
            is_sure: Only where it never will be QMP.
        """
        if not self._first or (is_sure and look_of(self._first, is_whole=False) is None):
            return ""
        return f"; {self._no_qmp()}"

    def _no_qmp(self) -> str:
        if self._first.lstrip().startswith(b'{"QMP"'):
            return f"{self._peer} hasn't sent a whole greeting: found {shown(self._first)}"
        return f"{self._peer} doesn't speak QMP: {found_instead(self._first)}"


def _unlike_qmp(data: bytes) -> bytes:
    """Return the first line in bytes of a server that is no message, all of them if each is."""
    for line in filter(None, data.splitlines()):
        try:
            message = _decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return line
        if message == Incoming(id=message.id):
            return line
    return data
