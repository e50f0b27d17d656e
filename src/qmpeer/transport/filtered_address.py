"""Addresses for dialling through filters: ``tls:``, ``ws:`` and ``wss:``.

    tls:HOST:PORT[?OPTION=VALUE&...]
    ws://HOST[:PORT][/PATH]
    wss://HOST[:PORT][/PATH][?OPTION=VALUE&...]

The options are for this end and are never sent. They have QEMU's names if QEMU has such options:

``dir``
    The folder of certificates, as QEMU's ``tls-creds-x509`` expects it for a client: ca-cert.pem,
    and, to identify the client, client-cert.pem with client-key.pem. Without this option the
    system's authorities must verify the server's certificate, and the client shows none.
``verify-peer``
    ``off`` accepts any server without a check.
``tls-hostname``
    The name that the server's certificate must hold, if it isn't HOST.
``one-byte-records``
    ``on`` sends each byte in a TLS record of its own. QEMU 7.2 needs this: its monitor reads one
    byte of each record and then waits for the next record. QEMU has no such option.
"""

import os
import re
from typing import TYPE_CHECKING, ClassVar, Final

import msgspec

from qmpeer import limits
from qmpeer.on_off import on_or_off
from qmpeer.transport.address import HostAddress, parse_host_port, refuse_tls
from qmpeer.transport.filter import Filter, Stacked
from qmpeer.transport.sockets import Endpoint

if TYPE_CHECKING:
    import ssl

_OPTIONS: Final = ("dir", "tls-hostname", "verify-peer", "one-byte-records")
_BOOLEANS: Final = frozenset({"verify-peer", "one-byte-records"})
_PATH: Final = re.compile(r"[!-~]*")  # sent unchanged; other characters are written as %XX
_UNSAFE: Final = re.compile(rb"[^A-Za-z0-9_.~/-]")
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")


class TlsOptions(msgspec.Struct, frozen=True):
    """The TLS options of an address, behind its "?".

    Attributes:
        dir: The folder of certificates; None for the system's authorities.
        tls_hostname: The name that the server's certificate must hold; None for the host.
        verify_peer: True if the server's certificate is checked.
        one_byte_records: True if each byte is sent in a record of its own.
    """

    dir: str | None = None
    tls_hostname: str | None = None
    verify_peer: bool = True
    one_byte_records: bool = False

    @classmethod
    def parse(cls, query: str) -> "TlsOptions":
        """Parse options.

        Raises:
            ValueError: If an option is unknown or repeated, or if its value is invalid.
        """
        found: dict[str, str | bool] = {}
        for word in query.split("&") if query else ():
            name, equals, value = word.partition("=")
            member = name.replace("-", "_")
            if not equals or name not in _OPTIONS or member in found:
                expected = "dir=, tls-hostname=, verify-peer= or one-byte-records=, each once"
                raise ValueError(f"found the option {word!r}, expected {expected}")
            raw = _ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), os.fsencode(value))
            text = os.fsdecode(raw)
            if not text or "\0" in text:
                raise ValueError(f"found the option {word!r}, expected a value behind {name}=")
            is_on = on_or_off(text) if name in _BOOLEANS else None
            if name in _BOOLEANS and is_on is None:
                raise ValueError(f"found the option {word!r}, expected {name}=on or =off")
            found[member] = text if is_on is None else is_on
        return msgspec.convert(found, cls)

    def new_filter(self, host: str, context: "ssl.SSLContext | None") -> Filter:
        """Return the TLS filter of a client; see `Address.new_filter`."""
        from qmpeer.transport.filters import TLSFilter, client_context  # start: 40 ms

        return TLSFilter(
            context or client_context(self.dir, self.verify_peer),
            server_side=False,
            server_hostname=self.tls_hostname or host,
            record=1 if self.one_byte_records else limits.TLS_RECORD,
            needs_goodbye=False,  # QEMU sends no close_notify when it ends
        )

    def __str__(self) -> str:
        words = []
        for name in _OPTIONS:
            value = getattr(self, name.replace("-", "_"))
            if value != getattr(_DEFAULTS, name.replace("-", "_")):
                words.append(f"{name}={_written(value)}")
        return "?" + "&".join(words) if words else ""


