"""WebSocket's framing, with wsproto: a codec between bytes and frames.

Payload is decoded as it comes, so large frames and messages don't take memory. The announced size
of a frame is limited nevertheless. wsproto is an extra, so other modules import this one only when
they need it, with `websocket.load_framing()`.

Spec: RFC 6455, sections 5 and 7.4.
"""

from dataclasses import dataclass, field

from wsproto.extensions import Extension
from wsproto.frame_protocol import (
    CloseReason,
    FrameDecoder,
    FrameProtocol,
    Opcode,
    ParseFailed,
    RsvBits,
)


@dataclass(slots=True)
class Frames:
    """The decoded contents of some bytes.

    Attributes:
        data: The payload in order.
        ping: The payload of the last ping, or None.
        close_code: The code of our answer to the peer's close frame, or None.
        failure: The code of our close frame and the reason, or None. The other attributes hold the
            contents before the failure.
    """

    data: list[bytes] = field(default_factory=list)
    ping: bytes | None = None
    close_code: int | None = None
    failure: tuple[int, str] | None = None


class Framing:
    """A codec for frames; a client masks its frames.

    Args:
        is_client: True for a client. It must mask its frames, and a server must not.
        largest: The largest size in bytes that a frame may announce.
    """

    __slots__ = ("_limit", "_protocol")

    def __init__(self, *, is_client: bool, largest: int) -> None:
        self._limit = _Limit(largest)
        self._protocol = FrameProtocol(is_client, [self._limit])

    def receive(self, data: bytes) -> Frames:
        """Decode bytes. Don't call it after a close frame or a failure."""
        found = Frames()
        self._protocol.receive_bytes(data)
        try:
            for opcode, payload, _, _ in self._protocol.received_frames():
                if isinstance(payload, tuple):
                    found.close_code = _answer_to(payload[0])
                elif isinstance(payload, str):  # of a text message
                    found.data.append(payload.encode())
                elif opcode is Opcode.BINARY:
                    found.data.append(payload)
                elif opcode is Opcode.PING:
                    found.ping = payload
        except ParseFailed as error:
            found.failure = (error.code, self._limit.objection or f"WebSocket: {error}")
        return found

    def binary(self, data: bytes) -> bytes:
        """Return a binary message of one frame."""
        return bytes(self._protocol.send_data(data))

    def pong(self, payload: bytes) -> bytes:
        """Return the answer to a ping."""
        return bytes(self._protocol.pong(payload))

    def close(self, code: int, reason: str | None = None) -> bytes:
        """Return a close frame; a reason that is too long is cut."""
        return bytes(self._protocol.close(code, reason))


class _Limit(Extension):
    """A limit on the announced size of frames, checked before their payload comes."""

    name = "limit"

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self.objection: str | None = None

    def enabled(self) -> bool:
        return True

    def offer(self) -> bool:
        return False

    def frame_inbound_header(
        self,
        proto: FrameDecoder | FrameProtocol,
        opcode: Opcode,
        rsv: RsvBits,
        payload_length: int,
    ) -> CloseReason | RsvBits:
        if payload_length <= self._largest:
            return _NOTHING_RESERVED
        self.objection = (
            f"a WebSocket frame announces {payload_length} bytes, at most {self._largest} are taken"
        )
        return CloseReason.MESSAGE_TOO_BIG


_NOTHING_RESERVED = RsvBits(False, False, False)


def _answer_to(code: int) -> int:
    # wsproto reports a close frame without a code as 1005, which must not be sent.
    return CloseReason.NORMAL_CLOSURE if code == CloseReason.NO_STATUS_RCVD else code
