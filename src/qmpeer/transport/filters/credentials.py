"""TLS contexts from QEMU's folders of certificates and keys.

A folder of ``tls-creds-x509`` has ca-cert.pem, server-cert.pem with server-key.pem, or
client-cert.pem with client-key.pem, and perhaps ca-crl.pem, a list of revoked certificates; one of
``tls-creds-psk`` has keys.psk, lines of NAME:KEY in hexadecimal; one of ``tls-creds-anon`` may have
dh-params.pem.

TLS 1.2 is the oldest version taken. [QEMU takes what GnuTLS's priorities say, 1.0 among them.]
[Anonymous TLS, which anybody in between can read, ends at 1.2 as such.] Without dh-params.pem it
uses the group ffdhe2048: QEMU as a client takes no elliptic curves there.

Spec: QEMU's texts for what can't be read; RFC 7919, appendix A.1, for the group.
"""

import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from qmpeer import limits
from qmpeer.transport.filter import FilterError

Passphrase = Callable[[], bytes] | bytes | str | None


def x509_context(
    folder: str | os.PathLike[str],
    *,
    server_side: bool,
    verify_peer: bool = True,
    passphrase: Passphrase = None,
) -> ssl.SSLContext:
    """Make the context of a folder with certificates.

    Args:
        folder: The ``dir`` of tls-creds-x509.
        server_side: Whether it is for a server: ``endpoint=server``.
        verify_peer: For a server, let in only clients with a certificate of this authority; for a
            client, take only servers with one that holds their name. A client without its own
            certificate goes without.
        passphrase: Of the private key.

    Raises:
        OSError: If a file is missing or can't be read, with QEMU's text.
        ValueError: If a file has not in it what it should, with QEMU's text.
    """
    end = "server" if server_side else "client"
    authority = _existing(folder, "ca-cert.pem")
    context = _context(server_side)
    _load_certificates(context, authority, f"Unable to import CA certificate list {authority}")
    needs_own = server_side or any(_is_there(folder, f"client-{part}.pem") for part in _PARTS)
    if needs_own:
        certificate, key = (_existing(folder, f"{end}-{part}.pem") for part in _PARTS)
        _load_own(context, certificate, key, passphrase)
    revoked = Path(folder, "ca-crl.pem")
    if _is_there(folder, "ca-crl.pem"):
        _load_certificates(
            context, revoked, f"Unable to import CA certificate revoke list {revoked}"
        )
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    if verify_peer:
        context.verify_mode = ssl.CERT_REQUIRED
        context.check_hostname = not server_side
    return context


def client_context(folder: str | None, verify_peer: bool) -> ssl.SSLContext:
    """Make the context of a client that dials any server of TLS.

    Args:
        folder: As for `x509_context`; None trusts this system's authorities, and shows nothing.
        verify_peer: Take only servers with a certificate that holds their name.

    Raises:
        OSError: If a file of the folder is missing, or has not in it what it should.
    """
    if folder is not None:
        try:
            return x509_context(folder, server_side=False, verify_peer=verify_peer)
        except ValueError as error:  # it may be half written, as a missing one may come yet
            raise FilterError(str(error)) from None
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    if not verify_peer:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def anonymous_context(
    folder: str | os.PathLike[str] | None, *, server_side: bool
) -> ssl.SSLContext:
    """Make a context without certificates, for ``tls-creds-anon``.

    Raises:
        ValueError: If dh-params.pem is no such file, or if Python's TLS has no anonymous ciphers.
    """
    context = _context(server_side)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.set_ciphers("ADH+AESGCM:AECDH+AES:ADH+AES:@SECLEVEL=0")
    except ssl.SSLError:
        raise ValueError("anonymous TLS is not in this Python's OpenSSL") from None
    if server_side:
        path = _GROUP
        if folder is not None and _is_there(folder, "dh-params.pem"):
            path = Path(folder, "dh-params.pem")
        try:
            context.load_dh_params(str(path))
        except (ssl.SSLError, OSError):
            raise ValueError(f"Unable to load DH parameters from {path}") from None
    return context


def psk_context(
    folder: str | os.PathLike[str], *, server_side: bool, username: str = "qemu"
) -> ssl.SSLContext:
    """Make a context with keys that both ends know, for ``tls-creds-psk``.

    Args:
        folder: The ``dir`` of tls-creds-psk.
        server_side: Whether it is for a server: it takes every name of the file.
        username: Whose key a client uses.

    Raises:
        OSError: If keys.psk is missing or can't be read.
        ValueError: If it has no such key, or if Python's TLS has no pre-shared keys.
    """
    path = _existing(folder, "keys.psk")
    context: Any = _context(server_side)
    if not hasattr(context, "set_psk_server_callback"):
        raise ValueError("TLS with pre-shared keys needs Python 3.13 or newer")
    keys = _read_keys(path)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("PSK")
    if server_side:
        context.set_psk_server_callback(lambda name: keys.get(name or "", b""))
    elif username in keys:
        context.set_psk_client_callback(lambda hint: (username, keys[username]))
    else:
        raise ValueError(f"{path} has no key of {username!r}")
    return context  # type: ignore[no-any-return]  # the methods above are not in older Pythons


_PARTS: Final = ("cert", "key")
_GROUP: Final = Path(__file__).with_name("ffdhe2048.pem")
"""Parameters for Diffie and Hellman, as OpenSSL reads them: from a file only."""


def _context(server_side: bool) -> ssl.SSLContext:
    kind = ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT
    context = ssl.SSLContext(kind)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    if server_side:
        context.num_tickets = 0  # no session is resumed: a monitor's lasts
    return context


def _is_there(folder: str | os.PathLike[str], name: str) -> bool:
    return os.path.exists(os.path.join(folder, name))


def _existing(folder: str | os.PathLike[str], name: str) -> Path:
    path = Path(folder, name)
    try:
        path.open("rb").close()
    except OSError as error:
        text = f"Unable to access credentials {path}: {os.strerror(error.errno or 0)}"
        raise type(error)(error.errno, text) from None
    return path


def _load_certificates(context: ssl.SSLContext, path: Path, refusal: str) -> None:
    try:
        context.load_verify_locations(path)
    except (ssl.SSLError, OSError):
        raise ValueError(refusal) from None


def _load_own(
    context: ssl.SSLContext, certificate: Path, key: Path, passphrase: Passphrase
) -> None:
    found = passphrase() if callable(passphrase) else passphrase

    def ask() -> bytes:
        # Without this OpenSSL would ask on the terminal.
        return found.encode() if isinstance(found, str) else found or b""

    try:
        context.load_cert_chain(certificate, key, ask)
    except (ssl.SSLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ValueError(
            f"Unable to load certificate {certificate} & key {key}: "
            f"{str(reason).replace('_', ' ').lower()}"
        ) from None


def _read_keys(path: Path) -> dict[str, bytes]:
    with path.open("rb") as file:
        data = file.read(limits.SECRET + 1)
    if len(data) > limits.SECRET:
        raise ValueError(f"{path} has more than {limits.SECRET} bytes")
    keys: dict[str, bytes] = {}
    for line in data.decode("utf-8", "surrogateescape").splitlines():
        name, colon, key = line.partition(":")
        if not colon:
            continue
        try:
            keys[name] = bytes.fromhex(key.strip())
        except ValueError:
            raise ValueError(f"{path} has a key of {name!r} that is not hexadecimal") from None
    return keys
