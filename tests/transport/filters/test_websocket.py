"""WebSocket: upgrades, accepted frames and answers."""

import struct
import subprocess
import sys

import pytest

from qmpeer import limits
from qmpeer.transport.filters import WebSocketClientFilter, WebSocketFilter
from tests.transport.filters.websocket_peer import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIELDS,
    PING,
    PONG,
    TEXT,
    frame,
    goodbye,
    masked,
    request,
    server,
    upgraded,
)
from tests.transport.filters.wires import Ends, cut, each_byte, outcome

ACCEPTED = (
    "HTTP/1.1 101 Switching Protocols\r\n"
    "Server: qmpeer\r\n"
    "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    "Upgrade: websocket\r\n"
    "Connection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
)
PAGE = "https://console.example"

TAKEN = {
    "as it should be": request(),
    "names in other cases": request()
    .lower()
    .replace(b"get / http", b"GET / HTTP")
    .replace(b"dghlihnhbxbszsbub25jzq==", FIELDS["Sec-WebSocket-Key"].encode()),
    "connection with more in it": request(connection="keep-alive, Upgrade"),
    "connection in two lines": request(connection="keep-alive", extra=("Connection: upgrade",)),
    "upgrade with more in it": request(upgrade="h2c, WebSocket"),
    "no blanks": request().replace(b": ", b":"),
    "cookies": request(cookie="a=" + "b" * 8000),
    "a body of no length": request(content_length="0"),
    "an extension, which is not taken": request(sec_websocket_extensions="permessage-deflate"),
}


@pytest.mark.parametrize("given", TAKEN.values(), ids=list(TAKEN))
def test_an_upgrade(given: bytes) -> None:
    found = outcome(server(), [given])
    assert (found.output.decode(), found.failure) == (ACCEPTED + "\r\n", None)
    assert found.has_opened


@pytest.mark.parametrize("protocols", ["binary", "base64, binary", "binary,chat"])
def test_the_subprotocol(protocols: str) -> None:
    found = outcome(server(), [request(sec_websocket_protocol=protocols)])
    assert found.output.decode() == f"{ACCEPTED}Sec-WebSocket-Protocol: binary\r\n\r\n"


REFUSED = {
    "POST": (400, request("POST / HTTP/1.1"), "found no GET request of HTTP 1.1"),
    "HTTP 1.0": (400, request("GET / HTTP/1.0"), "found no GET request of HTTP 1.1"),
    "no HTTP": (400, b'{"execute": "quit"}\r\n\r\n', "found no GET request of HTTP 1.1"),
    "nothing": (400, b"\r\n\r\n", "found no GET request of HTTP 1.1"),
    "bytes": (400, bytes(range(256)) + b"\r\n\r\n", "found no GET request of HTTP 1.1"),
    "another path": (404, request("GET /qmp HTTP/1.1"), "found path '/qmp', expected '/'"),
    "no host": (400, request(host=None), "found no Host"),
    "two hosts": (400, request(extra=("Host: b",)), "found host twice"),
    "no upgrade": (400, request(upgrade=None), "found no Upgrade to websocket"),
    "another upgrade": (400, request(upgrade="h2c"), "found no Upgrade to websocket"),
    "no connection": (400, request(connection=None), "found no Connection: Upgrade"),
    "another connection": (400, request(connection="close"), "found no Connection: Upgrade"),
    "no key": (400, request(sec_websocket_key=None), "found no Sec-WebSocket-Key of 16 bytes"),
    "short key": (400, request(sec_websocket_key="YQ=="), "found no Sec-WebSocket-Key of 16 bytes"),
    "no base64": (400, request(sec_websocket_key="é%"), "found no Sec-WebSocket-Key of 16 bytes"),
    "no version": (400, request(sec_websocket_version=None), "found no Sec-WebSocket-Version 13"),
    "version 8": (400, request(sec_websocket_version="8"), "found no Sec-WebSocket-Version 13"),
    "subprotocol": (
        400,
        request(sec_websocket_protocol="chat"),
        "found no 'binary' among the requested subprotocols",
    ),
    "a body": (400, request(content_length="5") + b"hello", "found a body, expected none"),
    "two lengths": (
        400,
        request(extra=("Content-Length: 0", "Content-Length: 5")),
        "found a body, expected none",
    ),
    "chunks": (
        400,
        request(transfer_encoding="chunked") + b"0\r\n\r\n",
        "found a body, expected none",
    ),
    "a line without colon": (400, request(extra=("oops",)), "found a line that is no HTTP header"),
    "a folded line": (400, request(extra=(" x: y",)), "found a line that is no HTTP header"),
}


