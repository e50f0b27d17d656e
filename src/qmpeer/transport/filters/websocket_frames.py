"""WebSocket's framing, by wsproto: bytes to what they hold, and back.

Payload is handed on as it comes, so that neither the size of a frame nor of a message costs memory;
what a frame announces has a limit all the same. wsproto is an extra, so that who needs this module
imports it when needed, by `websocket.load_framing()`.

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
    """What some bytes held.

    Attributes:
        data: Payload, in order.
        ping: What the last ping carried, None without one.
        close_code: With which code the peer said goodbye, None if it didn't.
        failure: With which code to say goodbye, and why; what is above came before.
    """

    data: list[bytes] = field(default_factory=list)
    ping: bytes | None = None
    close_code: int | None = None
    failure: tuple[int, str] | None = None


class Framing:
    """The peer's bytes as frames, and our own; a client masks them.

    Args:
        is_client: Whether we are the client, whose peer must not mask, as clients have to.
        largest: Bytes that one frame may announce.
    """

    __slots__ = ("_limit", "_protocol")

    def __init__(self, *, is_client: bool, largest: int) -> None:
        self._limit = _Limit(largest)
        self._protocol = FrameProtocol(is_client, [self._limit])

    def receive(self, data: bytes) -> Frames:
        """Take bytes; not to be called after a goodbye or a failure."""
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
        """Make a binary message of one frame."""
        return bytes(self._protocol.send_data(data))

    def pong(self, payload: bytes) -> bytes:
        """Answer a ping."""
        return bytes(self._protocol.pong(payload))

    def close(self, code: int, reason: str | None = None) -> bytes:
        """Say goodbye; a reason is cut to what fits."""
        return bytes(self._protocol.close(code, reason))


class _Limit(Extension):
    """A refusal of frames for what their headers announce, before any of it has come."""

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
    # A goodbye without a code shows as one that may not be sent.
    return CloseReason.NORMAL_CLOSURE if code == CloseReason.NO_STATUS_RCVD else code
