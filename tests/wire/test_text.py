"""Strings of QEMU's dialect: what they say, and how the malformed is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.errors import WireError
from qmpeer.wire.text import decode_string, replace_malformed

GOOD = [
    (rb'"abc"', "abc"),
    (rb"'a\'b'", "a'b"),
    (rb'"\"\\\/\b\f\n\r\t"', '"\\/\b\f\n\r\t'),
    (rb"'\"\\\/\b\f\n\r\t'", '"\\/\b\f\n\r\t'),
    (rb'"\u0041\u00e9\u20AC"', "A\xe9€"),
    (rb'"\u0000"', "\0"),
    (b'"a\xc0\x80b"', "a\0b"),
    (rb'"\uD834\uDD1E"', "\U0001d11e"),
    (rb'"\uDBFF\uDFFD"', "\U0010fffd"),
    (rb'"\uFFFD\uFDCF\uFDF0"', "\ufffd\ufdcf\ufdf0"),
    ('"\xe9€\U0001d11e\U0010fffd"'.encode(), "\xe9€\U0001d11e\U0010fffd"),
    ('"\xe9\\n€"'.encode(), "\xe9\n€"),
    (b'"a\xc0\x80\\n"', "a\0\n"),
    (b'"\x7f"', "\x7f"),
]
NO_ESCAPE = "invalid escape sequence in string"
NO_UTF8 = "invalid UTF-8 sequence in string"
BAD = [
    *((b'"x\\%cy"' % byte, NO_ESCAPE) for byte in b"avex0U% \x7f"),
    (b'"\\\xc3\xa9"', NO_ESCAPE),
    (rb'"\uy"', '\\uy" is not a valid Unicode character'),
    (rb'"\u1"', '\\u1" is not a valid Unicode character'),
    (rb'"\u12x4y"', "\\u12x4 is not a valid Unicode character"),
    (b'"\\u12\xffy"', "\\u12\ufffdy is not a valid Unicode character"),
    *(
        (b'"\\u%s"' % code, f"\\u{code.decode()} is not a valid Unicode character")
        for code in (
            *(b"D800", b"dc00", b"DFFF", b"FFFE", b"ffff", b"FDD0", b"fdef"),
            *(b"D83F\\uDFFE", b"DBFF\\uDFFF"),
        )
    ),
    (rb'"\uD800\u0041"', "\\uD800 is not a valid Unicode character"),
    (rb'"\uD800\uD801\uDC02"', "\\uD800 is not a valid Unicode character"),
    (rb'"\uD800\n"', "\\uD800 is not a valid Unicode character"),
    *(
        (b'"%s"' % raw, NO_UTF8)
        for raw in (
            *(
                b"\x80",
                b"\xbf",
                b"\xc0",
                b"\xc3",
                b"\xc1\xbf",
                b"\xc0\xaf",
                b"\xe0\x80",
                b"\xe0\x9f\xbf",
            ),
            *(b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x80\x80\xaf", b"\xf4\x90\x80\x80"),
            *(b"\xf8\x88\x80\x80\x80", b"\xfd\xbf\xbf\xbf\xbf\xbf", b"caf\xe9"),
            *(
                b"\xef\xbf\xbe",
                b"\xef\xbf\xbf",
                b"\xef\xb7\x90",
                b"\xef\xb7\xaf",
                b"\xf0\x9f\xbf\xbe",
            ),
            *(b"\xf4\x8f\xbf\xbf", b"\xf1\xaf\xbf\xbf"),
        )
    ),
    (b'"\xff\\a"', NO_UTF8),  # the first that is wrong counts
    (b'"\\a\xff"', NO_ESCAPE),
    (b'"\xc3\\u00a9"', NO_UTF8),
]


@pytest.mark.parametrize(("token", "text"), GOOD)
def test_decode(token: bytes, text: str) -> None:
    assert decode_string(token) == text


@pytest.mark.parametrize(("token", "reason"), BAD)
def test_refuse(token: bytes, reason: str) -> None:
    with pytest.raises(WireError) as caught:
        decode_string(token)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"abc", "abc"),
        (b"", ""),
        (b"a\x00b", "a"),
        (b"\xff", "\ufffd"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"\xe9t\xe9", "\ufffdt\ufffd"),
        ("\xe9€\U0001d11e".encode(), "\xe9€\U0001d11e"),
        ("\xe9".encode() + b"\xff" + "€".encode(), "\xe9\ufffd€"),
        (b"\xed\xa0\x80", "\ufffd"),
        (b"\xe2\x82", "\ufffd"),
        (b"\xe2\x82a", "\ufffda"),
        (b"\xf8\x88\x80\x80\x80", "\ufffd"),
        (b"\x80\xbf", "\ufffd\ufffd"),
        (b"a\xc0\x80b\xff", "a\0b\ufffd"),
        ("\ufffe".encode(), "\ufffd"),
    ],
)
def test_malformed_units_are_shown(data: bytes, text: str) -> None:
    assert replace_malformed(data) == text


@pytest.mark.property
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.just("\0")),
    st.sampled_from([b'"', b"'"]),
)
def test_whatever_utf8_holds_is_read_or_refused(text: str, quote: bytes) -> None:
    body = text.encode().replace(b"\\", b"\\\\").replace(quote, b"\\" + quote)
    token = quote + body.replace(b"\0", b"\xc0\x80") + quote
    if any(ord(c) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(c) <= 0xFDEF for c in text):
        with pytest.raises(WireError):
            decode_string(token)
    else:
        assert decode_string(token) == text


@pytest.mark.property
@given(st.binary())
def test_anything_can_be_shown(data: bytes) -> None:
    text = replace_malformed(data)
    assert len(text) <= len(data)
    assert text.encode().decode() == text


@pytest.mark.parametrize("more", [b"", b"ude00a", b"\\n", b"\\ud834\\udd1e", b"\\\\\\\xc0\x80"])
@pytest.mark.parametrize("quote", [b'"', b"'"])
def test_a_backslash_in_front_of_nul_in_two_bytes(more: bytes, quote: bytes) -> None:
    with pytest.raises(WireError, match="invalid escape sequence"):
        decode_string(quote + b"a\\\xc0\x80" + more + quote)
    assert decode_string(quote + b"a\\\\\xc0\x80" + quote) == "a\\\0"
