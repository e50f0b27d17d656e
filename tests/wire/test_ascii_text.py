"""Conversion of JSON text to ASCII: compared with a simple version, and its cost."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.wire.ascii_text import to_ascii
from tests.growth import cpu_time

_encode = msgspec.json.Encoder().encode
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def plainly(text: str) -> bytes:
    """Convert a string character by character."""
    units = (
        _SHORT.get(c)
        or (c if " " <= c < "\x7f" else "")
        or "".join(
            f"\\u{c.encode('utf-16-be')[at : at + 2].hex().upper()}"
            for at in range(0, len(c.encode("utf-16-be")), 2)
        )
        for c in text
    )
    return f'"{"".join(units)}"'.encode()


@pytest.mark.property
@given(
    st.text(
        st.sampled_from(
            'abcdefxu0019\\"\x00\x0b\x1b\x1f\n\x7f\x80\xab\xff\u0fff\u20ac\ud7ff\ue000\uabcd\uffff\U0001d11e\U0010ffff'
        )
        | st.characters(codec="utf-8"),
        max_size=30,
    )
)
def test_any_text(text: str) -> None:
    assert to_ascii(_encode(text)) == plainly(text)


def test_every_character() -> None:
    """All characters together leave no first digit for surrogates; a part of them does."""
    low = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x10000))))
    for text in (low + "\U0001d11e\U0010ffff", low[:0x5000] + "\U0001d11ea\U0010ffff"):
        assert to_ascii(_encode(text)) == plainly(text)


CHANCE = random.Random(4)
COUNT = 1 << 18
TEXTS = {
    "one kind": "\xe9" * COUNT,
    "every second": "a\u20ac" * (COUNT // 2),
    "now and then": ("a" * 99 + "\xe9") * (COUNT // 100),
    "past 16 bits": "\U0001f600" * COUNT,
    "40 kinds": "".join(CHANCE.choices([chr(0x430 + n) for n in range(40)], k=COUNT)),
    "all kinds": "".join(CHANCE.choices([chr(n) for n in range(0x80, 0xD800)], k=COUNT)),
    "behind backslashes": "\\\xe9" * (COUNT // 2),
    "control": "\x1b" * COUNT,
}


@pytest.mark.alone
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_no_python_for_each_character(text: str) -> None:
    """The measure is the time in which Python calls a function once per character."""
    data = _encode(text)
    each = cpu_time(lambda: [len(c) for c in text])
    assert min(cpu_time(lambda: to_ascii(data)) for _ in range(3)) < 5 * each
