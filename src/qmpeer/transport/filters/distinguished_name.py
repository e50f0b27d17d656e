r"""A certificate's distinguished name, as the text that QEMU compares with authorisation lists.

The text is GnuTLS's. Its parts are in the certificate's order: a certificate made with ``-subj
/C=GB/O=Acme/CN=laptop`` has the name ``C=GB,O=Acme,CN=laptop``. Special characters are escaped with
a backslash. An attribute type without a name is shown as its number, with its value in hexadecimal
behind "#". The value of a named type is written like that, too, if its string type isn't allowed
there. Text in UCS-4, or in T.61 that isn't ASCII, is in hexadecimal behind "\#".

Spec: RFC 4514, except for the order, which QEMU takes from the certificate; GnuTLS 3.7, as QEMU 7.2
shows it, for hexadecimal values.
"""

import re
from typing import Final

_LONGEST_NUMBER: Final = 128
"""Bits of one number of an object identifier. X.667: 128 for a UUID; GnuTLS accepts 64."""
_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_UTF8: Final = 0x0C
_PRINTABLE: Final = 0x13
_T61: Final = 0x14
_IA5: Final = 0x16
_BMP: Final = 0x1E
_UNIVERSAL: Final = 0x1C

_ENCODINGS: Final = {
    _UTF8: "utf-8",
    _PRINTABLE: "ascii",
    _T61: "ascii",
    _IA5: "ascii",
    _BMP: "utf-16-be",
    _UNIVERSAL: None,
}
_DIRECTORY: Final = frozenset({_UTF8, _PRINTABLE, _T61, _BMP, _UNIVERSAL})
"""The string types that are allowed for most attributes."""

_NAMES: Final = {
    "0.9.2342.19200300.100.1.1": ("UID", _DIRECTORY),
    "0.9.2342.19200300.100.1.25": ("DC", {_IA5}),
    "1.2.840.113549.1.9.1": ("EMAIL", {_IA5}),
    "1.3.6.1.4.1.311.60.2.1.1": ("jurisdictionOfIncorporationLocalityName", _DIRECTORY),
    "1.3.6.1.4.1.311.60.2.1.2": ("jurisdictionOfIncorporationStateOrProvinceName", _DIRECTORY),
    "1.3.6.1.4.1.311.60.2.1.3": ("jurisdictionOfIncorporationCountryName", {_PRINTABLE}),
    "1.3.6.1.5.5.7.9.2": ("placeOfBirth", _DIRECTORY),
    "1.3.6.1.5.5.7.9.3": ("gender", {_PRINTABLE}),
    "1.3.6.1.5.5.7.9.4": ("countryOfCitizenship", {_PRINTABLE}),
    "1.3.6.1.5.5.7.9.5": ("countryOfResidence", {_PRINTABLE}),
    "2.5.4.3": ("CN", _DIRECTORY),
    "2.5.4.4": ("surName", _DIRECTORY),
    "2.5.4.5": ("serialNumber", {_PRINTABLE}),
    "2.5.4.6": ("C", {_PRINTABLE}),
    "2.5.4.7": ("L", _DIRECTORY),
    "2.5.4.8": ("ST", _DIRECTORY),
    "2.5.4.9": ("street", _DIRECTORY),
    "2.5.4.10": ("O", _DIRECTORY),
    "2.5.4.11": ("OU", _DIRECTORY),
    "2.5.4.12": ("title", _DIRECTORY),
    "2.5.4.13": ("description", _DIRECTORY),
    "2.5.4.15": ("businessCategory", _DIRECTORY),
    "2.5.4.17": ("postalCode", _DIRECTORY),
    "2.5.4.20": ("telephoneNumber", {_PRINTABLE}),
    "2.5.4.41": ("name", _DIRECTORY),
    "2.5.4.42": ("givenName", _DIRECTORY),
    "2.5.4.43": ("initials", _DIRECTORY),
    "2.5.4.44": ("generationQualifier", _DIRECTORY),
    "2.5.4.46": ("dnQualifier", {_PRINTABLE}),
    "2.5.4.65": ("pseudonym", _DIRECTORY),
}
_ESCAPED: Final = re.compile(r'[,+"\\<>;]|\A[ #]| \Z')


def subject_name(certificate: bytes) -> str:
    """Return the distinguished name of a certificate's subject.

    Args:
        certificate: The certificate in DER, as a handshake returns it.

    Raises:
        ValueError: If it isn't a certificate.
    """
    try:
        _, body, _ = _element(_element(certificate, 0)[1], 0)
        position = _element(body, 0)[2] if body[0] == _VERSION else 0
        for _ in range(4):  # serial number, algorithm, issuer, validity
            position = _element(body, position)[2]
        tag, subject, _ = _element(body, position)
        if tag != _SEQUENCE:
            raise ValueError(f"found a subject of type {tag:#x}, expected a sequence")
        return ",".join("+".join(map(_part, _elements(part))) for part in _elements(subject))
    except IndexError as error:
        raise ValueError(f"found no certificate: {error}") from None


def _part(attribute: bytes) -> str:
    _, oid, position = _element(attribute, 0)
    tag, value, end = _element(attribute, position)
    number = _number(oid)
    name, types = _NAMES.get(number, (number, frozenset[int]()))
    if tag not in types:
        return f"{name}=#{attribute[position:end].hex()}"
    return f"{name}={_ESCAPED.sub(_escape, _text(tag, value))}"


def _text(tag: int, value: bytes) -> str:
    encoding = _ENCODINGS[tag]
    try:
        if encoding is not None:
            return value.decode(encoding)
    except UnicodeDecodeError:
        pass
    return f"#{value.hex()}"


def _escape(found: re.Match[str]) -> str:
    return "\\" + found[0]


def _number(oid: bytes) -> str:
    numbers, value = [], 0
    for byte in oid:
        value = value << 7 | byte & 0x7F
        if value >> _LONGEST_NUMBER:
            raise ValueError(
                "found no certificate: an object identifier has a number of more than "
                f"{_LONGEST_NUMBER} bits"
            )
        if byte < 0x80:
            numbers.append(value)
            value = 0
    # X.690: the first value holds two numbers, as 40 * first + second.
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))


def _elements(data: bytes) -> list[bytes]:
    found, position = [], 0
    while position < len(data):
        _, value, position = _element(data, position)
        found.append(value)
    return found


def _element(data: bytes, position: int) -> tuple[int, bytes, int]:
    """Parse one element of DER: its tag, its value, and the position of the next one."""
    tag, size, start = data[position], data[position + 1], position + 2
    if size >= 0x80:
        count = size & 0x7F
        size = int.from_bytes(data[start : start + count], "big")
        start += count
    if start + size > len(data):
        raise IndexError("it ends too early")
    return tag, data[start : start + size], start + size
