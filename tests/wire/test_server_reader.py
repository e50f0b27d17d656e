"""The server's reader: its fast path compared with the tolerant reader."""

from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.errors import LimitError, WireError
from qmpeer.values import JsonValue
from qmpeer.wire import ServerReader, encode_compact, encode_line, encode_pretty
from qmpeer.wire.server_reader import _decode_alike
from qmpeer.wire.tolerant import Item, TolerantReader
from tests.fuzzing import tried
from tests.wire.exactly import shown
from tests.wire.strategies import any_bytes, chunks, json_texts, json_values, near_json

SEEDS = st.integers(0, 2**32)
EXPECTING_VALUE = "WireError: JSON parse error, expecting value"


def check_alike(data: bytes) -> bool:
    """Check that the fast path returns the tolerant reader's items; return whether it was taken."""
    fast = _decode_alike(data)
    if fast is None:
        return False
    reader = TolerantReader()
    assert shown(list(fast)) == shown(reader.receive_data(data))
    assert reader.is_idle
    return True


def check_pieces(data: bytes, *cuts: Iterable[bytes]) -> None:
    """Check that all ways of cutting some bytes give the tolerant reader's items for the whole."""
    law = shown(TolerantReader().receive_data(data))
    for pieces in ([data], *cuts):
        reader = ServerReader()
        found: list[Item] = []
        for piece in pieces:
            found += reader.receive_data(piece)
        assert shown(found) == law


def check_chunks(data: bytes, seed: int) -> None:
    check_pieces(data, chunks(data, seed))


def check_every_cut(data: bytes) -> None:
    halves = ((data[:at], data[at:]) for at in range(1, len(data)))
    check_pieces(data, [bytes([byte]) for byte in data], *halves)


# Texts that msgspec and QEMU read differently, and ones that only seem so.
TEXTS = [
    pytest.param(b'{"a":1}', True, id="an object"),
    pytest.param(b'{"a":1}\r\n', True, id="CR LF"),
    pytest.param(b'{"a":1}{"b":2}\n', True, id="two on a line"),
    pytest.param(b'{"a":1}\n{"b":2}\n', True, id="two lines"),
    pytest.param(b'{"a":\n1}\n', True, id="one on two lines"),
    pytest.param(b'{"a":"\\"\\\\"}', True, id="escapes"),
    pytest.param(b'{"a":-0}', True, id="minus nothing"),
    pytest.param(b'{"a":18446744073709551615}', True, id="64 bits"),
    pytest.param(b'{"a":-9223372036854775808}', True, id="63 bits and a sign"),
    pytest.param(b'{"a":' + b"[" * 900 + b"]" * 900 + b"}", True, id="900 nested"),
    pytest.param(b'{"a":1,"a":2}', False, id="a member twice"),
    pytest.param(b'{"a":1,"\\u0061":2}', False, id="a member twice, escaped"),
    pytest.param(b'{"x":{"a":1,"a":2}}', False, id="a member twice, within"),
    pytest.param(b'{"a":"\\"","a":"\\""}', False, id="a member twice, quotes in its values"),
    pytest.param(b'{"a":18446744073709551616}', False, id="65 bits"),
    pytest.param(b'{"a":-9223372036854775809}', False, id="64 bits and a sign"),
    pytest.param(b'{"a":' + b"1" * 400 + b"}", False, id="400 digits"),
    pytest.param(b'{"a":0e1}', False, id="0e1"),
    pytest.param(b'{"a":0E1}', False, id="0E1"),
    pytest.param(b'{"a":-0e1}', False, id="-0e1"),
    pytest.param(b'{"a":1e400}', False, id="past a double"),
    pytest.param(b'{"a":"\\uFFFE"}', False, id="a noncharacter, escaped"),
    pytest.param(b'{"a":"\\ud83f\\udffe"}', False, id="a noncharacter of plane 1"),
    pytest.param(b'{"a":"\\ufdd0"}', False, id="an Arabic noncharacter"),
    pytest.param('{"a":"\ufffe"}'.encode(), False, id="a noncharacter as it is"),
    pytest.param(b'{"a":"\xc0\x80"}', False, id="NUL in two bytes"),
    pytest.param(b"1\n", False, id="a number"),
    pytest.param(b"{}truefalse\n", False, id="words without a gap"),
    pytest.param(b"[]\n", False, id="an array"),
    pytest.param(b"{'a':1}", False, id="single quotes"),
    pytest.param(b"\xff{}", False, id="FF"),
    pytest.param(b'{"a":' + b"[" * 1024 + b"]" * 1024 + b"}", False, id="1025 nested"),
]


