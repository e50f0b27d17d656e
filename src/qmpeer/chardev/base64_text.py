"""Base64 as QEMU decodes it: a check of the characters, then GLib's decoder."""

import base64
import re
from typing import Final

from qmpeer.errors import ChardevError

_TEXT: Final = re.compile(rb"[A-Za-z0-9+/=\r\n]*")
_PADDED: Final = re.compile(rb"[^=]*={0,2}")


def read_base64(text: bytes) -> bytes:
    """Decode base64; an incomplete group of four characters at the end is dropped.

    Spec: QEMU ignores line ends, and reads padding in the middle of the text as zeros.

    Raises:
        ChardevError: If the text has other characters, in QEMU's words.

    Example:
        >>> read_base64(b"YWJjZA=="), read_base64(b"YWJjZA")
        (b'abcd', b'abc')
    """
    if not _TEXT.fullmatch(text):
        raise ChardevError("Base64 data contains invalid characters")
    text = text.translate(None, b"\r\n")
    text = text[: len(text) // 4 * 4]
    if _PADDED.fullmatch(text):
        return base64.b64decode(text)
    return b"".join(_decode_group(text[at : at + 4]) for at in range(0, len(text), 4))


def _decode_group(group: bytes) -> bytes:
    data = base64.b64decode(group.replace(b"=", b"A"))
    return data[:1] + data[1:2] * (group[2:3] != b"=") + data[2:] * (group[3:] != b"=")
