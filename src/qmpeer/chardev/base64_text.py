"""Base64 as QEMU reads it, which is GLib's way behind a check of the characters."""

import base64
import re
from typing import Final

from qmpeer.errors import ChardevError

_TEXT: Final = re.compile(rb"[A-Za-z0-9+/=\r\n]*")
_PADDED: Final = re.compile(rb"[^=]*={0,2}")


def read_base64(text: bytes) -> bytes:
    """Decode base64 as far as it goes: what is left over of a group of four is dropped.

    Spec: QEMU: line ends don't count; padding may stand within the text, too, where it counts as
    zeros.

    Raises:
        ChardevError: If there are other characters in it, in QEMU's words.

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
