"""Recognition of peers that don't speak QMP, and safe quoting of their bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.messages import found_instead, look_of, shown, shown_text

HUMAN = b"QEMU 7.2.22 monitor - type 'help' for more information\r\n(qemu) "
TLS_ALERT = b"\x15\x03\x03\x00\x02\x02\x46"
TELNET = b"\xff\xfb\x01\xff\xfb\x03\xff\xfb\x00\xff\xfd\x00"
AT_ONCE = {
    "human monitor": (HUMAN, "human monitor"),
    "its prompt": (b"\x1b[K(qemu) ", "human monitor"),
    "ssh": (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "SSH"),
    "http": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP"),
    "a page": (b"<!DOCTYPE html>", "HTTP"),
    "tls": (TLS_ALERT, "TLS"),
    "tls handshake": (b"\x16\x03\x01\x00\x05", "TLS"),
    "telnet": (TELNET, "telnet"),
    "vnc": (b"RFB 003.008\n", "VNC"),
    "nbd": (b"NBDMAGICIHAVEOPT", "NBD"),
}
IN_TIME = {
    "smtp": (b"220 mail.example ESMTP\r\n", "mail or files"),
    "json-rpc": (b'{"jsonrpc": "2.0"}\n', "JSON-RPC"),
    "a reply": (b'{"return": {}}\r\n', "negotiate=False"),
    "a guest agent": (b'\xff{"return": 1}\n', "negotiate=False"),
    "json": (b"[1]\n", "JSON of another kind"),
    "a console": (b"\r\nDebian GNU/Linux 12 vm ttyS0\r\n", "console"),
}


@pytest.mark.parametrize(("first", "look"), AT_ONCE.values(), ids=AT_ONCE)
def test_known_without_the_end_of_a_line(first: bytes, look: str) -> None:
    for found in (look_of(first), look_of(first, is_whole=False)):
        assert found is not None
        assert look in found


@pytest.mark.parametrize(("first", "look"), IN_TIME.values(), ids=IN_TIME)
def test_known_once_no_more_is_waited_for(first: bytes, look: str) -> None:
    found = look_of(first)
    assert found is not None
    assert look in found
    assert look_of(first, is_whole=False) is None


@pytest.mark.parametrize(
    "first", [b"", b"{", b'{"QMP": {"ver', b'{"QMP": "(qemu) ', b"\xff\n", b" \r\n", b"Q", b"SS"]
)
def test_what_may_still_be_a_greeting(first: bytes) -> None:
    assert look_of(first, is_whole=False) is None


def test_nothing_known() -> None:
    assert found_instead(b"\x00\x01\x02", "TLS") == r"found '\x00\x01\x02', expected TLS"


@pytest.mark.property
@given(st.binary(max_size=600))
def test_whatever_came_is_shown_safely(data: bytes) -> None:
    for text in (found_instead(data), shown(data), shown_text(data.decode("latin-1"))):
        assert text.isprintable()
        assert len(text) < 1200
