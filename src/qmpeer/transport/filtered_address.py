"""Addresses that are dialled through filters: ``tls:``, ``ws:`` and ``wss:``.

    tls:HOST:PORT[?OPTION=VALUE&...]
    ws://HOST[:PORT][/PATH]
    wss://HOST[:PORT][/PATH][?OPTION=VALUE&...]

The options are for this end and are never sent. They have QEMU's names where QEMU has them:

``dir``
    The folder of certificates, as QEMU's ``tls-creds-x509`` wants it for a client: ca-cert.pem,
    and, to show who we are, client-cert.pem with client-key.pem. Without it the server's
    certificate has to be one of an authority that this system trusts, and none of ours is shown.
``verify-peer``
    ``off`` takes any server, whoever it may be.
``tls-hostname``
    The name that the server's certificate has to hold, if it isn't HOST.
``one-byte-records``
    ``on`` sends each byte in a record of its own, which QEMU 7.2 needs: its monitor reads one byte
    of each, and then waits for the next. QEMU has no such option.
"""

import os
import re
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

from qmpeer.transport.address import Address, parse_host_port

_OPTIONS: Final = {
    "dir": "tls_dir",
    "tls-hostname": "tls_hostname",
    "verify-peer": "verify_peer",
    "one-byte-records": "one_byte_records",
}
_BOOLEANS: Final = frozenset({"verify-peer", "one-byte-records"})
_VALUES: Final = {"on": True, "yes": True, "off": False, "no": False}
_PORTS: Final = {"ws": 80, "wss": 443}
_PATH: Final = re.compile(r"[!-~]*")  # sent as it is; what else is in it is written as %XX


def parse_filtered(scheme: str, text: str) -> Address:
    """Read what stands behind "tls:", "ws:" or "wss:".

    Raises:
        ValueError: If it is no such address.
    """
    return _parse_tls(text) if scheme == "tls" else _parse_url(scheme, text)


def format_filtered(address: Address) -> str:
    """Write one of these addresses as text that is read as the same address."""
    host = f"[{address.host}]" if ":" in (address.host or "") else address.host
    text = f"{address.scheme}:{host}:{address.port}"
    if address.scheme != "tls":
        text = f"{address.scheme}://{host}:{address.port}{address.path or '/'}"
    options = []
    if address.tls_dir is not None:
        options.append(f"dir={quote(os.fsencode(address.tls_dir))}")
    if address.tls_hostname is not None:
        options.append(f"tls-hostname={quote(os.fsencode(address.tls_hostname))}")
    if not address.verify_peer:
        options.append("verify-peer=off")
    if address.one_byte_records:
        options.append("one-byte-records=on")
    return text + ("?" + "&".join(options) if options else "")


def _parse_tls(text: str) -> Address:
    where, mark, query = text.partition("?")
    host, port = parse_host_port(where)
    if not host:
        raise ValueError(f"found {text!r}, expected tls:HOST:PORT")
    return Address(scheme="tls", host=host, port=port, **_options(query if mark else ""))


def _parse_url(scheme: str, text: str) -> Address:
    expected = f"expected {scheme}://HOST[:PORT][/PATH]"
    if not text.startswith("//") or "#" in text:
        raise ValueError(f"found '{scheme}:{text}', {expected}")
    where, mark, query = text[2:].partition("?")
    if mark and scheme == "ws":
        raise ValueError(f"found '{scheme}:{text}', {expected}: options are for TLS")
    where, _, path = where.partition("/")
    if where.endswith("]") or ":" not in where:
        where += f":{_PORTS[scheme]}"
    host, port = parse_host_port(where)
    if not host:
        raise ValueError(f"found '{scheme}:{text}', {expected}")
    if not _PATH.fullmatch(path):
        raise ValueError(f"found '{scheme}:{text}', {expected}")
    return Address(scheme=scheme, host=host, port=port, path="/" + path, **_options(query))


def _options(query: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word in query.split("&") if query else ():
        name, equals, value = word.partition("=")
        if not equals or name not in _OPTIONS or _OPTIONS[name] in found:
            expected = "dir=, tls-hostname=, verify-peer= or one-byte-records=, each once"
            raise ValueError(f"found the option {word!r}, expected {expected}")
        text = os.fsdecode(unquote_to_bytes(value))
        if not text or "\0" in text:
            raise ValueError(f"found the option {word!r}, expected a value behind {name}=")
        if name in _BOOLEANS:
            if text not in _VALUES:
                raise ValueError(f"found the option {word!r}, expected {name}=on or =off")
            found[_OPTIONS[name]] = _VALUES[text]
        else:
            found[_OPTIONS[name]] = text
    return found
