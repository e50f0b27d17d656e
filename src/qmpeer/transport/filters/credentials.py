"""TLS contexts from QEMU's folders of certificates and keys.

A folder for ``tls-creds-x509`` has ca-cert.pem, and server-cert.pem with server-key.pem or
client-cert.pem with client-key.pem. It may have ca-crl.pem, a list of revoked certificates. A
folder for ``tls-creds-psk`` has keys.psk with lines of NAME:KEY in hexadecimal. A folder for
``tls-creds-anon`` may have dh-params.pem.

TLS 1.2 is the oldest accepted version. [QEMU accepts the versions of GnuTLS's priorities, 1.0 among
them.] [The newest version of anonymous TLS, which anybody between the ends can read, is 1.2.]
Without dh-params.pem, anonymous TLS uses the group ffdhe2048: QEMU as a client accepts no elliptic
curves there.

Spec: QEMU's texts for unreadable files; RFC 7919, appendix A.1, for the group.
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
    """Return the context for a folder of certificates.

    Args:
        folder: The ``dir`` of tls-creds-x509.
        server_side: True for a server: ``endpoint=server``.
        verify_peer: A server accepts only clients with a certificate of this authority; a client
            accepts only servers whose certificate holds their name. A client needn't have a
            certificate itself.
        passphrase: The passphrase of the private key.

    Raises:
        OSError: If a file is missing or can't be read, with QEMU's text.
        ValueError: If a file has invalid contents, with QEMU's text.
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
    """Return the context of a client for any TLS server.

    Args:
        folder: As for `x509_context`; None trusts the system's authorities and has no certificate.
        verify_peer: Accept only servers whose certificate holds their name.

    Raises:
        OSError: If a file of the folder is missing or has invalid contents.
    """
    if folder is not None:
        try:
            return x509_context(folder, server_side=False, verify_peer=verify_peer)
        except ValueError as error:  # an OSError, like a missing file's: it may be half written
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
    """Return a context without certificates, for ``tls-creds-anon``.

    Raises:
        ValueError: If dh-params.pem is invalid, or if Python's TLS has no anonymous ciphers.
    """
    context = _context(server_side)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        # OpenSSL refuses anonymous ciphers at any higher security level.
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
    """Return a context with pre-shared keys, for ``tls-creds-psk``.

    Args:
        folder: The ``dir`` of tls-creds-psk.
        server_side: True for a server, which accepts every name in the file.
        username: The name of a client's key.

    Raises:
        OSError: If keys.psk is missing or can't be read.
        ValueError: If the file has no such key, or if Python's TLS has no pre-shared keys.
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
"""Diffie-Hellman parameters, which OpenSSL reads only from a file."""


def _context(server_side: bool) -> ssl.SSLContext:
    kind = ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT
    context = ssl.SSLContext(kind)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    if server_side:
        context.num_tickets = 0  # a monitor's connection is long, so resuming sessions is useless
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
        # Without this callback OpenSSL would ask for the passphrase on the terminal.
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
