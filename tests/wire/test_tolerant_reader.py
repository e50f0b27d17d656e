"""The tolerant reader: small limits, and the time at which a value is parsed."""

import pytest

from qmpeer import limits
from qmpeer.errors import LimitError, WireError
from qmpeer.wire.tolerant import Item, TolerantReader
from tests.wire.exactly import shown

TOKEN_SIZE = "LimitError: JSON token size limit exceeded"
TOKEN_COUNT = "LimitError: JSON token count limit exceeded"
NESTING = "LimitError: JSON nesting depth limit exceeded"
NO_VALUE = "WireError: JSON parse error, expecting value"


def stray(text: str) -> str:
    return f"WireError: JSON parse error, stray '{text}'"


def keyword(text: str) -> str:
    return f"WireError: JSON parse error, invalid keyword '{text}'"


def read(data: bytes, size: int) -> list[Item]:
    reader = TolerantReader()
    items: list[Item] = []
    for start in range(0, len(data), size):
        items += reader.receive_data(data[start : start + size])
    return items


every_size = pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])


@every_size
@pytest.mark.parametrize(
    ("data", "items"),
    [
        # A token may have 20 bytes, and so may all tokens of a value together.
        pytest.param(b'"' + b"a" * 17 + b'" ', ["'" + "a" * 17 + "'"], id="a string within it"),
        pytest.param(
            b'"' + b"a" * 22 + b'"\n',
            [TOKEN_SIZE, keyword("aa"), stray('"\n')],
            id="a string past it",
        ),
        pytest.param(b"[" + b" " * 50 + b"]", ["[ ]"], id="white space is free"),
        pytest.param(b'["aaaa","bbbb"]\n', ["[ 'aaaa' 'bbbb' ]"], id="tokens within it"),
        pytest.param(
            b'["aaaa","bbbb","cccc"]\n',
            [TOKEN_SIZE, NO_VALUE],
            id="a token past it with those before",
        ),
        pytest.param(
            b'{}["aaaa","bbbb","ccc"]\n', ["{ }", TOKEN_SIZE, NO_VALUE], id="a value behind another"
        ),
        pytest.param(b"[1]" * 30, ["[ 1 ]"] * 30, id="each value counts for itself"),
        pytest.param(b"1" * 25 + b" ", [TOKEN_SIZE, "1111"], id="a number past it"),
        pytest.param(b"b" * 25 + b"\n", [TOKEN_SIZE, keyword("bbbb")], id="a keyword past it"),
    ],
)
def test_token_size(
    data: bytes, items: list[str], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TOKEN_SIZE", 20)
    assert shown(read(data, size)) == items


@every_size
@pytest.mark.parametrize(
    ("data", "items"),
    [
        pytest.param(b"[1,1]\n", ["[ 1 1 ]"], id="five"),
        pytest.param(b"[1,1,1]\n", [TOKEN_COUNT, NO_VALUE], id="seven"),
        pytest.param(b'["a","b"]["c"]\n', ["[ 'a' 'b' ]", "[ 'c' ]"], id="each value for itself"),
    ],
)
def test_token_count(
    data: bytes, items: list[str], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TOKENS", 5)
    assert shown(read(data, size)) == items


@every_size
@pytest.mark.parametrize(
    ("data", "items"),
    [
        pytest.param(b"[[{}]]\n", ["[ [ { } ] ]"], id="three"),
        pytest.param(b"[[[[", [NESTING], id="four arrays"),
        pytest.param(b'{"a":{"a":[[', [NESTING], id="objects and arrays together"),
        pytest.param(b"[][][][][]", ["[ ]"] * 5, id="side by side"),
        pytest.param(b"[[[[1]]]]", [NESTING, "1", *[NO_VALUE] * 4], id="it starts afresh"),
    ],
)
def test_nesting(data: bytes, items: list[str], size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "NESTING", 3)
    assert shown(read(data, size)) == items


@every_size
@pytest.mark.parametrize(
    ("data", "items"),
    [
        pytest.param(b"{]", [NO_VALUE], id="{]"),
        pytest.param(b"}", [NO_VALUE], id="}"),
        pytest.param(b"[}", [NO_VALUE], id="[} waits for nothing"),
        pytest.param(b"[[]", [], id="[[] waits"),
        pytest.param(b"42", [], id="a number waits for its end"),
        pytest.param(b"42 ", ["42"], id="a number and its end"),
        pytest.param(b"true{}", ["True", "{ }"], id="a keyword ended by a brace"),
        pytest.param(b'"a""b"', ["'a'", "'b'"], id="strings"),
        pytest.param(b" \r\n\t", [], id="white space"),
    ],
)
def test_when_a_value_is_parsed(data: bytes, items: list[str], size: int) -> None:
    assert shown(read(data, size)) == items


def test_a_byte_that_starts_afresh() -> None:
    reader = TolerantReader()
    assert reader.receive_data(b'{"a": [1, "b') == []
    assert shown(reader.receive_data(b"\xff{}")) == [stray('"b\ufffd'), "{ }"]
    assert reader.is_idle


@pytest.mark.parametrize(
    ("data", "is_idle"),
    [(b"", True), (b"{}", True), (b"{", False), (b'"a', False), (b"1", False), (b"@", False)],
)
def test_is_idle(data: bytes, is_idle: bool) -> None:
    reader = TolerantReader()
    reader.receive_data(data)
    assert reader.is_idle is is_idle
    reader.receive_data(b"\x01\n")
    assert reader.is_idle


def test_errors_bear_the_bytes_that_had_come() -> None:
    reader = TolerantReader()
    reader.receive_data(b"{}" * 5)
    (error,) = reader.receive_data(b"zz\n")
    assert isinstance(error, WireError)
    assert error.position == 13


def test_limit_errors_say_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOKENS", 3)
    (error, _) = TolerantReader().receive_data(b"[1,2]")
    assert isinstance(error, LimitError)
    assert (error.limit, error.value) == ("token count", 3)
