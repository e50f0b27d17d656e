"""A certificate authority of the tests' own, with folders as QEMU's tls-creds-x509 has them."""

import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY: Final = datetime.timedelta(days=1)
_PEM: Final = serialization.Encoding.PEM

Key = ec.EllipticCurvePrivateKey
Subject = str | x509.Name
"""A common name, or a whole name."""


class Issued:
    """A certificate with its key."""

    def __init__(self, certificate: x509.Certificate, key: Key) -> None:
        self.certificate = certificate
        self._key = key

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(_PEM)

    def key_pem(self, passphrase: bytes | None = None) -> bytes:
        return self._key.private_bytes(
            _PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase)
            if passphrase
            else serialization.NoEncryption(),
        )


class Authority:
    """An authority for certificates of servers at 127.0.0.1 and localhost, and of clients."""

    def __init__(self, name: str = "the authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self.certificate = (
            _builder(self._name, self._name, self._key, 0)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(is_authority=True), critical=True)
            .add_extension(_subject_id(self._key), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def issue(self, subject: Subject, *, age: int = 1) -> Issued:
        """Sign a certificate that became valid some days ago and lasts two days."""
        key = ec.generate_private_key(ec.SECP256R1())
        uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        names = [
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        ]
        certificate = (
            _builder(
                subject if isinstance(subject, x509.Name) else _name(subject), self._name, key, age
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(is_authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(_authority_id(self._key), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Issued(certificate, key)

    def revoke(self, *revoked: Issued) -> bytes:
        """Return the list of these revoked certificates."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name)
            .last_update(_now() - _DAY)
            .next_update(_now() + _DAY)
        )
        for one in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(one.certificate.serial_number)
                .revocation_date(_now() - _DAY)
                .build()
            )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(_PEM)

    def fill(
        self,
        folder: Path,
        *,
        server: Issued | None = None,
        client: Issued | None = None,
        revoked: Sequence[Issued] = (),
    ) -> Path:
        """Make a folder with the files for one end."""
        folder.mkdir()
        (folder / "ca-cert.pem").write_bytes(self.certificate.public_bytes(_PEM))
        for end, issued in (("server", server), ("client", client)):
            if issued is not None:
                (folder / f"{end}-cert.pem").write_bytes(issued.pem)
                (folder / f"{end}-key.pem").write_bytes(issued.key_pem())
        if revoked:
            (folder / "ca-crl.pem").write_bytes(self.revoke(*revoked))
        return folder


def name_of(*attributes: tuple[x509.ObjectIdentifier, str] | Any) -> x509.Name:
    """Return a name made of types and values, in this order."""
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


def _name(common_name: str) -> x509.Name:
    return name_of((NameOID.COMMON_NAME, common_name))


def _subject_id(key: Key) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key())


def _authority_id(key: Key) -> x509.AuthorityKeyIdentifier:
    """Return the extension that Python requires by default since 3.13."""
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, age: int) -> x509.CertificateBuilder:
    start = _now() - age * _DAY - datetime.timedelta(hours=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + 2 * _DAY)
    )


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
