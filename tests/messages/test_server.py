"""A server's messages: parsing of commands, and responses to send."""

from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.errors import MessageError
from qmpeer.messages import (
    CommandMessage,
    QemuVersion,
    Timestamp,
    Version,
    error_message,
    event_message,
    greeting_message,
    is_out_of_band,
    parse_command,
    return_message,
    version_value,
)
from qmpeer.messages.qemu_order import hash_order, in_qemu_order
from qmpeer.values import UNSET, JsonObject, JsonValue
from tests.wire.strategies import json_values

IDS: list[JsonValue] = [None, False, True, 0, -1, "", "a", [], {}, [1, [2, {}]], {"a": {"b": None}}]

COMMANDS: list[tuple[Any, bool, CommandMessage]] = [
    ({"execute": "x"}, False, CommandMessage("x")),
    ({"execute": ""}, False, CommandMessage("")),
    ({"execute": "x", "arguments": {}}, False, CommandMessage("x", {})),
    ({"execute": "x", "arguments": {"a": 1}, "id": 7}, False, CommandMessage("x", {"a": 1}, 7)),
    ({"exec-oob": "x"}, True, CommandMessage("x", is_oob=True)),
    ({"exec-oob": "x", "id": "a", "arguments": {}}, True, CommandMessage("x", {}, "a", True)),
    ({"execute": "x"}, True, CommandMessage("x")),
]

OBJECT = "QMP input must be a JSON object"
LACKS = "QMP input lacks member 'execute'"


def member(name: str, rest: str) -> str:
    return f"QMP input member '{name}' {rest}"


EXECUTE_STRING = member("execute", "must be a string")
OOB_STRING = member("exec-oob", "must be a string")
NO_OOB = member("exec-oob", "is unexpected")
ARGUMENTS = member("arguments", "must be an object")
CLASH = member("execute", "clashes with 'exec-oob'")
EXTRA = member("extra", "is unexpected")

NO_OBJECTS: list[Any] = [None, True, 1, "x", [], [{}]]
NO_STRINGS: list[Any] = [None, True, 1, [], {}, {"a": 1}]
NO_ARGUMENTS: list[Any] = [None, [], "x", 1]

REFUSED: list[tuple[Any, bool, str]] = [
    *((value, oob, OBJECT) for value in NO_OBJECTS for oob in (False, True)),
    ({}, False, LACKS),
    ({}, True, LACKS),
    ({"id": 1, "arguments": {}}, False, LACKS),
    *(({"execute": value}, False, EXECUTE_STRING) for value in NO_STRINGS),
    *(({"exec-oob": value}, True, OOB_STRING) for value in NO_STRINGS),
    ({"exec-oob": "x"}, False, NO_OOB),
    ({"exec-oob": 1}, False, NO_OOB),
    ({"execute": "x", "exec-oob": "y"}, False, NO_OOB),
    ({"execute": "x", "exec-oob": "y"}, True, CLASH),
    ({"exec-oob": "y", "execute": "x"}, True, CLASH),
    *(({"execute": "x", "arguments": value}, False, ARGUMENTS) for value in NO_ARGUMENTS),
    ({"arguments": []}, False, ARGUMENTS),
    ({"execute": "x", "extra": 1}, False, EXTRA),
    ({"exec-oob": "x", "extra": 1}, True, EXTRA),
    ({"extra": 1}, False, EXTRA),
    ({"Execute": "x"}, False, member("Execute", "is unexpected")),
    ({"execute": "x", "": 1}, False, member("", "is unexpected")),
    ({"execute": "x", "__com.example_x": 1}, False, member("__com.example_x", "is unexpected")),
    # Several faults: the first in QEMU's order counts, not the first in the text.
    ({"execute": 1, "arguments": 1}, False, EXECUTE_STRING),
    ({"arguments": 1, "execute": 1}, False, EXECUTE_STRING),
    ({"exec-oob": 1, "execute": 1}, True, OOB_STRING),
    ({"execute": 1, "exec-oob": 1}, False, NO_OOB),
    ({"execute": "x", "b": 2, "a": 1}, False, member("a", "is unexpected")),
    ({"execute": "x", "a": 1, "b": 2}, False, member("a", "is unexpected")),
]


@pytest.mark.parametrize(("value", "is_oob_enabled", "command"), COMMANDS)
def test_command(value: JsonValue, is_oob_enabled: bool, command: CommandMessage) -> None:
    assert parse_command(value, is_oob_enabled) == command


@pytest.mark.parametrize(("value", "is_oob_enabled", "text"), REFUSED)
def test_refused(value: JsonValue, is_oob_enabled: bool, text: str) -> None:
    with pytest.raises(MessageError) as caught:
        parse_command(value, is_oob_enabled)
    assert str(caught.value) == text
    assert (caught.value.member is None) == (text == OBJECT)
    if caught.value.member is not None:
        assert f"'{caught.value.member}'" in text


