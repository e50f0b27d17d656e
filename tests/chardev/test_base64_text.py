"""Base64 decoding, compared with a model of GLib's decoder: a group of four at a time."""

import itertools

import pytest

from qmpeer.chardev.base64_text import read_base64
from qmpeer.errors import ChardevError

VALUES = {ord("A"): 0, ord("B"): 1, ord("/"): 63, ord("="): 0}


def model(text: bytes) -> bytes:
    """Decode as g_base64_decode() does, whose state is the last two characters of a group."""
    found = bytearray()
    group: list[int] = []
    for character in text:
        if character in VALUES:
            group.append(character)
        if len(group) == 4:
            number = 0
            for of in group:
                number = number << 6 | VALUES[of]
            three = number.to_bytes(3, "big")
            found.append(three[0])
            if group[2] != ord("="):
                found.append(three[1])
            if group[3] != ord("="):
                found.append(three[2])
            group = []
    return bytes(found)


def test_every_short_text_is_read_or_refused() -> None:
    for size in range(1, 7):
        for letters in itertools.product(b"A=/B\n-", repeat=size):
            text = bytes(letters)
            if b"-" in text:
                with pytest.raises(ChardevError, match="invalid characters"):
                    read_base64(text)
            else:
                assert read_base64(text) == model(text), text


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (b"AA=A", b"\0\0"),
        (b"====", b"\0"),
        (b"YWJj====ZGVm", b"abc\0def"),
        (b"YWJjZ===", b"abcd"),
        (b"YW\nJj\r\n", b"abc"),
    ],
)
def test_padding_in_odd_places(text: bytes, data: bytes) -> None:
    assert read_base64(text) == data
