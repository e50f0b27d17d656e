"""A client's messages: parsing of a server's messages, and commands to send."""

from itertools import permutations

import msgspec
import pytest
from hypothesis import given

from qmpeer.errors import MessageError
from qmpeer.messages import (
    Greeting,
    Incoming,
    QemuVersion,
    Timestamp,
    Version,
    command_message,
    parse_greeting,
    parse_message,
)
from qmpeer.values import UNSET, JsonObject, JsonValue, UnsetType
from tests.wire.strategies import json_values

QEMU: JsonValue = {"micro": 1, "minor": 2, "major": 7}
V = Version(QemuVersion(7, 2, 1), "p")

GREETINGS: list[tuple[JsonValue, Greeting]] = [
    ({"version": {"qemu": QEMU, "package": "p"}, "capabilities": ["oob"]}, Greeting(V, ("oob",))),
    ({"version": {"qemu": QEMU, "package": "p"}, "capabilities": []}, Greeting(V)),
    ({"version": {"qemu": QEMU, "package": "p"}}, Greeting(V)),
    ({"version": {"qemu": QEMU}, "capabilities": []}, Greeting(Version(QemuVersion(7, 2, 1)))),
    ({"version": {"qemu": QEMU, "package": "p", "new": 1}, "new": {}}, Greeting(V)),
    ({"capabilities": ["oob"]}, Greeting(None, ("oob",))),
    ({}, Greeting(None)),
    ({"version": "0.12.50"}, Greeting(None)),
    ({"version": {"qemu": "0.12.50", "package": ""}, "capabilities": []}, Greeting(None)),
    ({"version": {"qemu": QEMU, "package": "p"}, "capabilities": None}, Greeting(V)),
    ({"version": {"qemu": QEMU, "package": "p"}, "capabilities": "oob"}, Greeting(V)),
    (
        {"version": {"qemu": QEMU, "package": "p"}, "capabilities": [1, "oob", None, {"a": 1}]},
        Greeting(V, ("oob",)),
    ),
]


@pytest.mark.parametrize(("value", "greeting"), GREETINGS)
def test_greeting(value: JsonValue, greeting: Greeting) -> None:
    assert parse_greeting(value) == greeting


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_no_greeting(value: JsonValue) -> None:
    with pytest.raises(MessageError, match="where QMP must be an object"):
        parse_greeting(value)


def test_versions_compare() -> None:
    assert (
        QemuVersion(7, 2, 0) < QemuVersion(7, 2, 1) < QemuVersion(7, 10, 0) < QemuVersion(8, 0, 0)
    )


@pytest.mark.parametrize(
    ("value", "timestamp"),
    [
        ({"event": "X", "timestamp": {"seconds": 1, "microseconds": 2}}, Timestamp(1, 2)),
        ({"event": "X", "timestamp": {"seconds": -1, "microseconds": -1}}, Timestamp(-1, -1)),
        ({"event": "X"}, UNSET),
        ({"event": "X", "timestamp": None}, UNSET),
        ({"event": "X", "timestamp": {}}, UNSET),
        ({"event": "X", "timestamp": {"seconds": "1", "microseconds": 2}}, UNSET),
        ({"event": "X", "timestamp": {"seconds": 1.5, "microseconds": 2}}, UNSET),
        ({"event": "X", "timestamp": 17}, UNSET),
    ],
)
def test_an_event_is_worth_more_than_its_stamp(
    value: JsonValue, timestamp: Timestamp | UnsetType
) -> None:
    message = parse_message(value)
    assert message.event == "X"
    assert message.timestamp == timestamp
    assert message.data is UNSET


@pytest.mark.parametrize(
    "value",
    [
        {"return": {"a": 1}, "id": 2},
        {"id": 2, "error": {"class": "C", "desc": "d"}},
        {"timestamp": {"seconds": 1, "microseconds": 2}, "event": "X", "data": {"a": 1}},
    ],
)
def test_the_order_of_members_means_nothing(value: JsonObject) -> None:
    expected = parse_message(value)
    for members in permutations(value.items()):
        assert parse_message(dict(members)) == expected


def test_unknown_members_are_passed_over() -> None:
    message = parse_message({"return": 1, "id": 2, "new": {}, "error-code": 3})
    assert message.return_value == 1
    assert message.id == 2
    error = parse_message({"error": {"class": "C", "desc": "d", "data": {}, "code": 1}}).error
    assert not isinstance(error, UnsetType)
    assert (error.error_class, error.desc) == ("C", "d")


def test_an_error_without_a_class_is_generic() -> None:
    error = parse_message({"error": {"desc": "d"}}).error
    assert not isinstance(error, UnsetType)
    assert error.error_class == "GenericError"


@pytest.mark.parametrize(
    "error",
    [{"class": "C"}, {"class": "C", "desc": None}, {"class": "C", "desc": None, "data": {}}],
)
def test_an_error_without_a_desc(error: JsonObject) -> None:
    found = parse_message({"error": error, "id": 1})
    assert not isinstance(found.error, UnsetType)
    assert (found.error.error_class, found.error.desc) == ("C", "the server didn't say why")


@pytest.mark.parametrize(
    "value",
    [
        {"event": "X", "data": None},
        {"event": "X", "data": None, "timestamp": None, "error": None, "id": None},
    ],
)
def test_null_stands_for_what_is_not_there(value: JsonObject) -> None:
    message = parse_message(value)
    assert message.event == "X"
    assert not message.data
    assert (message.timestamp, message.error) == (UNSET, UNSET)


def test_null_may_be_returned() -> None:
    message = parse_message({"return": None, "error": None, "event": None, "id": None})
    assert (message.return_value, message.id, message.error) == (None, None, UNSET)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "found null where a message must be an object"),
        ([], "found an array where a message must be an object"),
        ("x", "found a string where a message must be an object"),
        (True, "found a boolean where a message must be an object"),
        (1.5, "found a number where a message must be an object"),
        ({"event": 1}, "a message is malformed: "),
        ({"event": "X", "data": []}, "a message is malformed: "),
        ({"error": "no"}, "a message is malformed: "),
    ],
)
def test_no_message(value: JsonValue, text: str) -> None:
    with pytest.raises(MessageError) as caught:
        parse_message(value)
    assert str(caught.value).startswith(text)


@pytest.mark.property
@given(json_values)
def test_whatever_comes_is_a_message_or_a_message_error(value: JsonValue) -> None:
    for candidate in (value, {"event": "X", "data": value}, {"return": value}, {"error": value}):
        try:
            assert isinstance(parse_message(candidate), Incoming)
        except MessageError:
            pass
        try:
            assert isinstance(parse_greeting(candidate), Greeting)
        except MessageError:
            pass


@pytest.mark.parametrize(
    ("arguments", "id", "is_oob", "text"),
    [
        (None, UNSET, False, '{"execute":"x"}'),
        ({}, 1, False, '{"execute":"x","id":1}'),
        ({"a": None}, UNSET, False, '{"execute":"x","arguments":{"a":null}}'),
        ({"a": 1}, None, True, '{"exec-oob":"x","arguments":{"a":1},"id":null}'),
    ],
)
def test_command(
    arguments: JsonObject | None, id: JsonValue | UnsetType, is_oob: bool, text: str
) -> None:
    message = command_message("x", arguments, id, is_oob)
    assert msgspec.json.encode(message).decode() == text
