"""A WebSocket peer's bytes, valid and invalid, made without a library."""

from qmpeer.transport.filters import Filter, WebSocketFilter

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
FIELDS = {
    "Host": "localhost:1234",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x12\x34\x56\x78"


def request(
    first: str = "GET / HTTP/1.1",
    extra: tuple[str, ...] = (),
    **changes: str | None,
) -> bytes:
    """Return an upgrade with some fields changed or left out."""
    by_name = {name.replace("_", "-").lower(): value for name, value in changes.items()}
    fields = {name: by_name.pop(name.lower(), value) for name, value in FIELDS.items()}
    fields |= by_name
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([first, *lines, *extra, "", ""]).encode("latin-1")


def masked(payload: bytes, mask: bytes = MASK) -> bytes:
    return bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    is_masked: bool = True,
    announced: int | None = None,
    width: int | None = None,
) -> bytes:
    """Return a frame, by default a client's."""
    size = len(payload) if announced is None else announced
    if width is None:
        width = 0 if size < 126 else 2 if size < 65536 else 8
    short = {0: size, 2: 126, 8: 127}[width]
    head = bytes([fin << 7 | reserved << 4 | opcode, is_masked << 7 | short])
    head += size.to_bytes(width, "big") if width else b""
    return head + (MASK + masked(payload) if is_masked else payload)


def goodbye(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big") + reason)


def server(*origins: str) -> WebSocketFilter:
    return WebSocketFilter(origins=origins, clock=lambda: 0.0)


def upgraded() -> Filter:
    filter = server()
    _, answer = filter.receive(request())
    assert answer.startswith(b"HTTP/1.1 101 ")
    return filter
