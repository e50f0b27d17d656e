"""The exact bytes of the writer."""

import math
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given

from qmpeer import limits
from qmpeer.errors import LimitError
from qmpeer.values import JsonValue
from qmpeer.wire import encode_compact, encode_line, encode_pretty
from tests.wire.strategies import json_values

Encode = Callable[[JsonValue], bytes]
every = pytest.mark.parametrize("encode", [encode_compact, encode_line, encode_pretty])

LINES: list[tuple[object, bytes]] = [
    ({"return": {}}, b'{"return": {}}'),
    ({"return": [1, 2, {"a": []}], "id": None}, b'{"return": [1, 2, {"a": []}], "id": null}'),
    ([True, False, None], b"[true, false, null]"),
    ('\b\f\n\r\t"\\/', rb'"\b\f\n\r\t\"\\/"'),
    ("\x00\x01\x1f", rb'"\u0000\u0001\u001F"'),
    ({"id": "\x7f"}, rb'{"id": "\u007F"}'),
    ("\x7f\x80\xab\xff", rb'"\u007F\u0080\u00AB\u00FF"'),
    ("€\ufffd\U0001d11e\U0010fffd", rb'"\u20AC\uFFFD\uD834\uDD1E\uDBFF\uDFFD"'),
    ("\\u00ab", rb'"\\u00ab"'),
    ("\\\\u00ab\x1b", rb'"\\\\u00ab\u001B"'),
    ("\\\x1b", rb'"\\\u001B"'),
    ("a\ud800b", rb'"a\uFFFDb"'),
    ({"\udfff": "\ud834\udd1e"}, rb'{"\uFFFD": "\uFFFD\uFFFD"}'),
    ({"a, b: c": ", : [] {}"}, b'{"a, b: c": ", : [] {}"}'),
    (
        [0, -1, 2**63, 2**64 - 1, -(2**63)],
        b"[0, -1, 9223372036854775808, 18446744073709551615, -9223372036854775808]",
    ),
    (2**64, b"18446744073709551616"),
    ([10**30, -(10**30)], b"[1" + b"0" * 30 + b", -1" + b"0" * 30 + b"]"),
    ([0.1, 1.5, -0.25, 1e300], b"[0.1, 1.5, -0.25, 1e300]"),
    ([math.inf, -math.inf, math.nan], b"[null, null, null]"),
    ((1, (2,)), b"[1, [2]]"),
]

PRETTY: list[tuple[JsonValue, bytes]] = [
    (1, b"1\r\n"),
    ({}, b"{\r\n}\r\n"),
    ([], b"[\r\n]\r\n"),
    ({"return": {}}, b'{\r\n    "return": {\r\n    }\r\n}\r\n'),
    (
        {"return": {}, "id": [[], {}, [1, {"a": []}]]},
        (
            b'{\r\n    "return": {\r\n    },\r\n    "id": [\r\n        [\r\n        ],\r\n'
            b"        {\r\n        },\r\n        [\r\n            1,\r\n            {\r\n"
            b'                "a": [\r\n                ]\r\n            }\r\n        ]\r\n'
            b"    ]\r\n}\r\n"
        ),
    ),
    ({"a": "[]", "b": "{},"}, b'{\r\n    "a": "[]",\r\n    "b": "{},"\r\n}\r\n'),
    (
        {"a{": ["x[", "[],"]},
        b'{\r\n    "a{": [\r\n        "x[",\r\n        "[],"\r\n    ]\r\n}\r\n',
    ),
    ("\xe9\n\x1b", b'"\\u00E9\\n\\u001B"\r\n'),
    ("\x7f", b'"\\u007F"\r\n'),
    ("\x1b", b'"\\u001B"\r\n'),
    (["\ud800", []], b'[\r\n    "\\uFFFD",\r\n    [\r\n    ]\r\n]\r\n'),
]


@pytest.mark.parametrize(("value", "text"), LINES)
def test_line(value: JsonValue, text: bytes) -> None:
    assert encode_line(value) == text + b"\r\n"


@pytest.mark.parametrize(("value", "text"), PRETTY)
def test_pretty(value: JsonValue, text: bytes) -> None:
    assert encode_pretty(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"execute": "x", "arguments": {"a": [1, 2]}, "id": 0}, None),
        ({"a": "\xe9€\U0001d11e"}, '{"a":"\xe9€\U0001d11e"}'),
        ({"a": "\x7f\x1b"}, '{"a":"\x7f\\u001b"}'),
        ({"a": "\ud800"}, '{"a":"\ufffd"}'),
        ([math.inf], "[null]"),
    ],
)
def test_compact(value: JsonValue, text: str | None) -> None:
    if text is None:
        text = '{"execute":"x","arguments":{"a":[1,2]},"id":0}'
    assert encode_compact(value) == text.encode()


