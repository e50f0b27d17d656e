"""Contexts made of folders: accepted files, and one-line errors for the others."""

import base64
import ssl
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from qmpeer import limits
from qmpeer.transport.filters import (
    TLSFilter,
    anonymous_context,
    psk_context,
    x509_context,
)
from tests.transport.filters.certificates import Authority, Issued
from tests.transport.filters.wires import Ends

HAS_PSK = hasattr(ssl.SSLContext, "set_psk_server_callback")
needs_psk = pytest.mark.skipif(not HAS_PSK, reason="needs Python 3.13")


@pytest.fixture(scope="module")
def issued(authority: Authority) -> Issued:
    return authority.issue("laptop")


@pytest.fixture
def folder(tmp_path: Path, authority: Authority, issued: Issued) -> Path:
    return authority.fill(tmp_path / "pki", server=issued, client=issued, revoked=[issued])


def test_a_server(folder: Path) -> None:
    context = x509_context(folder, server_side=True)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_flags & ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF


def test_a_server_that_asks_nobody(folder: Path) -> None:
    context = x509_context(str(folder), server_side=True, verify_peer=False)
    assert context.verify_mode is ssl.CERT_NONE


def test_a_client(folder: Path) -> None:
    context = x509_context(folder, server_side=False)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_client_without_certificate(folder: Path) -> None:
    (folder / "client-cert.pem").unlink()
    (folder / "client-key.pem").unlink()
    (folder / "ca-crl.pem").unlink()
    x509_context(folder, server_side=False)


@pytest.mark.parametrize(
    ("server_side", "name"),
    [
        (True, "ca-cert.pem"),
        (True, "server-cert.pem"),
        (True, "server-key.pem"),
        (False, "ca-cert.pem"),
        (False, "client-cert.pem"),
        (False, "client-key.pem"),
    ],
)
def test_a_missing_file(folder: Path, server_side: bool, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError) as found:
        x509_context(folder, server_side=server_side)
    text = f"Unable to access credentials {folder}/{name}: No such file or directory"
    assert found.value.strerror == text


BAD = {
    "ca-cert.pem": "Unable to import CA certificate list {0}/ca-cert.pem",
    "ca-crl.pem": "Unable to import CA certificate revoke list {0}/ca-crl.pem",
    "server-cert.pem": "Unable to load certificate {0}/server-cert.pem & key {0}/server-key.pem: ",
    "server-key.pem": "Unable to load certificate {0}/server-cert.pem & key {0}/server-key.pem: ",
}


@pytest.mark.parametrize("content", [b"", b"rubbish\n"], ids=["empty", "rubbish"])
@pytest.mark.parametrize(("name", "text"), BAD.items(), ids=list(BAD))
def test_a_bad_file(folder: Path, name: str, text: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError) as found:
        x509_context(folder, server_side=True)
    assert str(found.value).startswith(text.format(folder))
    assert "\n" not in str(found.value)


def test_the_key_of_another(folder: Path, authority: Authority) -> None:
    (folder / "server-key.pem").write_bytes(authority.issue("another").key_pem())
    with pytest.raises(ValueError, match="key values mismatch"):
        x509_context(folder, server_side=True)


@pytest.mark.parametrize(
    "passphrase", [b"secret", "secret", lambda: b"secret"], ids=["bytes", "text", "function"]
)
def test_a_passphrase(folder: Path, issued: Issued, passphrase: Any) -> None:
    (folder / "server-key.pem").write_bytes(issued.key_pem(b"secret"))
    x509_context(folder, server_side=True, passphrase=passphrase)


@pytest.mark.parametrize("passphrase", [None, "", "wrong"])
def test_a_wrong_passphrase(folder: Path, issued: Issued, passphrase: str | None) -> None:
    (folder / "server-key.pem").write_bytes(issued.key_pem(b"secret"))
    with pytest.raises(ValueError, match="Unable to load certificate"):
        x509_context(folder, server_side=True, passphrase=passphrase)


