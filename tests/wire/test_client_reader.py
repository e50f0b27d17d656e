"""The client's reader: servers of all kinds, in any chunking."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer import limits
from qmpeer.errors import LimitError, WireError
from qmpeer.messages import Incoming
from qmpeer.values import UNSET, JsonValue
from qmpeer.wire import ClientReader, encode_compact, encode_line, encode_pretty
from tests.fuzzing import tried
from tests.growth import assert_linear_time, cpu_time
from tests.wire.exactly import shown
from tests.wire.strategies import any_bytes, chunks, json_values

Encode = Callable[[JsonValue], bytes]
SEEDS = st.integers(0, 2**32)
STRAY_FF = "WireError: JSON parse error, stray '\ufffd'"


def lf(value: JsonValue) -> bytes:
    return encode_line(value).replace(b"\r\n", b"\n")


def pretty_lf(value: JsonValue) -> bytes:
    return encode_pretty(value).replace(b"\r\n", b"\n")


def compact_lf(value: JsonValue) -> bytes:
    return encode_compact(value) + b"\n"


def marked(value: JsonValue) -> bytes:
    return b"\xff" + encode_compact(value) + b"\n"


def indented(value: JsonValue) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\r\n"


SERVERS = {
    "qemu": encode_line,
    "pretty": encode_pretty,
    "guest agent": lf,
    "pretty LF": pretty_lf,
    "compact": compact_lf,
    "without line ends": encode_compact,
    "marked with FF": marked,
    "indented by two": indented,
}
servers = pytest.mark.parametrize("encode", SERVERS.values(), ids=SERVERS)


def plain_reader() -> ClientReader[JsonValue]:
    return ClientReader(msgspec.json.Decoder())


def message_reader() -> ClientReader[Incoming]:
    return ClientReader(msgspec.json.Decoder(Incoming))


def read(pieces: list[bytes]) -> list[object]:
    reader = plain_reader()
    return [item for piece in pieces for item in reader.receive_data(piece)]


CONVERSATION: list[JsonValue] = [
    {"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}}, "capabilities": ["oob"]}},
    {"return": {}},
    {"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"},
    {"return": [{"a": [], "b": {}}, "}{", "\n}\n", '"{', "\\"], "id": 0},
    {"id": 1, "error": {"class": "GenericError", "desc": "it's\r\n} so\t\x7f€"}},
    {"return": "x" * 300, "id": 2},
]


@servers
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 64, 100_000])
def test_a_conversation(encode: Encode, size: int) -> None:
    data = b"".join(map(encode, CONVERSATION))
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert shown(read(pieces)) == shown(CONVERSATION)


@servers
def test_a_conversation_cut_in_two_at_every_byte(encode: Encode) -> None:
    data = b"".join(map(encode, CONVERSATION))
    for at in range(len(data) + 1):
        assert shown(read([data[:at], data[at:]])) == shown(CONVERSATION)


@pytest.mark.property
@given(
    st.lists(st.dictionaries(st.sampled_from(["return", "id", "{"]), json_values), max_size=4),
    st.sampled_from([*SERVERS.values()]),
    SEEDS,
)
def test_any_chunking_gives_the_same(
    conversation: list[JsonValue], encode: Encode, seed: int
) -> None:
    data = b"".join(map(encode, conversation))
    assert shown(read(chunks(data, seed))) == shown(conversation)


@pytest.mark.property
@given(
    st.lists(st.tuples(json_values, st.sampled_from([encode_line, encode_pretty, lf])), max_size=4),
    SEEDS,
)
def test_servers_that_change_their_form(
    conversation: list[tuple[JsonValue, Encode]], seed: int
) -> None:
    data = b"".join(encode({"return": value}) for value, encode in conversation)
    expected = [{"return": value} for value, _ in conversation]
    assert shown(read(chunks(data, seed))) == shown(expected)


@pytest.mark.property
@tried(2)
@given(any_bytes, SEEDS)
def test_garbage_never_raises(data: bytes, seed: int) -> None:
    for reader in (plain_reader(), message_reader()):
        for piece in chunks(data, seed):
            reader.receive_data(piece)


def test_several_values_on_a_line() -> None:
    assert read([b'{"a":1}{"b":2} {"c":3}\r\n']) == [{"a": 1}, {"b": 2}, {"c": 3}]


def test_blank_lines() -> None:
    assert read([b"\r\n\r\n", b"\r", b'\n{"a":1}\n\n', b"\n"]) == [{"a": 1}]


def test_marks_between_values() -> None:
    assert shown(read([b'\xff\xff{"a":1}\n', b"\xff", b'{"b":2}\n'])) == shown([{"a": 1}, {"b": 2}])
    assert read([b'\xff{"a":1}']) == [{"a": 1}]
    assert STRAY_FF in shown(read([b'{"a":1}\xff{"b":2}\n']))  # one that a session passes over


@pytest.mark.parametrize(
    ("line", "value"),
    [
        pytest.param(b'{"a": inf, "b": "inf"}', {"a": None, "b": "inf"}, id="inf"),
        pytest.param(b'{"a": [-inf, nan, -nan]}', {"a": [None, None, None]}, id="in an array"),
        pytest.param(b'{\r\n    "a": inf\r\n}', {"a": None}, id="pretty"),
        pytest.param(
            b'{"a": NaN, "b": [Infinity,-Infinity]}', {"a": None, "b": [None, None]}, id="Python's"
        ),
        pytest.param(b'{"a":NaN}', {"a": None}, id="without blanks"),
        pytest.param(
            rb'{"a, nan, b": ["x, NaN, y", nan, "\\\", inf, \\", "\\", inf, "\u0041\\\\"]}',
            {"a, nan, b": ["x, NaN, y", None, '\\", inf, \\', "\\", None, "A\\\\"]},
            id="strings that hold them",
        ),
    ],
)
def test_doubles_that_json_can_not_say(line: bytes, value: JsonValue) -> None:
    assert read([line + b"\r\n"]) == [value]


@pytest.mark.parametrize(
    ("data", "items"),
    [
        pytest.param(b"{'a':1}\n", ["{ 'a' 1 }"], id="single quotes"),
        pytest.param(b'{"a":1,"a":2}\n', ["{ 'a' 2 }"], id="a member twice"),
        pytest.param('{"a":"\ufffe"}\n'.encode(), ["{ 'a' '\\ufffe' }"], id="a noncharacter"),
        pytest.param(b'{"a":0e1}\n', ["{ 'a' 0.0 }"], id="a number that QEMU refuses"),
        pytest.param(
            b'{"a":123456789012345678901}\n', ["{ 'a' 123456789012345678901 }"], id="67 bits"
        ),
        pytest.param(b'{"a":"\xc0\x80"}\n', ["{ 'a' '\\x00' }"], id="NUL in two bytes"),
        pytest.param(b'{"a":1e400}\n', ["{ 'a' inf }"], id="past a double"),
        pytest.param(
            b'hello\n{"a":1}\n',
            ["WireError: JSON parse error, invalid keyword 'hello'", "{ 'a' 1 }"],
            id="a line of garbage",
        ),
        pytest.param(
            b'{"a":1}\nWARNING\n{"b":2}\n',
            ["{ 'a' 1 }", "WireError: JSON parse error, stray 'W'", "{ 'b' 2 }"],
            id="a warning",
        ),
        pytest.param(b"[1]\n42\n", ["[ 1 ]", "42"], id="no objects"),
    ],
)
def test_odd_lines(data: bytes, items: list[str]) -> None:
    assert shown(read([data])) == items


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b""], ids=["CR LF", "LF", "no line end"])
@pytest.mark.parametrize(
    "text",
    [b'{"event":1}', b'{"error":{"desc":3}}', b'{"timestamp":null,"event":"X"}', b'{"data":[]}'],
)
def test_what_is_no_message_comes_as_a_value(text: bytes, end: bytes) -> None:
    assert message_reader().receive_data(text + end) == [msgspec.json.decode(text)]


def test_a_message_comes_as_a_message() -> None:
    (message,) = message_reader().receive_data(b'{"return": {"a": 1}, "id": 3, "new": true}\r\n')
    assert isinstance(message, Incoming)
    assert message.return_value == {"a": 1}
    assert message.id == 3
    assert message.event is UNSET


@pytest.mark.parametrize("depth", [900, 1010, 1022])
def test_deep_nesting(depth: int) -> None:
    data = b'{"return":' + b"[" * depth + b"]" * depth + b"}\r\n"
    for pieces in ([data], [data[:100], data[100:]], [data[:-2], data[-2:]]):
        (value,) = read(pieces)
        assert isinstance(value, dict)


def test_a_message_past_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MESSAGE_SIZE", 100)
    reader = plain_reader()
    assert reader.receive_data(b'{"a":"' + b"x" * 60) == []
    (error,) = reader.receive_data(b"x" * 60)
    assert isinstance(error, LimitError)
    assert str(error) == "a message is longer than 100 bytes"
    assert (error.limit, error.value) == ("MESSAGE_SIZE", 100)


ITEM: JsonValue = {"name": "x" * 1000, "braces": "}{", "list": [1, 2, {}]}


def seconds_for(encode: Encode, count: int, size: int) -> float:
    """Return the CPU time that a reply of so many items takes in pieces of a size."""
    data = encode({"return": [ITEM] * count, "id": 7})
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    reader = message_reader()
    items: list[object] = []
    spent = cpu_time(
        lambda: items.extend(item for piece in pieces for item in reader.receive_data(piece))
    )
    (message,) = items
    assert isinstance(message, Incoming)
    assert message.id == 7
    assert len(message.return_value) == count
    return spent


@servers
def test_a_long_reply_is_read_once(encode: Encode) -> None:
    assert_linear_time(lambda count: seconds_for(encode, count, 500), 3200)


@pytest.mark.slow
@servers
def test_a_reply_of_100_mib(encode: Encode) -> None:
    assert len(encode([ITEM] * 1024)) >= 0.8 * 1024**2
    assert seconds_for(encode, 100 * 1024, 65536) < 60  # read anew for each piece: minutes


def test_errors_bear_where_they_showed() -> None:
    (error,) = plain_reader().receive_data(b"@\n")
    assert isinstance(error, WireError)
    assert error.position >= 1
