"""Recognition of peers that don't speak QMP, by the first bytes that they send.

A user who connects to the wrong port, or to the right one in the wrong way, learns what answered
there, and what to do. The patterns match only bytes that no QMP server begins with.
"""

import re
from typing import Final

_SHOWN: Final = 80
"""The number of bytes of a peer's data that an error quotes."""

# Compiled on first use, which is rare: each compiled pattern delays a client's start.
_KINDS: Final = (
    (
        rb"QEMU [^\n]*monitor - type|[^{]*\(qemu\) ",
        "QEMU's human monitor; start QEMU with -qmp instead of -monitor, or mode=control in -mon",
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
"""The first kinds of the table are recognised by their first bytes, before the end of a line."""


def look_of(first: bytes, *, is_whole: bool = True) -> str | None:
    """Return what a peer looks like and what to do about it; None if it isn't recognised.

    Args:
        first: The first bytes that it sent.
        is_whole: True if more bytes wouldn't help. Otherwise only kinds with an unmistakable
            beginning are recognised.

    Example:
        >>> look_of(b"SSH-2.0-OpenSSH_9.2p1")
        'an SSH server; give the address of the monitor itself'
        >>> look_of(b'{"QMP": {"ver', is_whole=False)
    """
    kinds = _KINDS if is_whole else _KINDS[:_TELLING]
    return next((look for pattern, look in kinds if re.match(pattern, first)), None)


def found_instead(first: bytes, expected: str = "a greeting") -> str:
    """Return the error text for an unexpected peer: what it sent, what it looks like, what to do.

    Example:
        >>> found_instead(b"%!")
        "found '%!', expected a greeting"
    """
    look = look_of(first)
    return f"found {shown(first)}, " + (
        f"which looks like {look}" if look else f"expected {expected}"
    )


def shown(data: bytes) -> str:
    r"""Return a peer's bytes for an error message: quoted, escaped and shortened.

    Example:
        >>> print(shown(b"(qemu) \x1b[K"))
        '(qemu) \x1b[K'
    """
    # repr() escapes control bytes, so that a peer can't send sequences to the user's terminal.
    return repr(data[:_SHOWN])[1:] + ("..." if len(data) > _SHOWN else "")


def shown_text(text: str) -> str:
    r"""Return a peer's text for an error message: escaped and shortened.

    Example:
        >>> print(shown_text("stray '\x1b'"))
        stray '\x1b'
    """
    return printable(text if len(text) <= 2 * _SHOWN else f"{text[: 2 * _SHOWN]}...")


def printable(text: str) -> str:
    r"""Escape unprintable characters, so that a peer's text stays on one line of a log.

    Example:
        >>> print(printable("CN=a\nb é"))
        CN=a\nb é
    """
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
