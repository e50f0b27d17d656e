"""Commands and events as values: encoding of typed arguments, decoding of answers."""

from typing import Any

import msgspec
import pytest

from qmpeer.bindings import Command, Empty, TypedEvent, command, event_type, union_command
from qmpeer.values import UNSET
from tests.bindings.players import (
    MOVED,
    MediumTapeFast,
    MovedData,
    Player,
    Tray,
    UnknownMedium,
    insert,
    move,
)


@pytest.mark.parametrize(
    ("made", "name", "arguments"),
    [
        pytest.param(move(), "move", None, id="none"),
        pytest.param(
            move(tray=Tray(is_open=True)), "move", {"tray": {"is-open": True}}, id="struct"
        ),
        pytest.param(
            move(trays=[Tray(is_open=True), Tray(is_open=False)]),
            "move",
            {"trays": [{"is-open": True}, {"is-open": False}]},
            id="array",
        ),
        pytest.param(
            move(extra={"after": Tray(is_open=True)}),
            "move",
            {"after": {"is-open": True}},
            id="further",
        ),
        pytest.param(
            move(tray=Tray(is_open=True), extra={"tray": None}),
            "move",
            {"tray": None},
            id="further ones win",
        ),
        pytest.param(
            insert(MediumTapeFast(id="t")),
            "insert",
            {"kind": "tape", "speed": "fast", "id": "t"},
            id="branch",
        ),
        pytest.param(
            insert(UnknownMedium(tag="cloud", members={"id": "c"})),
            "insert",
            {"kind": "cloud", "id": "c"},
            id="unknown branch",
        ),
        pytest.param(union_command("insert", Empty(), Empty), "insert", {}, id="no members"),
    ],
)
def test_arguments(made: Command[Any], name: str, arguments: Any) -> None:
    assert (made.name, made.arguments) == (name, arguments)


@pytest.mark.parametrize("arguments", ["disk", 3, None, [Empty()]], ids=repr)
def test_arguments_that_are_no_object_are_refused(arguments: Any) -> None:
    with pytest.raises(TypeError) as caught:
        union_command("insert", arguments, Empty)
    assert str(caught.value) == f"found {arguments!r} as the arguments of insert, expected a branch"


def test_return_value_becomes_its_type() -> None:
    for made in (move(), Command("move", None, move().decode)):
        assert made.decode({"name": "a"}) == Player(name="a")
        assert made.decode_json(b'{"name": "a"}') == Player(name="a")
        assert made.decode({"name": "a", "x": 1}) == Player(name="a", extra={"x": 1})
        assert made.decode_json(b'{"name": "a", "x": 1}') == Player(name="a", extra={"x": 1})
        with pytest.raises(msgspec.DecodeError):
            made.decode_json(b"{")


def test_commands_are_compared_by_what_is_sent() -> None:
    assert move() == command("move", {"tray": UNSET}, Empty)
    assert Command("move", None, repr) == Command("move", {}, str)
    assert move() != Command("eject", None, repr)
    assert move() != Command("move", {"tray": 1}, repr)
    assert move() != "move"
    with pytest.raises(TypeError, match="unhashable"):
        hash(move())


def test_commands_and_events_show_themselves() -> None:
    assert repr(move(tray=Tray(is_open=True))) == "Command('move', {'tray': {'is-open': True}})"
    assert repr(MOVED) == "EventType('MOVED')"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"tray": {"is-open": True}}, MovedData(tray=Tray(is_open=True))),
        ({"tray": {"is-open": True}, "by": 1}, MovedData(tray=Tray(is_open=True), extra={"by": 1})),
        ({}, MovedData(tray=UNSET)),  # type: ignore[arg-type]  # what the server left out
    ],
    ids=["as declared", "newer", "without its member"],
)
def test_event_data_becomes_its_type(data: Any, expected: MovedData) -> None:
    assert MOVED.decode(data) == expected


def test_event_without_data() -> None:
    assert event_type("STOP", Empty).decode({}) == Empty()
    event = TypedEvent("STOP", Empty())
    assert (event.timestamp, event.number) == (None, 0)
    with pytest.raises(AttributeError):
        event.number = 1  # type: ignore[misc]  # frozen
