"""The lexer: the borders of tokens, for any borders of chunks."""

import pytest

from qmpeer import limits
from qmpeer.wire.lexer import Lexer, Oversize, Stray

WHOLE = [
    *(b"{", b"}", b"[", b"]", b":", b","),
    *(b'""', b"''", b'"a"', b"'a'", b'"\\""', b"'\\''", b'"\\\\"', b'"\'"', b"'\"'", b'"\x7f\xfd"'),
    b'"{}[]:,"',
    *(b"0", b"-0", b"1", b"-1", b"120", b"0.5", b"-0.25", b"1.0", b"10.25"),
    *(b"1e5", b"1E5", b"1e+5", b"1E-05", b"0.0e1", b"1.5e300", b"1.5E3", b"0.5E-3"),
    *(b"true", b"x", b"abc"),
]
"""Tokens that are ended by the next byte, which belongs to the next token."""

FAILED = [
    *(b"A", b"@", b"\x00", b"\x1f", b"\x7f", b"\x80", b"\xff", b"_", b"/", b"+", b"."),
    *(b"00", b"-00", b"01", b"-a", b"--", b"-\n", b"1.e", b"1..", b"1.}", b"0.x", b"1e.", b"1e+}"),
    *(b'"a\n', b'"\t', b"'\x01", b'"\\\n', b'"\xff', b'"\\\xfe'),
]
"""Failed tokens, the offending byte last."""

TWO = [
    (b"0e1 ", [b"0", b"e", b"1"]),
    (b"1x ", [b"1", b"x"]),
    (b"1true ", [b"1", b"true"]),
    (b"true1 ", [b"true", b"1"]),
    (b"1-1 ", [b"1", b"-1"]),
    (b'1"a"', [b"1", b'"a"']),
    (b'a"a"', [b"a", b'"a"']),
    (b"1'a'", [b"1", b"'a'"]),
    (b"1[", [b"1", b"["]),
    (b"1.5a ", [b"1.5", b"a"]),
    (b"1e5e ", [b"1e5", b"e"]),
    (b"0-0 ", [b"0", b"-0"]),
    (b'""""', [b'""', b'""']),
]
"""Tokens without a gap."""


def cut(data: bytes, first: int) -> list[bytes]:
    lexer = Lexer()
    return lexer.tokens(data[:first]) + lexer.tokens(data[first:])


def bytewise(data: bytes) -> list[bytes]:
    lexer = Lexer()
    return [token for byte in data for token in lexer.tokens(bytes([byte]))]


def check_everywhere(data: bytes, expected: list[bytes]) -> None:
    for first in range(len(data) + 1):
        found = cut(data, first)
        assert found == expected
        assert [*map(type, found)] == [*map(type, expected)]
    assert bytewise(data) == expected


@pytest.mark.parametrize("token", WHOLE)
@pytest.mark.parametrize("end", [b" ", b"\n", b",", b"]"])
def test_a_token(token: bytes, end: bytes) -> None:
    check_everywhere(token + end, [token, end] if end in b",]" else [token])


@pytest.mark.parametrize("token", FAILED)
def test_a_failed_token(token: bytes) -> None:
    check_everywhere(token, [Stray(token)])
    check_everywhere(b"[" + token + b" @ a1\n1 ", [b"[", Stray(token), b"1"])


@pytest.mark.parametrize(("data", "tokens"), TWO)
def test_tokens_without_a_gap(data: bytes, tokens: list[bytes]) -> None:
    check_everywhere(data, tokens)


@pytest.mark.parametrize("byte", range(256))
def test_where_a_token_may_begin_behind_an_error(byte: int) -> None:
    begins = byte in b"{}[]:," or (byte < 0x20 and byte != 0x09) or byte >= 0xFE
    tokens = Lexer().tokens(b"@" + bytes([byte]) + b"1 ")
    assert (tokens[-1] == b"1") is (begins and byte < 0x80 and chr(byte) in "{}[]:,\r\n")
    assert (len(tokens) > 1) is begins


@pytest.mark.parametrize(
    ("data", "is_idle"),
    [(b"", True), (b"1 ", True), (b"1", False), (b"a", False), (b'"a', False), (b"@", False)],
)
def test_is_idle(data: bytes, is_idle: bool) -> None:
    lexer = Lexer()
    lexer.tokens(data)
    assert lexer.is_idle is is_idle


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize(
    "token", [b'"aaaaaaaa', b"'aaaaaaaa", b"111111111", b"aaaaaaaaa", b"1.1111111"]
)
def test_a_token_past_the_limit(token: bytes, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOKEN_SIZE", 8)
    lexer = Lexer()
    found = [t for at in range(0, len(token), size) for t in lexer.tokens(token[at : at + size])]
    assert found == [Oversize()]
    assert [*map(type, found)] == [Oversize]
    assert lexer.tokens(b" [") == [b"["]


def test_a_long_string_in_many_chunks_is_read_once() -> None:
    lexer = Lexer()
    assert lexer.tokens(b'"') == []
    for _ in range(1000):
        assert lexer.tokens(b"\\u0041" * 100) == []
    assert lexer.tokens(b'"') == [b'"' + b"\\u0041" * 100_000 + b'"']