@pytest.mark.parametrize(("status", "given", "reason"), REFUSED.values(), ids=list(REFUSED))
@pytest.mark.parametrize("is_split", [False, True], ids=["whole", "split"])
def test_a_refused_upgrade(status: int, given: bytes, reason: str, is_split: bool) -> None:
    found = outcome(server(), each_byte(given) if is_split else [given + frame(BINARY, b"{}")])
    head, _, text = found.output.decode().partition("\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert ("Sec-WebSocket-Version: 13" in head) is (status == 400)
    assert f"Content-Length: {len(text)}" in head
    assert text == f"{reason}\n"
    assert found.seen == (b"", False, False, reason)


ORIGINS = {
    "a page, none allowed": ((), PAGE, False),
    "a page of the same host": ((), "http://localhost:1234", False),
    "no origin to speak of": ((), "null", False),
    "the allowed page": ((PAGE,), PAGE, True),
    "the allowed page, in other cases": (("HTTPS://Console.Example/",), PAGE, True),
    "one of two": (("http://a", PAGE), PAGE, True),
    "another page": (("http://a",), PAGE, False),
    "one whose name begins so": ((PAGE,), f"{PAGE}.evil.example", False),
    "another port": ((PAGE,), f"{PAGE}:8443", False),
    "all allowed": (("*",), PAGE, True),
}


@pytest.mark.parametrize(("origins", "origin", "is_taken"), ORIGINS.values(), ids=list(ORIGINS))
def test_pages(origins: tuple[str, ...], origin: str, is_taken: bool) -> None:
    found = outcome(server(*origins), [request(origin=origin)])
    assert found.has_opened is is_taken
    if not is_taken:
        assert found.output.startswith(b"HTTP/1.1 403 Forbidden\r\n")
        assert found.failure == f"pages of {origin!r} are not allowed here"


def test_two_origins() -> None:
    found = outcome(server(PAGE), [request(origin=PAGE, extra=("Origin: http://a",))])
    assert found.failure == "found origin twice"


@pytest.mark.parametrize("has_end", [False, True])
def test_a_header_too_long(has_end: bool) -> None:
    given = request(cookie="a" * limits.WEBSOCKET_HEADER)[: None if has_end else -4]
    for chunks in ([given], each_byte(given)):
        found = outcome(server(), chunks)
        assert found.output.startswith(b"HTTP/1.1 431 ")
        assert found.failure == f"the HTTP header is longer than {limits.WEBSOCKET_HEADER} bytes"


def test_garbage_without_end_is_bounded() -> None:
    filter = server()
    for _ in range(limits.WEBSOCKET_HEADER):
        assert filter.failure is None
        filter.receive(b"x")
    filter.receive(b"x")
    assert filter.failure is not None


HALVES = (frame(BINARY, b'{"exe', fin=False), frame(CONTINUATION, b'cute":1}'))
FRAMES = {
    "binary": (frame(BINARY, b"{}"), b"{}", b""),
    "text": (frame(TEXT, '{"é": "漢"}'.encode()), '{"é": "漢"}'.encode(), b""),
    "empty": (frame(BINARY) + frame(TEXT), b"", b""),
    "two": (frame(TEXT, b"{}") + frame(BINARY, b"[]"), b"{}[]", b""),
    "126 bytes": (frame(BINARY, b"x" * 126), b"x" * 126, b""),
    "65536 bytes": (frame(BINARY, b"xyz" * 21845 + b"x"), b"xyz" * 21845 + b"x", b""),
    "in pieces": (b"".join(HALVES), b'{"execute":1}', b""),
    "text cut within a character": (
        frame(TEXT, "é".encode()[:1], fin=False) + frame(CONTINUATION, "é".encode()[1:]),
        "é".encode(),
        b"",
    ),
    "in pieces, with a ping between": (
        HALVES[0] + frame(PING, b"p") + HALVES[1],
        b'{"execute":1}',
        b"\x8a\x01p",
    ),
    "ping": (frame(PING, b"hello"), b"", b"\x8a\x05hello"),
    "empty ping": (frame(PING), b"", b"\x8a\x00"),
    "longest ping": (frame(PING, b"p" * 125), b"", b"\x8a\x7d" + b"p" * 125),
    "pong nobody asked for": (frame(PONG, b"x"), b"", b""),
}


@pytest.mark.parametrize(("given", "data", "output"), FRAMES.values(), ids=list(FRAMES))
@pytest.mark.parametrize("is_split", [False, True], ids=["whole", "split"])
def test_frames(given: bytes, data: bytes, output: bytes, is_split: bool) -> None:
    # Of a long one, the header and what is behind it.
    found = outcome(upgraded(), cut(given, [1] * 1000) if is_split else [given])
    assert found == (data, output, True, False, None)


def test_many_pings_at_once_get_one_pong() -> None:
    found = outcome(upgraded(), [b"".join(frame(PING, bytes([i])) for i in range(100))])
    assert found.output == b"\x8a\x01\x63"


def test_frames_right_behind_the_upgrade() -> None:
    found = outcome(server(), [request() + frame(TEXT, b"{}") + goodbye(1000)])
    assert found.output == ACCEPTED.encode() + b"\r\n" + b"\x88\x16\x03\xe8peer requested close"
    assert found.seen == (b"{}", True, True, None)


GOODBYES = {
    "normal": (goodbye(1000), 1000),
    "going away, as browsers say": (goodbye(1001, b"tab closed"), 1001),
    "without code": (frame(CLOSE), 1000),
    "one of a program's own": (goodbye(4999), 4999),
}


@pytest.mark.parametrize(("given", "code"), GOODBYES.values(), ids=list(GOODBYES))
@pytest.mark.parametrize("is_split", [False, True], ids=["whole", "split"])
def test_goodbyes(given: bytes, code: int, is_split: bool) -> None:
    filter = upgraded()
    given = frame(BINARY, b"{}") + given + frame(BINARY, b"late")
    found = outcome(filter, each_byte(given) if is_split else [given])
    assert found.output == b"\x88\x16" + code.to_bytes(2, "big") + b"peer requested close"
    assert found.seen == (b"{}", True, True, None)
    assert filter.send(b"{}") == b""
    assert filter.close() == b""


WRONG = {
    "not masked": (1002, frame(BINARY, b"{}", is_masked=False), "unexpected unmasked frame"),
    "reserved bit": (1002, frame(BINARY, b"{}", reserved=4), "Reserved bit"),
    "unknown type": (1002, frame(3, b"{}"), "Invalid opcode"),
    "unknown control": (1002, frame(11), "Invalid opcode"),
    "ping in pieces": (1002, frame(PING, b"p", fin=False), "fragment control frame"),
    "ping too long": (1002, frame(PING, b"p" * 126), "payload len > 125"),
    "continuation of nothing": (1002, frame(CONTINUATION, b"x"), "unexpected CONTINUATION"),
    "message in a message": (1002, HALVES[0] + frame(BINARY, b"x"), "expected CONTINUATION"),
    "size longer than need be": (1002, frame(BINARY, b"x", width=2), "would have sufficed"),
    "size of 64 bits": (1002, frame(BINARY, b"", announced=1 << 63, width=8), "MSB"),
    "1 GiB": (1009, frame(BINARY, b"", announced=1 << 30), "announces 1073741824 bytes"),
    "one too many": (
        1009,
        frame(TEXT, b"", announced=limits.WEBSOCKET_FRAME + 1),
        f"at most {limits.WEBSOCKET_FRAME} are taken",
    ),
    "text that is none": (1007, frame(TEXT, b"\xff"), "can't decode"),
    "text cut short": (1007, frame(TEXT, b"\xc3"), "can't decode"),
    "goodbye of one byte": (1002, frame(CLOSE, b"x"), "1 byte"),
    "goodbye that may not be": (1002, goodbye(1005), "local-only"),
    "goodbye nobody knows": (1002, goodbye(1016), "reserved code"),
    "goodbye out of range": (1002, goodbye(5000), "invalid code"),
    "goodbye with bytes": (1007, goodbye(1000, b"\xff"), "decoding CLOSE reason"),
}


@pytest.mark.parametrize(("code", "given", "reason"), WRONG.values(), ids=list(WRONG))
@pytest.mark.parametrize("is_split", [False, True], ids=["whole", "split"])
def test_wrong_frames(code: int, given: bytes, reason: str, is_split: bool) -> None:
    filter = upgraded()
    given = frame(BINARY, b"{}") + given
    found = outcome(filter, each_byte(given) if is_split else [given + frame(BINARY, b"late")])
    assert found.data.startswith(b"{}")
    assert b"late" not in found.data
    assert found.output[0] == 0x88
    assert found.output[2:4] == struct.pack("!H", code)
    assert found.failure is not None
    assert reason in found.failure
    assert filter.send(b"{}") == b""
    assert filter.receive(frame(BINARY, b"later")) == ([], b"")


def test_a_gibibyte_is_refused_by_its_header_alone() -> None:
    filter = upgraded()
    header = frame(BINARY, announced=1 << 30)[:10]  # without its mask
    filter.receive(header[:-1])
    assert filter.failure is None
    assert filter.receive(header[-1:])[1][2:4] == struct.pack("!H", 1009)
    assert filter.failure is not None


def test_a_large_frame_is_handed_on_as_it_comes() -> None:
    filter = upgraded()
    filter.receive(frame(BINARY, announced=limits.WEBSOCKET_FRAME))
    for _ in range(8):
        assert filter.receive(masked(b"abcd" * 1024)) == ([b"abcd" * 1024], b"")


@pytest.mark.parametrize(
    ("size", "head"),
    [(2, "8202"), (125, "827d"), (126, "827e007e"), (65536, "827f0000000000010000")],
)
def test_what_a_server_sends(size: int, head: str) -> None:
    assert upgraded().send(b"x" * size) == bytes.fromhex(head) + b"x" * size


def test_nothing_is_sent_before_the_upgrade_nor_after_the_goodbye() -> None:
    filter = server()
    assert (filter.start(), filter.send(b"{}"), filter.close()) == (b"", b"", b"")
    opened = upgraded()
    assert opened.close() == b"\x88\x02\x03\xe8"
    assert (opened.send(b"{}"), opened.close()) == (b"", b"")


def test_the_wire_ends_before_the_upgrade() -> None:
    filter = server()
    filter.receive(request()[:-1])
    filter.receive_eof()
    assert str(filter.failure) == "the peer left during the WebSocket handshake"


def test_the_wire_ends_without_a_goodbye() -> None:
    filter = upgraded()
    filter.receive_eof()
    assert (filter.has_ended, filter.failure) == (True, None)


# Our client.


def test_our_two_ends() -> None:
    ends = Ends(WebSocketClientFilter("localhost:1"), WebSocketFilter())
    assert ends.failures == (None, None)
    for text in (b"{}", b"x" * 200, b"y" * 70000):
        sent = ends.client.send(text)
        assert text not in sent  # it is masked
        ends.exchange(sent, ends.server.send(text))
    assert ends.server_data == ends.client_data == b"{}" + b"x" * 200 + b"y" * 70000
    ends.exchange(ends.client.close())
    assert ends.failures == (None, None)
    assert ends.server.has_ended


def _answer(filter: WebSocketClientFilter, old: bytes = b"", new: bytes = b"") -> bytes:
    _, answer = WebSocketFilter().receive(filter.start())
    assert old in answer
    return answer.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"HTTP/1.1", b"RFB 003.008", "the peer is no HTTP server"),
        (b"101 Switching Protocols", b"404 Not Found", "the server refuses: 404 Not Found"),
        (b"Upgrade: websocket", b"Upgrade: h2c", "found no Upgrade to websocket"),
        (b"Accept: ", b"Accept: x", "the server did not understand our key"),
        (b"Protocol: binary", b"Protocol: chat", "the server chose another subprotocol"),
        (b"Server: ", b"Sec-WebSocket-Extensions: x\r\nS: ", "the server chose an extension"),
    ],
    ids=["no HTTP", "404", "upgrade", "key", "subprotocol", "extension"],
)
def test_a_server_that_is_none(old: bytes, new: bytes, reason: str) -> None:
    filter = WebSocketClientFilter("localhost:1")
    found = outcome(filter, [_answer(filter, old, new)])
    assert found.failure is not None
    assert found.failure.startswith(reason)
    assert found.output == b""


def test_a_server_that_masks() -> None:
    filter = WebSocketClientFilter("localhost:1")
    found = outcome(filter, [_answer(filter) + frame(BINARY, b"{}")])
    assert found.failure is not None
    assert "unexpected masked frame" in found.failure


def test_without_wsproto_one_line_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['wsproto'] = None\n"
        "from qmpeer.transport.filters import WebSocketFilter\n"
        "try: WebSocketFilter()\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == (
        "WebSocket needs wsproto: pip install '.[websocket]' in qmpeer's checkout\n"
    )