def test_two_who_dont_know_each_other() -> None:
    client = TLSFilter(anonymous_context(None, server_side=False), server_side=False)
    ends = Ends(client, TLSFilter(anonymous_context(None, server_side=True), server_side=True))
    assert ends.failures == (None, None)
    ends.exchange(ends.client.send(b"{}"))
    assert ends.server_data == b"{}"
    assert ends.server.peer_name is None


def test_the_group_of_anonymous_tls() -> None:
    """RFC 7919, A.1: p = 2^2048 - 2^1984 + {[2^1918 * e] + 560316} * 2^64 - 1."""
    precision = 2100
    e, term, n = 0, 1 << precision, 0
    while term:
        e += term
        n += 1
        term //= n
    p = 2**2048 - 2**1984 + ((e >> (precision - 1918)) + 560316) * 2**64 - 1
    file = resources.files("qmpeer.transport.filters") / "ffdhe2048.pem"
    head, *body, tail = file.read_text().splitlines()

    assert (head, tail) == ("-----BEGIN DH PARAMETERS-----", "-----END DH PARAMETERS-----")
    sequence_of_p_and_2 = bytes.fromhex("30820108 0282010100") + p.to_bytes(256) + b"\x02\1\2"
    assert base64.b64decode("".join(body)) == sequence_of_p_and_2


@pytest.mark.parametrize("has_folder", [False, True])
def test_anonymous_clients_that_know_no_elliptic_curves(tmp_path: Path, has_folder: bool) -> None:
    folder = tmp_path if has_folder else None
    context = anonymous_context(None, server_side=False)
    context.set_ciphers("ADH+AESGCM:@SECLEVEL=0")
    server = TLSFilter(anonymous_context(folder, server_side=True), server_side=True)

    ends = Ends(TLSFilter(context, server_side=False), server)

    assert ends.failures == (None, None)
    ends.exchange(ends.client.send(b"{}"))
    assert ends.server_data == b"{}"


def test_bad_parameters_of_anonymous_tls(tmp_path: Path) -> None:
    (tmp_path / "dh-params.pem").write_text("rubbish")
    with pytest.raises(ValueError, match=r"Unable to load DH parameters from .*/dh-params.pem$"):
        anonymous_context(tmp_path, server_side=True)


def _keys(folder: Path, text: str) -> Path:
    (folder / "keys.psk").write_text(text)
    return folder


@pytest.mark.skipif(HAS_PSK, reason="needs a Python before 3.13")
def test_keys_before_python_3_13(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as found:
        psk_context(_keys(tmp_path, "qemu:00ff\n"), server_side=True)
    assert str(found.value) == "TLS with pre-shared keys needs Python 3.13 or newer"


def test_no_keys(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"Unable to access credentials .*keys\.psk"):
        psk_context(tmp_path, server_side=True)


@needs_psk
def test_two_with_one_key(tmp_path: Path) -> None:
    folder = _keys(tmp_path, "# a comment\nother:0011\nqemu:00112233445566778899\n")
    client = TLSFilter(psk_context(folder, server_side=False), server_side=False)
    ends = Ends(client, TLSFilter(psk_context(folder, server_side=True), server_side=True))
    assert ends.failures == (None, None)
    ends.exchange(ends.client.send(b"{}"))
    assert ends.server_data == b"{}"


@needs_psk
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("other:00\n", "has no key of 'qemu'"),
        ("qemu:xyz\n", "of 'qemu' that is not hexadecimal"),
        ("#" * (limits.SECRET + 1), f"has more than {limits.SECRET} bytes"),
    ],
    ids=["another's", "no digits", "too much"],
)
def test_bad_keys(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        psk_context(_keys(tmp_path, text), server_side=False)


@pytest.mark.parametrize("make", [x509_context, psk_context])
def test_no_folder(tmp_path: Path, make: Callable[..., ssl.SSLContext]) -> None:
    with pytest.raises(FileNotFoundError):
        make(tmp_path / "nowhere", server_side=True)
