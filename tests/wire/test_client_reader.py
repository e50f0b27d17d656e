"""The client's reader: servers of all kinds, in any chunking."""

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer import limits
from qmpeer.errors import LimitError, WireError
from qmpeer.messages import Incoming
from qmpeer.values import UNSET, JsonValue
from qmpeer.wire import ClientReader, encode_compact, encode_line, encode_pretty
from qmpeer.wire.tolerant import Item, TolerantReader
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


def taken_in(reader: ClientReader[Any], data: bytes) -> list[Any]:
    """Let a reader handle data to the end."""
    items = reader.receive_data(data)
    while reader.is_busy:
        items += reader.resume()
    return items


def read(pieces: list[bytes]) -> list[object]:
    reader = plain_reader()
    return [item for piece in pieces for item in taken_in(reader, piece)]


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


@pytest.mark.parametrize("at", range(1, 60))
def test_a_server_that_changes_its_form_at_once(at: int) -> None:
    data = 2 * encode_pretty({"return": 1}) + encode_line({"return": 2}) + encode_pretty({"id": 3})
    expected = [{"return": 1}, {"return": 1}, {"return": 2}, {"id": 3}]
    assert shown(read([data[:at], data[at:]])) == shown(expected)


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
    assert STRAY_FF in shown(read([b'{"a":1}\xff{"b":2}\n']))  # one that a session ignores


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
    """Return the CPU time for a reply with a number of items, in pieces of a size."""
    data = encode({"return": [ITEM] * count, "id": 7})
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    reader = message_reader()
    items: list[object] = []
    spent = cpu_time(
        lambda: items.extend(item for piece in pieces for item in taken_in(reader, piece))
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
    assert seconds_for(encode, 100 * 1024, 65536) < 60  # quadratic: minutes


def test_errors_bear_where_they_showed() -> None:
    (error,) = plain_reader().receive_data(b"@\n")
    assert isinstance(error, WireError)
    assert error.position >= 1


# Limits


def steps(reader: ClientReader[Any], data: bytes) -> tuple[list[object], int]:
    """Return the items of a text that comes in pieces, and the number of steps."""
    items: list[object] = []
    count = 0
    for at in range(0, len(data), limits.READ_SIZE):
        items += reader.receive_data(data[at : at + limits.READ_SIZE])
        while reader.is_busy:
            items += reader.resume()
            count += 1
    return items, count


LONG = b'"' + b"x" * limits.TOLERANT_SIZE + b'"'


def test_a_long_text_that_is_no_json_is_one_error() -> None:
    for text in (b"{'a':%s}\r\n", b'{"a":%s,}\r\n', b'{"a":%s "b":[1,2,nan]}\r\n', b"x%s\r\n"):
        (error, after), _ = steps(plain_reader(), text % LONG + b'{"b":1}\n')
        assert isinstance(error, WireError)
        assert "can't be read" in str(error)
        assert after == {"b": 1}


def test_a_long_text_that_is_json_and_no_message() -> None:
    (value,), _ = steps(message_reader(), b'{"event":%s,"data":[1]}\r\n' % LONG)
    assert isinstance(value, dict)
    assert value["data"] == [1]


def test_a_short_text_that_is_no_json_is_one_error() -> None:
    (error, value), _ = steps(plain_reader(), b",,,,]]]}}} it's 00 \xff\xff \x01\n" + b'{"a":1}\n')
    assert isinstance(error, WireError)
    assert value == {"a": 1}


def test_what_only_the_tolerant_reader_takes_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOLERANT_SIZE", 100_000)
    item = b"{'a':\n'xx'},\n"
    count = 100_000 // len(item) - 1
    assert len(read([b"[" + item * count + b"1]\n"])) == 1
    found, _ = steps(plain_reader(), b"[" + item * (count + 3) + b"1]\n")
    assert [error.limit for error in found if isinstance(error, LimitError)] == ["TOLERANT_SIZE"]


@pytest.mark.parametrize("item", [b"1,", b"{},", b"[],", b"nan,", b'{"a":1},'])
def test_brackets_and_commas_are_counted_first(
    item: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TOLERANT_SIZE", 10_000)
    monkeypatch.setattr(limits, "MESSAGE_STRUCTURE", 100_000)
    each = len(item.translate(None, b'1nan"')) if item != b"nan," else 1
    for count, is_error in ((100_000 // each - 10, False), (100_000 // each, True)):
        items, _ = steps(plain_reader(), b'{"return":[' + item * count + b"1]}\r\n")
        assert [type(found) for found in items[:1]] == [LimitError if is_error else dict]
        if is_error:
            expected = "a message has more than 100000 brackets, commas and colons"
            assert str(items[0]) == expected


def test_a_limit_of_ones_own() -> None:
    reader: ClientReader[JsonValue] = ClientReader(msgspec.json.Decoder(), 1000)
    assert taken_in(reader, b'{"a":"' + b"x" * 900) == []
    (error,) = taken_in(reader, b"x" * 200)
    assert isinstance(error, LimitError)
    assert (error.limit, error.value) == ("MESSAGE_SIZE", 1000)


ODD = {
    "nan": None,
    "-nan": None,
    "inf": None,
    "-inf": None,
    "Infinity": None,
    "-Infinity": None,
    "NaN": None,
    '", nan, "': ", nan, ",
    r'"\", -inf, \\"': '", -inf, \\',
    r'"\\\"nan"': '\\"nan',
    "[inf]": [None],
    '"é nan"': "é nan",
    "1e5": 1e5,
}


@pytest.mark.parametrize("count", [1, 3, 20_000], ids="{} times".format)
def test_odd_numbers_outside_strings(count: int) -> None:
    """The result doesn't depend on where the text is cut."""
    chance = random.Random(count)
    for size in (1, 7, limits.READ_SIZE + 3):
        chosen = [chance.choice([*ODD]) for _ in range(count)]
        spaces = (
            [" " * chance.randrange(size) for _ in range(count)] if count < 10 else [""] * count
        )
        text = ", ".join(space + item for space, item in zip(spaces, chosen, strict=True))
        (found,), _ = steps(plain_reader(), f'{{"return": [nan, {text}]}}\r\n'.encode())
        assert isinstance(found, dict)
        assert found["return"] == [None, *(ODD[item] for item in chosen)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b'{"return":["' + b"nan" * 700_000 + b'",nan', id="a bad end"),
        pytest.param(b'{"return":["' + b"x" * 2_000_000 + b'",nan]}', id="a good one"),
        pytest.param(b'{"return":["' + b'\\"' * 1_000_000 + b'",nan]}', id="escapes"),
        pytest.param(b'{"return":[' + b"nan," * 260_000 + b"1]}", id="many"),
        pytest.param(b"[" + b"'a'," * 200_000 + b"1]", id="tolerantly"),
        pytest.param(b",1" * 100_000, id="errors"),
        pytest.param(b"x\n" * 40_000, id="lines"),
    ],
)
def test_what_takes_long_is_done_in_steps(text: bytes) -> None:
    """Each step is short enough for deadlines: its CPU time is compared with the whole."""
    _, count = steps(plain_reader(), text + b"\r\n")
    assert count >= 8


BRACES = ['"}"', '"{\\\\"', '"\\"}"', "[]", "{}", '{"a":"{"}', '"\\\\\\"{"']


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_where_a_text_without_a_line_ends(size: int) -> None:
    for text in BRACES:
        data = b'{"a":[%s,%s]}' % (text.encode(), text.encode())
        assert len(read([data[at : at + size] for at in range(0, len(data), size)])) == 1


def seconds_to_balance(count: int) -> float:
    reader = plain_reader()
    reader.receive_data(b'{"return":"}')
    return cpu_time(lambda: [reader.receive_data(b"{}" * 40) for _ in range(count)])


def test_braces_that_even_out_are_read_once() -> None:
    assert_linear_time(seconds_to_balance, 16_000)


def test_what_is_nothing_but_errors_is_read_in_small_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    receive = TolerantReader.receive_data

    def count(reader: TolerantReader, data: bytes) -> list[Item]:
        sizes.append(len(data))
        return receive(reader, data)

    monkeypatch.setattr(TolerantReader, "receive_data", count)
    reader = ClientReader(msgspec.json.Decoder())
    items = reader.receive_data(b"}" * 100_000 + b"\n")
    while reader.is_busy:
        items += reader.resume()
    assert [type(item) for item in items] == [WireError]
    assert max(sizes[1:]) <= 1024
    assert sum(sizes) == 100_001
