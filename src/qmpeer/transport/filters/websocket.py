"""WebSocket as a filter: the session's bytes are the payload of messages, in frames of any size.

The bounds of messages have no meaning: QMP's values delimit themselves. Text messages are accepted
as well as binary ones, since they are easier for browsers; sent messages are binary, as QEMU's are.
[QEMU accepts no text.] A ping's payload is sent back; of several pings that come at once, only the
last is answered. Text that isn't UTF-8 is a failure; how much of it is decoded before that depends
on its chunks.

Spec: RFC 6455; section 5.5.3 for answering the last of several pings.
"""

import base64
import os
import time
from abc import abstractmethod
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final

from qmpeer import limits
from qmpeer.messages import found_instead
from qmpeer.transport.filter import Filter, Received, StrangerError
from qmpeer.transport.filters.websocket_upgrade import (
    UpgradeRefusal,
    answer_upgrade,
    check_answer,
    refuse_upgrade,
    request_upgrade,
)

if TYPE_CHECKING:
    from qmpeer.transport.filters.websocket_frames import Framing

_END: Final = b"\r\n\r\n"
_HTTP: Final = b"HTTP/"
_NORMAL: Final = 1000


def load_framing() -> "type[Framing]":
    """Import the module for frames, which only WebSocket needs.

    Raises:
        ModuleNotFoundError: If wsproto isn't installed; the error says how to install it.
    """
    try:
        from qmpeer.transport.filters.websocket_frames import Framing  # optional extra: websocket
    except ModuleNotFoundError:
        text = "WebSocket needs wsproto: pip install '.[websocket]' in qmpeer's checkout"
        raise ModuleNotFoundError(text, name="wsproto") from None
    return Framing


class _WebSocket(Filter):
    """The common base of both ends of a WebSocket."""

    __slots__ = ("_framing", "_header")

    _close_reason: str | None = None

    def __init__(self, *, is_client: bool, largest: int) -> None:
        super().__init__()
        self._framing = load_framing()(is_client=is_client, largest=largest)
        self._header: bytearray | None = bytearray()  # None after the upgrade

    @property
    def name(self) -> str:
        """Its name in the log."""
        return "WebSocket"

    def start(self) -> bytes:
        """Return the bytes to send first: none for a server."""
        return b""

    def receive(self, data: bytes) -> Received:
        """Decode the upgrade, then frames."""
        if self.failure is not None or self.has_ended or not data:
            return [], b""
        output = b""
        if self._header is not None:
            output, data = self._take_header(self._header, data)
        if not self.is_open or not data:
            return [], output
        frames = self._framing.receive(data)
        if frames.ping is not None:
            output += self._framing.pong(frames.ping)
        if frames.failure is not None:
            code, reason = frames.failure
            output += self._framing.close(code, reason)
            self._fail(reason)
        elif frames.close_code is not None:
            output += self._framing.close(frames.close_code, self._close_reason)
            self._shut()
            self._end()
        text = b"".join(frames.data)
        return [text] if text else [], output

    def send(self, data: bytes) -> bytes:
        """Encode bytes into one binary frame."""
        return self._framing.binary(data) if self.is_open else b""

    def close(self) -> bytes:
        """Return a close frame."""
        return self._framing.close(_NORMAL) if self._shut() else b""

    def _take_header(self, header: bytearray, data: bytes) -> tuple[bytes, bytes]:
        # Search only the new bytes and the last three: the whole header at each byte would take
        # quadratic time.
        start = max(0, len(header) - len(_END) + 1)
        header += data
        end = header.find(_END, start)
        if (end + len(_END) if end >= 0 else len(header)) > limits.WEBSOCKET_HEADER:
            reason = f"the HTTP header is longer than {limits.WEBSOCKET_HEADER} bytes"
            return self._refuse(UpgradeRefusal(431, reason)), b""
        if end < 0:
            return b"", b""
        self._header = None
        try:
            output = self._upgrade(bytes(header[: end + 2]))
        except UpgradeRefusal as refusal:
            return self._refuse(refusal), b""
        self._open()
        return output, bytes(header[end + len(_END) :])

    def _refuse(self, refusal: UpgradeRefusal) -> bytes:
        """Fail, and return the answer that names the reason to the peer."""
        self._header = None
        self._fail(refusal.reason)
        return b""

    @abstractmethod
    def _upgrade(self, header: bytes) -> bytes:
        """Process the peer's header, without its blank line, and return the answer.

        Raises:
            UpgradeRefusal: If it isn't a valid request, or answer.
        """


class WebSocketFilter(_WebSocket):
    """The server's end of a WebSocket.

    Args:
        origins: The origins of accepted pages, such as "https://console.example"; "*" accepts all.
            Other pages are refused; `websocket_upgrade` explains why.
        clock: Returns the seconds since 1970.
    """

    __slots__ = ("_clock", "_origins")

    _close_reason = "peer requested close"  # QEMU's text

    def __init__(
        self, *, origins: Collection[str] = (), clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(is_client=False, largest=limits.WEBSOCKET_FRAME)
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)
        self._clock = clock

    def _upgrade(self, header: bytes) -> bytes:
        return answer_upgrade(header, self._origins, self._clock())

    def _refuse(self, refusal: UpgradeRefusal) -> bytes:
        super()._refuse(refusal)
        return refuse_upgrade(refusal, self._clock())


class WebSocketClientFilter(_WebSocket):
    """The client's end of a WebSocket.

    Args:
        host: The server's name for the Host header: "HOST:PORT".
        path: The requested path.
    """

    __slots__ = ("_host", "_key", "_path")

    def __init__(self, host: str, path: str = "/") -> None:
        super().__init__(is_client=True, largest=limits.MESSAGE_SIZE)
        self._host = host
        self._path = path
        self._key = base64.b64encode(os.urandom(16)).decode()

    def start(self) -> bytes:
        """Return the request for the upgrade."""
        return request_upgrade(self._host, self._path, self._key)

    def _take_header(self, header: bytearray, data: bytes) -> tuple[bytes, bytes]:
        first = bytes(header) + data
        if not header.startswith(_HTTP) and not _HTTP.startswith(first[: len(_HTTP)]):
            found = found_instead(first, "HTTP")
            self._fail(f"the peer is no HTTP server: {found}", StrangerError)
            return b"", b""
        return super()._take_header(header, data)

    def _upgrade(self, header: bytes) -> bytes:
        check_answer(header, self._key)
        return b""
