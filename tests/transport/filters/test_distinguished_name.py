"""Distinguished names as GnuTLS writes them: each row was seen in QEMU 7.2."""

import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type as Type
from cryptography.x509.oid import NameOID
from hypothesis import given, strategies

from qmpeer.transport.filters import subject_name
from tests.growth import assert_linear
from tests.transport.filters.certificates import Authority, Subject, name_of

CN = NameOID.COMMON_NAME


def one(oid: str, value: str, kind: Type) -> x509.Name:
    attribute = x509.NameAttribute(x509.ObjectIdentifier(oid), value, kind, _validate=False)
    return x509.Name([attribute])


NAMES: dict[str, tuple[Subject, str]] = {
    "the order is the certificate's": (
        name_of(
            (NameOID.COUNTRY_NAME, "GB"),
            (NameOID.ORGANIZATION_NAME, "Acme, Inc."),
            (CN, "laptop"),
        ),
        "C=GB,O=Acme\\, Inc.,CN=laptop",
    ),
    "special characters": (name_of((CN, 'a+b="c"\\<d>;e#f')), 'CN=a\\+b=\\"c\\"\\\\\\<d\\>\\;e#f'),
    "blanks around": (name_of((CN, " lead and trail ")), "CN=\\ lead and trail\\ "),
    "several blanks around": (name_of((CN, "  x  ")), "CN=\\  x \\ "),
    "a blank": (name_of((CN, " ")), "CN=\\ "),
    "a hash": (name_of((CN, "#hash")), "CN=\\#hash"),
    "no ASCII": (name_of((CN, "grüße 漢字")), "CN=grüße 漢字"),
    "control characters": (name_of((CN, "a\x7f\x01b")), "CN=a\x7f\x01b"),
    "an equals sign": (name_of((CN, "a=b")), "CN=a=b"),
    "twice the same": (name_of((CN, "a"), (CN, "b")), "CN=a,CN=b"),
    "two at once": (
        x509.Name(
            [
                x509.RelativeDistinguishedName(
                    [
                        x509.NameAttribute(CN, "a"),
                        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "o"),
                    ]
                )
            ]
        ),
        "CN=a+O=o",
    ),
    "short names": (
        name_of(
            (NameOID.STATE_OR_PROVINCE_NAME, "London"),
            (NameOID.LOCALITY_NAME, "L"),
            (NameOID.ORGANIZATIONAL_UNIT_NAME, "u"),
            (NameOID.EMAIL_ADDRESS, "a@b.c"),
            (NameOID.USER_ID, "me"),
            (NameOID.DOMAIN_COMPONENT, "dc"),
        ),
        "ST=London,L=L,OU=u,EMAIL=a@b.c,UID=me,DC=dc",
    ),
    "long names": (
        name_of(
            (NameOID.SURNAME, "s"),
            (NameOID.SERIAL_NUMBER, "1"),
            (NameOID.STREET_ADDRESS, "st"),
            (NameOID.TITLE, "t"),
            (NameOID.BUSINESS_CATEGORY, "bc"),
            (NameOID.POSTAL_CODE, "pc"),
            (NameOID.GIVEN_NAME, "g"),
            (NameOID.INITIALS, "i"),
            (NameOID.GENERATION_QUALIFIER, "III"),
            (NameOID.DN_QUALIFIER, "q"),
            (NameOID.PSEUDONYM, "p"),
        ),
        (
            "surName=s,serialNumber=1,street=st,title=t,businessCategory=bc,postalCode=pc,givenName=g,"
            "initials=i,generationQualifier=III,dnQualifier=q,pseudonym=p"
        ),
    ),
    "no name": (
        name_of((x509.ObjectIdentifier("1.2.3.4"), "x"), (CN, "y")),
        "1.2.3.4=#0c0178,CN=y",
    ),
    "a number of many bytes": (
        one("2.16.840.1.113730.3.1.3", "GB", Type.UTF8String),
        "2.16.840.1.113730.3.1.3=#0c024742",
    ),
    "telephone": (one("2.5.4.20", "123", Type.PrintableString), "telephoneNumber=123"),
    "telephone in UTF-8": (one("2.5.4.20", "123", Type.UTF8String), "telephoneNumber=#0c03313233"),
    "country in UTF-8": (one("2.5.4.6", "GB", Type.UTF8String), "C=#0c024742"),
    "country in IA5": (one("2.5.4.6", "GB", Type.IA5String), "C=#16024742"),
    "domain in UTF-8": (
        one("0.9.2342.19200300.100.1.25", "dc", Type.UTF8String),
        "DC=#0c026463",
    ),
    "mail in UTF-8": (one("1.2.840.113549.1.9.1", "a@b", Type.UTF8String), "EMAIL=#0c03614062"),
    "user in IA5": (one("0.9.2342.19200300.100.1.1", "me", Type.IA5String), "UID=#16026d65"),
    "IA5": (one("2.5.4.3", "ia5", Type.IA5String), "CN=#1603696135"),
    "digits": (one("2.5.4.3", "123", Type.NumericString), "CN=#1203313233"),
    "T.61": (one("2.5.4.3", "tele", Type.T61String), "CN=tele"),
    "T.61, no ASCII": (one("2.5.4.3", "tele ü", Type.T61String), "CN=\\#74656c6520c3bc"),
    "UCS-2": (one("2.5.4.3", "bmp ü", Type.BMPString), "CN=bmp ü"),
    "UCS-4": (one("2.5.4.3", "uni", Type.UniversalString), "CN=\\#000000750000006e00000069"),
    "extended validation": (
        one("1.3.6.1.4.1.311.60.2.1.3", "GB", Type.PrintableString),
        "jurisdictionOfIncorporationCountryName=GB",
    ),
}


