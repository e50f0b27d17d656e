"""What a peer that doesn't speak QMP looks like, by the first bytes that it sends.

Whoever dials the wrong port, or the right one in the wrong way, is told what answered there, and
what to do. A kind is recognised by bytes that no QMP server begins with.
"""

import re
from typing import Final

_SHOWN: Final = 80
"""Bytes of somebody's text that an error quotes."""

# Patterns stay text until they are needed, which is seldom: a client's start waits for each.
_KINDS: Final = (
    (
        rb"QEMU [^\n]*monitor - type|[^{]*\(qemu\) ",
        "QEMU's human monitor; start QEMU with -qmp in place of -monitor, or mode=control in -mon",
    ),
    (rb"SSH-", "an SSH server; give the address of the monitor itself"),
    (rb"HTTP/|<(?:!DOCTYPE|html)", "an HTTP server; for QMP over WebSocket write ws:// or wss://"),
    (rb"[\x14-\x17]\x03[\x00-\x04]", "TLS; write tls:HOST:PORT, or wss:// for WebSocket"),
    (
        rb"\xff[\xfa-\xfe]",
        "telnet; start the server without its option telnet, or use a unix socket",
    ),
    (rb"RFB \d", "a VNC server; the port of the monitor is another"),
    (rb"NBDMAGIC", "an NBD server; the port of the monitor is another"),
    (rb"QEVM", "a migration; the port of the monitor is another"),
    (rb"220[ -]|\* OK|\+OK", "a server of mail or files; the port of the monitor is another"),
    (rb'\s*\{\s*"QMP"', "QMP as it is; write tcp:HOST:PORT or unix:PATH"),
    (rb'\s*\{\s*"jsonrpc"', "a JSON-RPC server, which isn't QMP"),
    (
        rb'\xff?\s*\{\s*"(?:return|error|id)"',
        "replies to somebody else, or a guest agent, which doesn't greet: negotiate=False",
    ),
    (rb"\s*[\[{\"]", "JSON of another kind"),
    (rb"[\t\r\n\x1b -~]{4}", "a console, or a log: is it the chardev of the monitor?"),
)
_TELLING: Final = 8
"""So many of these kinds are known from their beginning, without the end of a line."""


def look_of(first: bytes, *, is_whole: bool = True) -> str | None:
    """Return what a peer looks like and what to do about it; None if it can't be told.

    Args:
        first: The first bytes that it sent.
        is_whole: More wouldn't help; else only what begins like nothing else is told.

    Example:
        >>> look_of(b"SSH-2.0-OpenSSH_9.2p1")
        'an SSH server; give the address of the monitor itself'
        >>> look_of(b'{"QMP": {"ver', is_whole=False)
    """
    kinds = _KINDS if is_whole else _KINDS[:_TELLING]
    return next((look for pattern, look in kinds if re.match(pattern, first)), None)


def found_instead(first: bytes, expected: str = "a greeting") -> str:
    """Return what a peer sent in place of what was expected, what it looks like, and what to do.

    Example:
        >>> found_instead(b"%!")
        "found '%!', expected a greeting"
    """
    look = look_of(first)
    return f"found {shown(first)}, " + (
        f"which looks like {look}" if look else f"expected {expected}"
    )


def shown(data: bytes) -> str:
    r"""Return bytes of somebody's for an error: quoted, escaped and cut.

    Example:
        >>> print(shown(b"(qemu) \x1b[K"))
        '(qemu) \x1b[K'
    """
    return repr(data[:_SHOWN])[1:] + ("..." if len(data) > _SHOWN else "")


def shown_text(text: str) -> str:
    r"""Return text of somebody's for an error: escaped and cut.

    Example:
        >>> print(shown_text("stray '\x1b'"))
        stray '\x1b'
    """
    return printable(text if len(text) <= 2 * _SHOWN else f"{text[: 2 * _SHOWN]}...")


def printable(text: str) -> str:
    r"""Escape what a peer has put into a text and would make more than one line of a log.

    Example:
        >>> print(printable("CN=a\nb é"))
        CN=a\nb é
    """
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