@every
@pytest.mark.parametrize("depth", [900, 1010, 1024])
def test_any_nesting_that_can_be_read(encode: Encode, depth: int) -> None:
    arrays, objects = nested(depth - 1)
    for value, opener, closer in ((arrays, b"[", b"]"), (objects, b"{", b"}")):
        text = encode(value)
        assert (text.count(opener), text.count(closer)) == (depth, depth)
        squeezed = b"".join(text.split()).replace(b'"a":', b"")
        assert squeezed == opener * depth + closer * depth


def nested(depth: int, value: Any = None) -> tuple[Any, Any]:
    """Return a value nested in a number of arrays, and in a number of objects."""
    arrays, objects = ([], {}) if value is None else (value, value)
    for _ in range(depth):
        arrays, objects = [arrays], {"a": objects}
    return arrays, objects


def holds_itself(make: Callable[[list[Any]], object]) -> object:
    """Return a list that holds a value made from the list itself."""
    value: list[Any] = []
    value.append(make(value))
    return value


MANY: list[Any] = [{"a": n} for n in range(20_000)]
ENDLESS: dict[str, object] = {
    "a list": holds_itself(lambda value: value),
    "a list twice": holds_itself(lambda value: [value, value]),
    "an object": holds_itself(lambda value: {"a": 1, "b": value}),
    "a tuple": holds_itself(lambda value: (1, (value,))),
    "much before": holds_itself(lambda value: [MANY, value, MANY]),
    "a long string before": holds_itself(lambda value: ["x" * 5_000_000, value]),
    "many members before": {"a": [*MANY, holds_itself(lambda value: {"parent": value})]},
    "a lone surrogate before": holds_itself(lambda value: ["\ud800", value]),
    "1,025 arrays": nested(1025)[0],
    "1,025 objects": nested(1025)[1],
    "100,000 arrays": nested(100_000)[0],
    "deep in many": [*MANY, nested(1100)[0]],
    "deep and long": nested(1100, "x" * 100_000)[0],
    "many and deep": nested(1100, MANY)[1],
}


@every
@pytest.mark.parametrize("value", ENDLESS.values(), ids=ENDLESS)
def test_what_has_no_end(encode: Encode, value: JsonValue) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(
            (TypeError, LimitError), match=r"that holds itself|nested deeper than 1024 levels"
        ):
            encode(value)
        assert tracemalloc.get_traced_memory()[1] < 128 * 1024**2
    finally:
        tracemalloc.stop()


@every
def test_what_grows_by_holding_others_twice(
    encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WRITTEN_SIZE", 1_000_000)
    value: JsonValue = 1
    for _ in range(60):
        value = [value, value]
    with pytest.raises(LimitError, match="longer than 1000000 bytes"):
        encode(value)


def test_numbers_with_too_many_digits() -> None:
    """Python refuses to convert them to text."""
    values: list[JsonValue] = [10**5000, [10**5000], {"a": [1, 10**5000]}]
    for value in values:
        with pytest.raises(TypeError, match="digits"):
            encode_line(value)


@every
@pytest.mark.parametrize("depth", [1, 1015])
def test_what_json_can_not_hold(encode: Encode, depth: int) -> None:
    for bad in (object(), {"a": 1j}, {(1, 2): 3}, lambda: None):
        value: object = bad
        for _ in range(depth):
            value = [value]
        with pytest.raises(TypeError):
            encode(value)  # type: ignore[arg-type]  # that is the point


@pytest.mark.property
@given(json_values)
def test_the_slow_way_writes_the_same(value: JsonValue) -> None:
    """Long values and lone surrogates take another path, with the same result."""
    odd: JsonValue = {"a": value, "odd": ["\ud800", value], "b": [value]}
    plain: JsonValue = {"a": value, "odd": ["\ufffd", value], "b": [value]}
    for encode in (encode_compact, encode_line, encode_pretty):
        assert encode(odd) == encode(plain)


@pytest.mark.property
@given(json_values)
def test_lines_are_ascii_and_one(value: JsonValue) -> None:
    line = encode_line(value)
    assert line.isascii()
    assert line.endswith(b"\r\n")
    assert all(0x20 <= byte < 0x7F for byte in line[:-2])
    pretty = encode_pretty(value)
    assert pretty.count(b"\r\n") == pretty.count(b"\n") == pretty.count(b"\r")
    assert msgspec.json.decode(pretty) == msgspec.json.decode(line)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_pretty_of_the_empty_at_any_level(count: int) -> None:
    value: JsonValue = [{}] * count
    for _ in range(1000):
        value = [value]
    lines = encode_pretty(value).split(b"\r\n")
    assert len(lines) == 2 * 1001 + 2 * count + 1
    assert b"[]" not in b"".join(lines)
