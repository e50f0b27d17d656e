"""TLS as a filter, in memory.

A record is decoded as a whole as soon as it is complete. [QEMU reads one byte of it and then waits
for the socket, so QMP over TLS stalls there.] The goodbye is a close_notify. A wire that ends
without one is a failure: an attacker may have cut it.
"""

import re
import ssl
from collections.abc import Callable
from typing import Final

from qmpeer import limits
from qmpeer.messages import found_instead
from qmpeer.transport.filter import (
    CutOffError,
    Filter,
    FilterError,
    Received,
    StrangerError,
)
from qmpeer.transport.filters.distinguished_name import subject_name

Authorize = Callable[[str], bool]
"""Returns True if a peer with this distinguished name may connect."""

_NOT_TLS: Final = "found something else than TLS, or a version too old"
_HTTP: Final = "found HTTP, expected TLS"
_REASONS: Final = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the peer has sent no certificate",
    "HTTP_REQUEST": _HTTP,
    "HTTPS_PROXY_REQUEST": _HTTP,
    "WRONG_VERSION_NUMBER": _NOT_TLS,
    "UNSUPPORTED_PROTOCOL": "the peer has no version of TLS that is new enough",
    "NO_SHARED_CIPHER": "the peer has no cipher that we have",
    "UNEXPECTED_EOF_WHILE_READING": "the peer left during the TLS handshake",
}
_ALERT: Final = re.compile(r"(?:TLSV1|TLSV13|SSLV3)_ALERT_(\w+)")


class TLSFilter(Filter):
    """The TLS filter of a client or a server.

    Args:
        context: The certificates, the versions, and the checks of the peer's certificate.
        server_side: True for a server.
        server_hostname: The server's name or address, which its certificate must hold, for a
            client whose context checks it.
        record: The largest number of session bytes in a sent record.
        needs_goodbye: True if a wire that ends without a close_notify is a failure. It isn't needed
            if the messages themselves show that they are complete.
        authorize: Called after the handshake with the name in the peer's certificate, as
            `subject_name()` returns it. A peer without a name isn't authorised.
    """

    __slots__ = (
        "_authorize",
        "_incoming",
        "_needs_goodbye",
        "_object",
        "_outgoing",
        "_peer_name",
        "_record",
    )

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        server_hostname: str | None = None,
        record: int = limits.TLS_RECORD,
        needs_goodbye: bool = True,
        authorize: Authorize | None = None,
    ) -> None:
        super().__init__()
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming, self._outgoing, server_side, server_hostname
        )
        self._authorize = authorize
        self._needs_goodbye = needs_goodbye
        self._record = record
        self._peer_name: str | None = None

    @property
    def name(self) -> str:
        """Its name in the log."""
        return "TLS"

    @property
    def peer_name(self) -> str | None:
        """The distinguished name in the peer's certificate, if it was checked; otherwise None."""
        return self._peer_name

    def start(self) -> bytes:
        """Return a client's first handshake messages."""
        self._shake_hands()
        return self._outgoing.read()

    def receive(self, data: bytes) -> Received:
        """Decode records, first those of the handshake."""
        if self.failure is not None or self.has_ended or not data:
            return [], b""
        incoming, tls = self._incoming, self._object
        incoming.write(data)
        if not self.has_opened:
            self._shake_hands(data)
        if not self.is_open:
            return [], self._outgoing.read()
        pieces: list[bytes] = []
        try:
            while incoming.pending or tls.pending():
                piece = tls.read(limits.TLS_RECORD)
                if not piece:  # a close_notify
                    self._end()
                    break
                pieces.append(piece)
        except ssl.SSLWantReadError:
            pass  # an incomplete record
        except ssl.SSLError as error:
            self._fail(explain(error))
        return pieces, self._outgoing.read() if self._outgoing.pending else b""

    def receive_eof(self) -> None:
        """Handle the end of the wire; without a close_notify before, it is a failure."""
        was_open = self.is_open and not self.has_ended
        super().receive_eof()
        if was_open and self._needs_goodbye:
            self._fail("the TLS connection ended without a close_notify", CutOffError)

    def send(self, data: bytes) -> bytes:
        """Encode bytes into records."""
        if not self.is_open:
            return b""
        tls, size = self._object, self._record
        try:
            if len(data) <= size:
                tls.write(data)
            else:
                whole = memoryview(data)
                for start in range(0, len(data), size):
                    tls.write(whole[start : start + size])
        except ssl.SSLError as error:
            self._fail(explain(error))
        return self._outgoing.read()

    def close(self) -> bytes:
        """Return a close_notify, without waiting for the peer's."""
        if self._shut():
            self._say_goodbye()
        return self._outgoing.read()

    def _shake_hands(self, data: bytes = b"") -> None:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return
        except (ssl.SSLError, ssl.CertificateError) as error:
            reason = explain(error)
            if reason == _NOT_TLS and not self._object.server_side:
                reason = f"{reason}: {found_instead(data, 'TLS')}"
            is_stranger = reason.startswith((_NOT_TLS, _HTTP))
            self._fail(reason, StrangerError if is_stranger else FilterError)
            return
        objection = self._examine()
        if objection is None:
            self._open()
        else:
            self._say_goodbye()
            self._fail(objection)

    def _examine(self) -> str | None:
        """Read the peer's name, and return the reason if it may not connect, or None."""
        certificate = self._object.getpeercert(binary_form=True)
        # A certificate that wasn't verified proves nothing.
        if certificate and self._object.context.verify_mode is not ssl.CERT_NONE:
            try:
                self._peer_name = subject_name(certificate)
            except ValueError as error:
                return f"the peer's certificate can't be read: {error}"
        if self._authorize is None:
            return None
        if self._peer_name is None:
            return "the peer has sent no certificate that could be authorised"
        return None if self._authorize(self._peer_name) else f"{self._peer_name} is not authorised"

    def _say_goodbye(self) -> None:
        try:
            self._object.unwrap()
        except (ssl.SSLError, OSError):
            pass  # the peer's own close_notify hasn't come yet, and isn't needed


def explain(error: Exception) -> str:
    """Describe an error of TLS in one line.

    Example:
        >>> explain(ssl.SSLError(1, "[SSL: NO_SHARED_CIPHER] no shared cipher (_ssl.c:1006)"))
        '[SSL: NO_SHARED_CIPHER] no shared cipher (_ssl.c:1006)'
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the peer's certificate is refused: {error.verify_message or error}"
    reason = getattr(error, "reason", None)
    if not isinstance(reason, str):
        return str(error.args[-1] if error.args else error)
    if alert := _ALERT.fullmatch(reason):
        return f"the peer refuses us: {alert[1].replace('_', ' ').lower()}"
    return _REASONS.get(reason, f"TLS failed: {reason.replace('_', ' ').lower()}")
