"""WebSocket: the bytes of the session are the payload of messages, in frames of any size.

Where a message begins and ends means nothing: QMP's values delimit themselves. Text messages are
taken as well as binary ones, which browsers find handier; what is sent is binary, as QEMU does it.
[QEMU takes no text.] What a ping carries is sent back, for the last ping of several that come at
once. Text that is no UTF-8 is a failure; how much of it is handed on before depends on how it came.

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
    """Import what makes frames, which nobody needs without WebSocket.

    Raises:
        ModuleNotFoundError: If wsproto is not installed; it says how to.
    """
    try:
        from qmpeer.transport.filters.websocket_frames import Framing  # optional extra: websocket
    except ModuleNotFoundError:
        text = "WebSocket needs wsproto: pip install '.[websocket]' in qmpeer's checkout"
        raise ModuleNotFoundError(text, name="wsproto") from None
    return Framing


class _WebSocket(Filter):
    """What both ends have in common."""

    __slots__ = ("_framing", "_header")

    _close_reason: str | None = None

    def __init__(self, *, is_client: bool, largest: int) -> None:
        super().__init__()
        self._framing = load_framing()(is_client=is_client, largest=largest)
        self._header: bytearray | None = bytearray()  # None once it is through

    @property
    def name(self) -> str:
        """What it is called in a log line."""
        return "WebSocket"

    def start(self) -> bytes:
        """Give what is sent before anything has come: nothing, for a server."""
        return b""

    def receive(self, data: bytes) -> Received:
        """Take the upgrade first, then frames."""
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
        """Put bytes into one binary frame."""
        return self._framing.binary(data) if self.is_open else b""

    def close(self) -> bytes:
        """Say that all is said."""
        return self._framing.close(_NORMAL) if self._shut() else b""

    def _take_header(self, header: bytearray, data: bytes) -> tuple[bytes, bytes]:
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
        """Fail; give what says so to the peer."""
        self._header = None
        self._fail(refusal.reason)
        return b""

    @abstractmethod
    def _upgrade(self, header: bytes) -> bytes:
        """Take the peer's header, without its blank line; give the answer to it.

        Raises:
            UpgradeRefusal: If it isn't what was to come.
        """


class WebSocketFilter(_WebSocket):
    """The server's end of a WebSocket.

    Args:
        origins: Whose pages are taken, such as "https://console.example"; "*" takes all. None is,
            unless it is named here: `websocket_upgrade` says why.
        clock: Gives the seconds since 1970.
    """

    __slots__ = ("_clock", "_origins")

    _close_reason = "peer requested close"  # as QEMU says it

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
        host: The server as its Host header says it: "HOST:PORT".
        path: What is asked for.
    """

    __slots__ = ("_host", "_key", "_path")

    def __init__(self, host: str, path: str = "/") -> None:
        super().__init__(is_client=True, largest=limits.MESSAGE_SIZE)
        self._host = host
        self._path = path
        self._key = base64.b64encode(os.urandom(16)).decode()

    def start(self) -> bytes:
        """Give the request."""
        return request_upgrade(self._host, self._path, self._key)

    def _take_header(self, header: bytearray, data: bytes) -> tuple[bytes, bytes]:
        first = bytes(header) + data
        if not header.startswith(_HTTP) and not _HTTP.startswith(first[: len(_HTTP)]):
            found = found_instead(first, "HTTP")
            self._fail(f"what answers is no HTTP server: {found}", StrangerError)
            return b"", b""
        return super()._take_header(header, data)

    def _upgrade(self, header: bytes) -> bytes:
        check_answer(header, self._key)
        return b""