@pytest.mark.parametrize("id", IDS, ids=repr)
@pytest.mark.parametrize("verb", ["execute", "exec-oob"])
def test_an_id_of_any_type(id: JsonValue, verb: str) -> None:
    command = parse_command({verb: "x", "id": id}, True)
    assert command.id == id
    assert type(command.id) is type(id)


def test_no_id_is_not_null() -> None:
    assert parse_command({"execute": "x"}, False).id is UNSET


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1e2", "100"),
        ("1e16", "10000000000000000"),
        ("1e17", "1e+17"),
        ("0.1", "0.10000000000000001"),
        ("-0.0", "-0"),
        ("1.0", "1"),
        ("1e-400", "0"),
        ('[0.5,{"a":1e2}]', '[0.5, {"a": 100}]'),
    ],
)
def test_an_id_is_written_as_qemu_writes_it(text: str, written: str) -> None:
    id = parse_command({"execute": "x", "id": msgspec.json.decode(text)}, False).id
    assert msgspec.json.format(msgspec.json.encode(id), indent=0).decode() == written


@pytest.mark.parametrize(
    ("value", "is_oob"),
    [
        ({"exec-oob": "x"}, True),
        ({"exec-oob": 1, "extra": 1}, True),
        ({"execute": "x"}, False),
        ({"exec-oob": "x", "execute": "y"}, False),
        ({}, False),
        ([], False),
        (None, False),
    ],
)
def test_what_overtakes(value: JsonValue, is_oob: bool) -> None:
    assert is_out_of_band(value) is is_oob


def test_what_is_written() -> None:
    version = Version(QemuVersion(7, 2, 1), "p")
    qemu = {"micro": 1, "minor": 2, "major": 7}
    said: dict[str, Any] = {"qemu": qemu, "package": "p"}
    assert version_value(version) == said
    assert (
        list(qemu)
        == list(cast(JsonObject, version_value(version)["qemu"]))
        == ["micro", "minor", "major"]
    )
    assert greeting_message(version, ("oob",)) == {
        "QMP": {"version": said, "capabilities": ["oob"]}
    }
    assert greeting_message(version, ()) == {"QMP": {"version": said, "capabilities": []}}
    stamp = Timestamp(3, 4)
    event = event_message("STOP", None, stamp)
    assert event == {"timestamp": {"seconds": 3, "microseconds": 4}, "event": "STOP"}
    assert event_message("X", {}, stamp)["data"] == {}


@pytest.mark.parametrize("id", IDS, ids=repr)
def test_where_the_id_stands(id: JsonValue) -> None:
    assert list(return_message({}, id)) == ["return", "id"]
    assert list(error_message("C", "d", id)) == ["id", "error"]
    assert return_message([], id)["id"] == id
    assert error_message("C", "d", id) == {"id": id, "error": {"class": "C", "desc": "d"}}


def test_without_an_id() -> None:
    assert return_message(1, UNSET) == {"return": 1}
    assert error_message("C", "d", UNSET) == {"error": {"class": "C", "desc": "d"}}


# Members in the order in which QEMU 7.2 echoed them.
WALKS = [
    "timestamp event data",
    "seconds microseconds",
    "return id",
    "id error",
    "class desc",
    "exec-oob execute arguments id",
    "micro minor major",
    "qemu package",
    "version capabilities",
]


@pytest.mark.parametrize("line", WALKS)
def test_the_order_of_members(line: str) -> None:
    names = line.split()
    if line == "micro minor major":  # micro and minor share a bucket: the newest comes first
        assert in_qemu_order(["major", "minor", "micro"]) == names
        assert in_qemu_order(["micro", "minor", "major"]) == ["minor", "micro", "major"]
        return
    assert in_qemu_order(names) == names
    assert in_qemu_order(names[::-1]) == names


def test_a_bucket_by_its_definition() -> None:
    for name in ("", "a", "execute", "x" * 23, "y" * 24, "z" * 25, "\xe9€\0\U0001d11e" * 20):
        key = name.encode().replace(b"\0", b"\xc0\x80")
        value = 0x238F13AF * len(key) + sum(byte << (5 * i % 24) for i, byte in enumerate(key))
        assert hash_order(name) == ((1103515243 * (value % 2**32) + 12345) % 2**32) % 512


def test_the_order_of_members_of_an_id() -> None:
    expected = ["", "zeta", "a", "m", "alpha"]
    assert in_qemu_order(["zeta", "alpha", "m", "a", ""]) == expected
    assert in_qemu_order(["", "a", "m", "alpha", "zeta"]) == expected


@pytest.mark.property
@given(
    st.dictionaries(
        st.sampled_from(["execute", "exec-oob", "arguments", "id", "x"]) | st.text(max_size=3),
        json_values,
    ),
    st.booleans(),
)
def test_whatever_comes_is_a_command_or_a_message_error(
    value: dict[str, JsonValue], is_oob_enabled: bool
) -> None:
    try:
        command = parse_command(value, is_oob_enabled)
    except MessageError:
        pass
    else:
        assert value["exec-oob" if command.is_oob else "execute"] == command.name
        assert not command.is_oob or is_oob_enabled
        assert set(value) <= {"execute", "exec-oob", "arguments", "id"}