_DEFAULTS: Final = TlsOptions()


class _FilteredAddress(HostAddress, frozen=True):
    """A host and a port behind a filter."""

    def endpoints(self, *, to_listen: bool = False) -> list[Endpoint]:
        """Return the endpoints of TCP, for dialling only: listeners set their filters elsewhere."""
        if to_listen:
            raise ValueError(f"found {str(self)!r}, which can only be dialled, not listened on")
        return super().endpoints()


class TlsAddress(_FilteredAddress, frozen=True):
    """A host and a port with TLS."""

    scheme: ClassVar[str] = "tls"
    form: ClassVar[str] = "tls:HOST:PORT"

    tls: TlsOptions = _DEFAULTS

    @classmethod
    def parse(cls, text: str) -> "TlsAddress":
        """Parse HOST:PORT[?OPTIONS]."""
        where, _, query = text.partition("?")
        host, port = parse_host_port(where)
        if not host:
            raise ValueError(f"found {text!r}, expected tls:HOST:PORT")
        return cls(host, port, TlsOptions.parse(query))

    def new_filter(self, tls: "ssl.SSLContext | None") -> Filter:
        """Return the TLS filter."""
        return self.tls.new_filter(self.host, tls)

    def __str__(self) -> str:
        return f"tls:{self.where}{self.tls}"


class WsAddress(_FilteredAddress, frozen=True):
    """The address of a WebSocket."""

    scheme: ClassVar[str] = "ws"
    form: ClassVar[str] = "ws://HOST:PORT"

    path: str = "/"

    @classmethod
    def parse(cls, text: str) -> "WsAddress":
        """Parse //HOST[:PORT][/PATH]."""
        if text.startswith("//") and "?" in text:
            raise ValueError(f"found 'ws:{text}', {_expected('ws')}: options are for TLS")
        host, port, path, _ = _read_url("ws", 80, text)
        return cls(host, port, path)

    def new_filter(self, tls: "ssl.SSLContext | None") -> Filter:
        """Return the filter of a WebSocket's client."""
        from qmpeer.transport.filters import WebSocketClientFilter  # start: 40 ms

        refuse_tls(self, tls)
        return WebSocketClientFilter(self.where, self.path)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.where}{self.path}"


class WssAddress(WsAddress, frozen=True):
    """The address of a WebSocket over TLS."""

    scheme: ClassVar[str] = "wss"
    form: ClassVar[str] = "wss://HOST:PORT"

    tls: TlsOptions = _DEFAULTS

    @classmethod
    def parse(cls, text: str) -> "WssAddress":
        """Parse //HOST[:PORT][/PATH][?OPTIONS]."""
        host, port, path, query = _read_url("wss", 443, text)
        return cls(host, port, path, TlsOptions.parse(query))

    def new_filter(self, tls: "ssl.SSLContext | None") -> Filter:
        """Return the filter of a WebSocket's client above TLS."""
        upgrade = super().new_filter(None)
        return Stacked(self.tls.new_filter(self.host, tls), upgrade)

    def __str__(self) -> str:
        return f"{super().__str__()}{self.tls}"


def _expected(scheme: str) -> str:
    return f"expected {scheme}://HOST[:PORT][/PATH]"


def _read_url(scheme: str, default_port: int, text: str) -> tuple[str, int, str, str]:
    """Parse a URL into host, port, path and options."""
    url, _, query = text.partition("?")
    where, _, path = url[2:].partition("/")
    if where.endswith("]") or ":" not in where:
        where += f":{default_port}"
    is_url = text.startswith("//") and "#" not in text
    host, port = parse_host_port(where) if is_url else ("", 0)
    if not host or not _PATH.fullmatch(path):
        raise ValueError(f"found '{scheme}:{text}', {_expected(scheme)}")
    return host, port, "/" + path, query


def _written(value: str | bool) -> str:
    """Return an option's value as text, with other characters as %XX."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return _UNSAFE.sub(lambda byte: b"%%%02X" % ord(byte[0]), os.fsencode(value)).decode()
