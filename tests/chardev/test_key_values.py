"""The key=value language: single values; start_lines.txt has whole command lines."""

import pytest

from qmpeer.chardev.key_values import (
    KeyValue,
    parse_key_values,
    read_boolean,
    read_number,
    read_size,
    read_structured,
    size_warning,
    split_key_values,
)
from qmpeer.errors import ChardevError


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ("a", [("implied", "a")]),
        ("a=b", [("a", "b")]),
        ("a,b=c", [("implied", "a"), ("b", "c")]),
        ("a,,b", [("implied", "a,b")]),
        ("a,,b,c=d,,,e=f", [("implied", "a,b"), ("c", "d,"), ("e", "f")]),
        ("a,", [("implied", "a")]),
        ("a,,", [("implied", "a,")]),
        (",a", [("implied", ""), ("a", "on")]),
        ("x=1,server,nowait", [("x", "1"), ("server", "on"), ("wait", "off")]),
        ("x=1,no", [("x", "1"), ("", "off")]),
        ("x=,x==", [("x", ""), ("x", "=")]),
        ("=x", [("", "x")]),
    ],
)
def test_pairs(text: str, pairs: list[tuple[str, str]]) -> None:
    assert split_key_values(text, implied_key="implied") == pairs


@pytest.mark.parametrize(
    ("flag", "advice"),
    [
        ("server", "server=on"),
        ("nowait", "wait=off"),
        ("delay", "nodelay=off"),
        ("nodelay", "nodelay=on"),
    ],
)
def test_flag(flag: str, advice: str) -> None:
    [_, pair] = parse_key_values(f"x=1,{flag}")
    assert pair.flag == flag
    assert pair.warning == (
        f"short-form boolean option '{flag}' deprecated\nPlease use {advice} instead"
    )
    assert KeyValue("a", "b").warning is None


@pytest.mark.parametrize("text", ["on", "yes", "true", "y"])
def test_true(text: str) -> None:
    assert read_boolean("k", text)


@pytest.mark.parametrize("text", ["off", "no", "false", "n"])
def test_false(text: str) -> None:
    assert not read_boolean("k", text)


@pytest.mark.parametrize("text", ["", "1", "ON", " on"])
def test_no_boolean(text: str) -> None:
    with pytest.raises(ChardevError, match=r"^Parameter 'k' expects 'on' or 'off'$"):
        read_boolean("k", text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("10", 10),
        ("010", 8),
        ("0x1F", 31),
        (" \n+7", 7),
        ("-1", (1 << 64) - 1),
        ("-0", 0),
        ("18446744073709551615", (1 << 64) - 1),
        ("0" * 100 + "7", 7),
        ("0xffffffffffffffff", (1 << 64) - 1),
        ("01777777777777777777777", (1 << 64) - 1),
    ],
)
def test_number(text: str, number: int) -> None:
    assert read_number("k", text) == number


@pytest.mark.parametrize("text", ["", "x", "1x", "08", "1 ", "0x", "1.5", "--1", "1_0", "٣"])
def test_no_number(text: str) -> None:
    with pytest.raises(ChardevError, match=r"^Parameter 'k' expects a number$"):
        read_number("k", text)


@pytest.mark.parametrize("text", ["18446744073709551616", "9" * 5000, "-" + "9" * 30])
def test_too_large_number(text: str) -> None:
    with pytest.raises(ChardevError, match=f"^Value '{text}' is too large for parameter 'k'$"):
        read_number("k", text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("010", 10),
        ("4b", 4),
        ("4k", 4096),
        ("4M", 4 << 20),
        ("1.5G", 3 << 29),
        ("1.k", 1024),
        ("1.0", 1),
        ("0.1k", 102),
        ("0.0005k", 1),
        ("0x10", 16),
        ("0x10k", 16384),
        ("0x1e", 30),
        (" +8k", 8192),
        ("15E", 15 << 60),
        ("0" * 5000 + "1", 1),
        ("18446744073709551615", (1 << 64) - 1),
    ],
)
def test_size(text: str, size: int) -> None:
    assert read_size("k", text) == size


@pytest.mark.parametrize(
    "text",
    ["", "k", "-1", "1.5", "0.5b", "1e3", "1.5e1", "4kb", ".5k", "0x1.8k", "0x", "1 k", "inf"],
)
def test_no_size(text: str) -> None:
    with pytest.raises(ChardevError) as caught:
        read_size("k", text)
    assert str(caught.value) == "Parameter 'k' expects a non-negative number below 2^64"
    assert caught.value.hint.startswith("Optional suffix k, M, G, T, P or E means")


@pytest.mark.parametrize("text", ["16E", "18446744073709551616", "9" * 5000])
def test_too_large_size(text: str) -> None:
    with pytest.raises(ChardevError, match=f"^Value '{text}' is out of range for parameter 'k'$"):
        read_size("k", text)


def test_size_warning() -> None:
    assert size_warning("0x10k") == "Using a multiplier suffix on hex numbers is deprecated: 0x10k"
    assert size_warning("0x10") is size_warning("16k") is size_warning("x") is None


def test_structured() -> None:
    assert read_structured("a=1,b=x,,y,a=2") == {"a": "2", "b": "x,y"}
    assert read_structured('{"a": [1, {"b": true}]}') == {"a": [1, {"b": True}]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a", "Expected '=' after parameter 'a'"),
        ("a=1,b", "Expected '=' after parameter 'b'"),
        ("{", "JSON parse error, premature EOI"),
        ('{"a": 1} {"b": 2}', "Expecting at most one JSON value"),
        ("{]", "JSON parse error, expecting value"),
    ],
)
def test_no_structure(text: str, reason: str) -> None:
    with pytest.raises(ChardevError, match=f"^{reason}$"):
        read_structured(text)