RARE = [
    # A line that looks whole, inside a value that an earlier line began.
    b'{"a":\n{"b":1}\n}\n{"c":}\n',
    b"{\"a\":'a'}\n\n\xea",
    (
        b'{"a:{\n\n"d\xb3"  :\r\n{"g": [1E+2,\t0\n],"d":"\\ud834\\udd1ea"} }{"a":1e400'
        b'\n\n, \r"f"\r\n: [\n]}'
    ),
    b'"\\\'""\\ufdd0"',
    b'{"exec1e-2te":"a\\\\/"}\n\n\n\n\nte":"a\\\\/"}\n\n\n',
    b'"\xf4\x8f\xbf\xbf""\\uzzzz""\\a"{"execute":"x"}\n"\\uD800\\uD801" ',
    (
        b'{"a":[["a\\\\/"\n,  "\\"a\\"" \r]\t,\n"\x7f"":\n\n{\n"b"\n\n:"\\"b".}\n\n, "h'
        b'"\t:  {  \n}\n\n}\n]}\n'
    ),
    (
        b'{""\\ufdd0"c"\r\n:"b"}\n,\r\n{\r\n"a"\r\n:{ \r}\n}\n,\r\n"\\""" :"/\\u007fa"}'
        b"  } ,\n\n[1E+2g\n]]\r\n]} \n"
    ),
    b'{"a":[ \r""]}\n\n{"a":[ \r""]}\n\n{"a":"\\"a":[ \r""]}\n\n{"a":"\\uFFFF"}\n',
    b"0",
    (
        b'{"a":[[[\n0.0, \r"arguments", \r""\n\n]],  1]}\n\n{"a":{"b"\n\n:"b",\n"d" \r:'
        b"  \"/\"}}  \n'%p'"
    ),
    (
        b'{"id":{\t\r\n}}\r\n{"id":{"f" \r: \xe8 {"c":[ \r]  }\n,"a":\n"a\\u007f\\u00e9'
        b'"\n}}\r\n{"a":-1e400}\n'
    ),
    b'{"a"}\n',
    b'"\x7f"]\xff\xffinf\na',
    b'{1e2"id":""}',
    b'18446744073709551616"{""a b"',
    b'{"a":{ \r \r}} {"a":{ \r \r}}  {"a1.0\\\\007\xb3f\\"\\\\"}\t\n',
    (
        b'{"a":\'a"\\uDC00"\\u0041\'}{"id":"/\\""}{"a":[{"e"\t:\xfe{\r\n"f" :  "\\b\\f1'
        b'e-2\\t"  }\r\n]} \r'
    ),
    (
        b'{"a":[{ "a":[\n\r\n]`,\n"c"\n:\n-1e400} \r, [ \r-1  , \r{ \r"b" :\r\n"\\u00e9'
        b'"\r\n}]} \r\r\n'
    ),
]
"""Inputs that cover all of the reader, selected from thousands of generated ones."""


@pytest.mark.parametrize(("text", "is_fast"), TEXTS)
def test_the_fast_path_is_taken_where_it_gives_the_same(text: bytes, is_fast: bool) -> None:
    assert check_alike(text) is is_fast
    check_chunks(text, 1)
    if len(text) < 200:
        check_every_cut(text)
        check_every_cut(b'{"b":2}\n' + text + b'\n{"c":3}\n')


