"""The encoder of commands: readable ones are encoded, ones that no server accepts are refused."""

import math
from typing import Any

import pytest
from hypothesis import given

from qmpeer import limits
from qmpeer.errors import LimitError, ValidationError, WireError
from qmpeer.values import JsonObject, JsonValue
from qmpeer.wire import ServerReader, encode_request
from tests.wire.strategies import json_values


def command(value: JsonValue) -> JsonObject:
    return {"execute": "x", "arguments": {"a": value}}


def nested(levels: int) -> JsonObject:
    """Return a command that is nested `depth` objects deep."""
    value: JsonObject = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


@given(json_values)
def test_what_goes_out_is_read(value: JsonValue) -> None:
    try:
        text = encode_request(command(value))
    except ValidationError:
        return
    assert not isinstance(ServerReader().receive_data(text)[0], WireError | LimitError)


CHARACTERS = ["\ud800", "\udbff", "\udc00", "\udfff", "\ufdd0", "\ufdef", "\ufffe", "\uffff"]
ASTRAL = [chr(plane << 16 | last) for plane in (1, 2, 8, 15, 16) for last in (0xFFFE, 0xFFFF)]


@pytest.mark.parametrize("char", CHARACTERS + ASTRAL, ids=ascii)
def test_characters_that_no_server_reads(char: str) -> None:
    with pytest.raises(ValidationError) as caught:
        encode_request(command(["é", {"b": f"info {char} x"}]))
    assert caught.value.path == "arguments.a[1].b"
    kind = "a lone surrogate" if 0xD800 <= ord(char) <= 0xDFFF else "a noncharacter"
    assert str(caught.value) == (
        f"arguments.a[1].b holds U+{ord(char):04X}, {kind}, "
        "expected characters that a server accepts"
    )


@pytest.mark.parametrize("char", ["\0", "\x1b", "\x7f", "\ufdcf", "\ufdf0", "\ufffd", "\U0001f600"])
def test_characters_beside_them(char: str) -> None:
    assert ServerReader().receive_data(encode_request(command(char))) == [command(char)]


@pytest.mark.parametrize(
    ("message", "where"),
    [
        ({"execute": "te\udcffst"}, "execute"),
        ({"execute": "x", "arguments": {"\uffff": 1}}, "a name in arguments"),
        ({"execute": "x", "arguments": {"a": ({"b": ["\ud800"]},)}}, "arguments.a[0].b[0]"),
    ],
)
def test_where_they_stand(message: Any, where: str) -> None:
    with pytest.raises(ValidationError, match=r"holds U\+") as caught:
        encode_request(message)
    assert caught.value.path == where


@pytest.mark.parametrize("is_list", [False, True])
def test_nesting(is_list: bool) -> None:
    deepest: Any = nested(limits.NESTING - 2)
    if is_list:
        deepest = [deepest]
    assert (
        len(ServerReader().receive_data(encode_request(command(nested(limits.NESTING - 2))))) == 1
    )
    with pytest.raises(LimitError) as caught:
        encode_request(command([deepest] if not is_list else deepest))
    assert str(caught.value) == "a value is nested deeper than 1024 levels"
    assert (caught.value.limit, caught.value.value) == ("NESTING", limits.NESTING)


def test_brackets_in_strings_are_no_nesting() -> None:
    message = command(["[" * 3000, '\\"[{' * 1000])
    assert ServerReader().receive_data(encode_request(message)) == [message]


def test_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOKENS", 4096)
    most = (4096 - 13) // 2  # 14 tokens around the items, and a comma after each except the last
    for count in (most - 1, most):
        message = command([1] * count)
        assert ServerReader().receive_data(encode_request(message)) == [message]
    with pytest.raises(LimitError, match="a command has 4097 tokens, expected at most 4096"):
        encode_request(command([1] * (most + 1)))
    assert isinstance(ServerReader().receive_data(b"%s\n" % dump(most + 1))[0], LimitError)


def dump(count: int) -> bytes:
    return b'{"execute":"x","arguments":{"a":[' + b"1," * (count - 1) + b"1]}}"


def test_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOKEN_SIZE", 4096)
    around = len(encode_request(command("")))
    assert len(encode_request(command("x" * (4095 - around)))) == 4095
    with pytest.raises(LimitError, match="a command takes 4096 bytes, expected at most 4095"):
        encode_request(command("x" * (4096 - around)))


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_numbers_that_json_cannot_express_are_refused(number: float) -> None:
    text = f"arguments.a[1].b is {number}, expected a number that JSON can express"
    with pytest.raises(ValidationError) as caught:
        encode_request(
            {"execute": "x", "arguments": {"c": None, "a": [None, {"b": number}], "d": "null"}}
        )
    assert (str(caught.value), caught.value.path) == (text, "arguments.a[1].b")


def test_null_is_sent_as_it_stands() -> None:
    message: JsonObject = {"execute": "x", "arguments": {"a": [None, [1.5, None]], "b": "null"}}
    sent = b'{"execute":"x","arguments":{"a":[null,[1.5,null]],"b":"null"}}'
    assert encode_request(message) == sent
