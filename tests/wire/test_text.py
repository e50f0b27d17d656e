"""Strings of QEMU's dialect: decoding, and the display of malformed ones."""

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qmpeer import limits
from qmpeer.errors import WireError
from qmpeer.wire import text
from qmpeer.wire.lexer import Lexer
from qmpeer.wire.text import LongString, decode_string, replace_malformed

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
    (b'"\xff\\a"', NO_UTF8),  # the first fault counts
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


PARTS = [
    *(b"a", b"bcd" * 5, b"\\\\", b"\\n", b"\\u00e9", b"\\ud83d\\ude00", b"\\\\ud83d", b"u0041"),
    *("\xe9€\U0001f600".encode(), "\U0001f600".encode() * 3, b"\xc0\x80", b"\\/"),
]
FAULTY_PARTS = [
    *(b"\\ud83d", b"\\ude00", b"\\u12", b"\\x", b"\\\xc0\x80", b"\\ufffe", b"\\ud83f\\udfff"),
    *(b"\x80" * 9, b"\xe9", b"\xed\xa0\x80", b"\xef\xbf\xbe", b"\xf0\x9f"),
]


def outcome(token: bytes) -> str:
    """Return a token's text, or its error message."""
    try:
        return decode_string(token)
    except WireError as error:
        return f"error: {error.reason}"


@pytest.mark.property
@given(st.integers(0, 1 << 48), st.sampled_from([b'"', b"'"]), st.booleans())
@example(0, b'"', False)
def test_a_long_string_says_the_same_however_it_comes(
    seed: int, quote: bytes, is_faulty: bool
) -> None:
    chance = random.Random(seed)
    parts = chance.choices(PARTS, k=chance.randrange(1, 60))
    if is_faulty:
        parts.insert(chance.randrange(len(parts) + 1), chance.choice(FAULTY_PARTS))
    token = quote + b"".join(parts) + quote
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "SLICE", 20)
        patch.setattr(text, "_WINDOW", 16)
        lexer, found, position = Lexer(), [], 0
        while position < len(token):
            end = position + chance.randrange(1, 30)
            found += lexer.tokens(token[position:end])
            position = end
        outcomes = [*map(outcome, found)]
    assert found == [token]
    assert outcomes == [outcome(token)]


@pytest.mark.parametrize("quote", [b'"', b"'"])
@pytest.mark.parametrize("part", [part for part in PARTS if part != b"\\/"], ids=ascii)
def test_a_long_strings_beginning_is_decoded_before_its_end(part: bytes, quote: bytes) -> None:
    lexer = Lexer()
    for _ in range(25):
        assert lexer.tokens((quote if lexer.is_idle else b"") + part * (16_000 // len(part))) == []
    assert lexer.held_size > lexer.size
    (token,) = lexer.tokens(b"x" + quote)
    assert isinstance(token, LongString)
    assert token.position > len(token) - 2 * text._WINDOW
    assert (
        decode_string(token)
        == decode_string(quote + part + quote) * (25 * (16_000 // len(part))) + "x"
    )


def test_a_long_string_that_is_none_is_a_stray_token() -> None:
    lexer = Lexer()
    assert lexer.tokens(b'"' + b"x" * 300_000) == []
    (stray,) = lexer.tokens(b"y\x01 ")
    assert stray == b'"' + b"x" * 300_000 + b"y\x01"
    assert type(stray).__name__ == "Stray"