def test_as_deep_as_it_goes() -> None:
    """The depth that msgspec supports depends on the Python version."""
    text = b'{"a":' + b"[" * 1023 + b"]" * 1023 + b"}"
    check_alike(text)
    check_chunks(text, 1)


@pytest.mark.parametrize("text", RARE, ids=range(len(RARE)))
def test_rare_texts_cut_in_two_at_every_byte(text: bytes) -> None:
    check_alike(text)
    check_every_cut(text)


@pytest.mark.property
@given(json_texts)
def test_fast_path_on_well_formed_texts(text: bytes) -> None:
    check_alike(text)


@pytest.mark.property
@tried(2)
@given(near_json)
def test_fast_path_on_nearly_well_formed_texts(text: bytes) -> None:
    check_alike(text)


@pytest.mark.property
@given(near_json, SEEDS)
def test_any_chunking_of_a_text_gives_the_same(text: bytes, seed: int) -> None:
    check_chunks(text, seed)


@pytest.mark.property
@tried(2)
@given(any_bytes, SEEDS)
def test_any_chunking_of_any_bytes_gives_the_same(data: bytes, seed: int) -> None:
    check_chunks(data, seed)


@pytest.mark.property
@given(json_values, st.sampled_from([encode_compact, encode_line, encode_pretty]), SEEDS)
def test_what_is_written_reads_back(
    value: JsonValue, encode: Callable[[JsonValue], bytes], seed: int
) -> None:
    text = encode({"id": value})
    reader = ServerReader()
    found: list[Item] = []
    for chunk in chunks(text, seed):
        found += reader.receive_data(chunk)
    if _has_noncharacter(value):
        assert [type(item) for item in found] == [WireError]
    else:
        assert shown(found) == shown([{"id": value}])


def _has_noncharacter(value: JsonValue) -> bool:
    """Return whether a value holds text that QEMU refuses."""
    if isinstance(value, str):
        return any(ord(c) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(c) <= 0xFDEF for c in value)
    if isinstance(value, dict):
        return any(map(_has_noncharacter, (*value, *value.values())))
    return isinstance(value, list) and any(map(_has_noncharacter, value))


def test_a_value_is_given_as_soon_as_its_last_brace_comes() -> None:
    reader = ServerReader()
    assert reader.receive_data(b'{"a":') == []
    assert not reader.is_idle
    assert reader.receive_data(b"1}") == [{"a": 1}]
    assert reader.is_idle


def test_the_end_of_one_value_and_the_start_of_another() -> None:
    reader = ServerReader()
    assert reader.receive_data(b'{"a":1}\n{"b"') == [{"a": 1}]
    assert reader.receive_data(b':2}\n{"c":3}') == [{"b": 2}, {"c": 3}]


def test_good_lines_around_a_bad_one() -> None:
    items = ServerReader().receive_data(b'{"a":1}\n{"b":}\n{"c":3}\n')
    assert shown(items) == [*shown([{"a": 1}]), EXPECTING_VALUE, *shown([{"c": 3}])]


@pytest.mark.parametrize("warm", [b"", b"{}\n", b"{'a':1}\n"], ids=["first", "fast", "tolerant"])
def test_errors_bear_the_bytes_that_had_come(warm: bytes) -> None:
    reader = ServerReader()
    reader.receive_data(warm)
    (error,) = reader.receive_data(b"@\n")
    assert isinstance(error, WireError)
    assert error.position == len(warm) + 2


def test_limit_errors_name_the_limit() -> None:
    (error,) = ServerReader().receive_data(b"[" * 1025)
    assert isinstance(error, LimitError)
    assert str(error) == "JSON nesting depth limit exceeded"
    assert (error.limit, error.value) == ("nesting depth", 1024)
