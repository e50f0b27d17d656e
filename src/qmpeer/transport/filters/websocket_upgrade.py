"""The HTTP exchange that upgrades a connection to a WebSocket, from either end.

A server accepts the same requests as QEMU's: GET of "/", Host, Upgrade, Connection, a key, version
13, and either no subprotocols or a list with "binary".

**Pages.** A browser lets any page connect to any host and port, even on this machine, and sends the
page's origin in `Origin`. A monitor controls its machine. So a page may connect only if its origin
is allowed by name. Pages of the same host are no exception. Otherwise anyone who can place a file
on a web server of this machine would control the virtual machine; and a name that an attacker
points to 127.0.0.1 is "the same host", too. Programs other than browsers send no `Origin` and are
accepted. [QEMU checks no origin: any page may command it.]

Spec: RFC 6455, section 4; QEMU's answers 400 and 404, which lack the end of their header there.
"""

import base64
import hashlib
import re
from collections.abc import Collection
from email.utils import formatdate
from typing import Final

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_REQUEST_LINE: Final = re.compile(rb"([!-~]+) ([!-~]+) HTTP/1\.1")
_VISIBLE: Final = re.compile(r"[!-~]+")
_HEADER_LINE: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\0\r\n]*?)[ \t]*")
_REASONS: Final = {
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    431: "Request Header Fields Too Large",
}
_SERVER: Final = "qmpeer"


class UpgradeRefusal(Exception):
    """The refusal of an upgrade.

    Attributes:
        status: The HTTP status of the answer.
        reason: The finding in one line.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason


def accept_key(key: str) -> str:
    """Return the proof that a server has understood a client's key.

    Example:
        >>> accept_key("dGhlIHNhbXBsZSBub25jZQ==")
        's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
    """
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()


def answer_upgrade(header: bytes, origins: Collection[str], now: float) -> bytes:
    """Return the answer to a client's request.

    Args:
        header: The request up to its blank line.
        origins: The origins of accepted pages, such as "https://console.example"; "*" accepts all.
        now: Seconds since 1970, for the answer's date.

    Raises:
        UpgradeRefusal: If it isn't a valid upgrade, or its origin isn't accepted.
    """
    first, _, rest = header.partition(b"\r\n")
    request = _REQUEST_LINE.fullmatch(first)
    if request is None or request[1] != b"GET":
        raise UpgradeRefusal(400, "found no GET request of HTTP 1.1")
    if request[2] != b"/":
        raise UpgradeRefusal(404, f"found path {request[2].decode()[:100]!r}, expected '/'")
    fields = _fields(rest)
    _expect_upgrade(fields)
    # A body would be read as frames.
    if fields.get("content-length", "0") != "0" or "transfer-encoding" in fields:
        raise UpgradeRefusal(400, "found a body, expected none")
    if "host" not in fields:
        raise UpgradeRefusal(400, "found no Host")
    if fields.get("sec-websocket-version") != "13":
        raise UpgradeRefusal(400, "found no Sec-WebSocket-Version 13")
    key = fields.get("sec-websocket-key", "")
    if not _is_key(key):
        raise UpgradeRefusal(400, "found no Sec-WebSocket-Key of 16 bytes")
    protocols = fields.get("sec-websocket-protocol")
    if protocols is not None and "binary" not in _tokens(protocols):
        raise UpgradeRefusal(400, "found no 'binary' among the requested subprotocols")
    origin = fields.get("origin")
    if origin is not None and origin.lower() not in origins and "*" not in origins:
        raise UpgradeRefusal(403, f"pages of {origin[:100]!r} are not allowed here")
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        f"Server: {_SERVER}",
        f"Date: {formatdate(now, usegmt=True)}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept_key(key)}",
    ]
    if protocols is not None:
        lines.append("Sec-WebSocket-Protocol: binary")
    return _header(lines)


def refuse_upgrade(refusal: UpgradeRefusal, now: float) -> bytes:
    """Return the answer of a server that refuses an upgrade."""
    text = f"{refusal.reason}\n".encode()
    lines = [
        f"HTTP/1.1 {refusal.status} {_REASONS[refusal.status]}",
        f"Server: {_SERVER}",
        f"Date: {formatdate(now, usegmt=True)}",
        "Connection: close",
        *(["Sec-WebSocket-Version: 13"] if refusal.status == 400 else []),
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(text)}",
    ]
    return _header(lines) + text


def request_upgrade(host: str, path: str, key: str) -> bytes:
    """Return a client's request.

    Raises:
        ValueError: If the host or the path contains characters that would end its line.
    """
    if not (_VISIBLE.fullmatch(host) and _VISIBLE.fullmatch(path)):
        raise ValueError(
            f"found {host!r} and {path!r}, expected a host and a path of visible ASCII"
        )
    return _header(
        [
            f"GET {path} HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: binary",
        ]
    )


def check_answer(header: bytes, key: str) -> None:
    """Check a server's answer.

    Raises:
        UpgradeRefusal: If it isn't the requested upgrade.
    """
    first, _, rest = header.partition(b"\r\n")
    status = re.fullmatch(rb"HTTP/1\.1 ([0-9]{3})(?: [^\0\r\n]*)?", first)
    if status is None:
        raise UpgradeRefusal(400, "the peer is no HTTP server")
    if status[1] != b"101":
        raise UpgradeRefusal(400, f"the server refuses: {first[9:109].decode(errors='replace')}")
    fields = _fields(rest)
    _expect_upgrade(fields)
    if fields.get("sec-websocket-accept") != accept_key(key):
        raise UpgradeRefusal(400, "the server did not understand our key")
    if fields.get("sec-websocket-protocol", "binary") != "binary":
        raise UpgradeRefusal(400, "the server chose another subprotocol than 'binary'")
    if fields.get("sec-websocket-extensions"):
        raise UpgradeRefusal(400, "the server chose an extension that we did not request")


def _fields(text: bytes) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in text.split(b"\r\n"):
        if not line:
            continue
        found = _HEADER_LINE.fullmatch(line)
        if found is None:
            raise UpgradeRefusal(400, "found a line that is no HTTP header")
        name, value = found[1].decode().lower(), found[2].decode("latin-1")
        if name in fields and name in _SINGLE:
            raise UpgradeRefusal(400, f"found {name} twice")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


_SINGLE: Final = frozenset({"host", "origin", "sec-websocket-key", "sec-websocket-version"})


def _expect_upgrade(fields: dict[str, str]) -> None:
    if "websocket" not in _tokens(fields.get("upgrade", "")):
        raise UpgradeRefusal(400, "found no Upgrade to websocket")
    if "upgrade" not in _tokens(fields.get("connection", "")):
        raise UpgradeRefusal(400, "found no Connection: Upgrade")


def _tokens(value: str) -> set[str]:
    return {token.strip().lower() for token in value.split(",")}


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except ValueError:
        return False


def _header(lines: list[str]) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode()