@pytest.mark.parametrize(("subject", "name"), NAMES.values(), ids=list(NAMES))
def test_names(authority: Authority, subject: Subject, name: str) -> None:
    assert subject_name(authority.issue(subject).der) == name


def test_nobody(authority: Authority) -> None:
    assert subject_name(authority.issue(x509.Name([])).der) == ""


@pytest.mark.parametrize("given", [b"", b"\x30", b"\x30\x00", b"{}", b"\x30\x82\xff\xff"])
def test_what_is_no_certificate(given: bytes) -> None:
    with pytest.raises(ValueError, match=r"found no certificate|subject of type"):
        subject_name(given)


@pytest.mark.property
@given(strategies.data())
def test_a_damaged_certificate_raises_nothing_else(
    authority: Authority, data: strategies.DataObject
) -> None:
    damaged = bytearray(authority.der)
    for _ in range(data.draw(strategies.integers(1, 4))):
        place = data.draw(strategies.integers(0, len(damaged) - 1))
        damaged[place] = data.draw(strategies.integers(0, 255))
    del damaged[data.draw(strategies.integers(0, len(damaged))) :]
    try:
        subject_name(bytes(damaged))
    except ValueError:
        pass


def element(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return bytes([tag, 0x84]) + len(body).to_bytes(4, "big") + body


def certificate(oid: bytes) -> bytes:
    """Return a certificate with a subject, which four other elements precede."""
    attribute = element(0x30, element(0x06, oid), element(0x0C, b"x"))
    subject = element(0x30, element(0x31, attribute))
    return element(0x30, element(0x30, *[element(0x30)] * 4, subject))


def test_a_number_of_an_identifier_is_not_longer_than_a_uuid() -> None:
    longest = b"\x69\x83" + b"\xff" * 17 + b"\x7f"

    assert subject_name(certificate(longest)) == f"2.25.{(1 << 128) - 1}=#0c8400000001" + b"x".hex()
    with pytest.raises(ValueError, match="a number of more than 128 bits"):
        subject_name(certificate(longest.replace(b"\x83", b"\x84")))


def test_a_long_number_takes_no_long_time() -> None:
    def run(size: int) -> None:
        with pytest.raises(ValueError, match="a number of more than 128 bits"):
            subject_name(certificate(b"\xff" * size + b"\x7f"))

    assert_linear(run, 400_000)
