"""Decoding of JSON from this release, from a newer one, and of wrong JSON."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from qmpeer.bindings import Empty, encode
from qmpeer.bindings.decoding import decoder_of
from qmpeer.values import UNSET
from tests.bindings.players import (
    Card,
    CardNone,
    CardSd,
    Load,
    Medium,
    MediumDisk,
    MediumTapeFast,
    MediumTapeSlow,
    Player,
    Reference,
    TallTray,
    Tray,
    UnknownCard,
    UnknownMedium,
)

OPEN = Tray(is_open=True)


def odd(of: Callable[..., Any], **members: Any) -> Any:
    """Make a struct with members that a type checker would reject."""
    return of(**members)


AS_DECLARED: list[tuple[str, Any, Any, Any]] = [
    ("number", int, 3, 3),
    ("beyond 64 bits", int, 2**64, 2**64),
    ("any", Any, {"a": [None]}, {"a": [None]}),
    ("nothing", Empty, {}, Empty()),
    ("array of numbers", list[int], [1, 2], [1, 2]),
    ("struct", Tray, {"is-open": True}, OPEN),
    ("null is no absence", Tray, {"is-open": True, "label": None}, Tray(is_open=True, label=None)),
    (
        "struct with a base",
        TallTray,
        {"is-open": True, "height": 1.5},
        TallTray(is_open=True, height=1.5),
    ),
    ("array of structs", list[Tray], [{"is-open": True}], [OPEN]),
    ("array of arrays", list[list[Tray]], [[{"is-open": True}], []], [[OPEN], []]),
    ("branch", Card, {"card": "sd", "size": 4}, CardSd(size=4)),
    ("branch without members", Card, {"card": "none"}, CardNone()),
    (
        "branch of a branch",
        Medium,
        {"kind": "tape", "speed": "fast", "id": "t"},
        MediumTapeFast(id="t"),
    ),
    (
        "its other branch",
        Medium,
        {"kind": "tape", "speed": "slow", "id": "t", "delay": 1},
        MediumTapeSlow(id="t", delay=1),
    ),
    ("alternate: name", Reference, "c0", "c0"),
    ("alternate: null", Reference, None, None),
    ("alternate: union", Reference, {"card": "sd", "size": 4}, CardSd(size=4)),
    ("alternate: object", Load, {"is-open": True}, OPEN),
    ("alternate: array", Load, [{"is-open": True}], [OPEN]),
    ("alternate: number", Load, 7, 7),
    (
        "struct in itself",
        Player,
        {"name": "a", "next": {"name": "b"}},
        Player(name="a", next=Player(name="b")),
    ),
    (
        "all of it",
        Player,
        {
            "name": "a",
            "speed": "slow",
            "trays": [{"is-open": True}],
            "medium": {"kind": "disk", "id": "d", "path": "/d", "tray": {"is-open": True}},
            "card": "c0",
        },
        Player(
            name="a",
            speed="slow",
            trays=[OPEN],
            medium=MediumDisk(id="d", path="/d", tray=OPEN),
            card="c0",
        ),
    ),
]
"""Names of cases, types, values that fit the schema, and the decoded values."""

NEWER: list[tuple[str, Any, Any, Any]] = [
    ("value of an enum", Player, {"name": "a", "speed": "warp"}, Player(name="a", speed="warp")),
    (
        "member",
        Tray,
        {"is-open": True, "colour": {"r": 1}},
        Tray(is_open=True, extra={"colour": {"r": 1}}),
    ),
    ("member of a command that returned nothing", Empty, {"took": 3}, Empty(extra={"took": 3})),
    ("member called extra", Empty, {"extra": 1}, Empty(extra={"extra": 1})),
    (
        "member called as a Python name here",
        Tray,
        {"is-open": True, "is_open": 1},
        Tray(is_open=True, extra={"is_open": 1}),
    ),
    (
        "member of a base",
        TallTray,
        {"is-open": True, "height": 1.0, "x": 0},
        TallTray(is_open=True, height=1.0, extra={"x": 0}),
    ),
    (
        "member within an array",
        list[Tray],
        [{"is-open": True, "x": 0}],
        [Tray(is_open=True, extra={"x": 0})],
    ),
    ("member of a branch", Card, {"card": "sd", "size": 4, "x": 0}, CardSd(size=4, extra={"x": 0})),
    (
        "member deep within",
        Player,
        {"name": "a", "next": {"name": "b", "x": 0}},
        Player(name="a", next=Player(name="b", extra={"x": 0})),
    ),
    ("branch", Card, {"card": "cf", "pins": 50}, UnknownCard(tag="cf", members={"pins": 50})),
    (
        "branch of a deeper union",
        Medium,
        {"kind": "cloud", "id": "c"},
        UnknownMedium(tag="cloud", members={"id": "c"}),
    ),
    (
        "branch of a known branch",
        Medium,
        {"kind": "tape", "speed": "warp", "id": "t"},
        UnknownMedium(tag="tape", members={"speed": "warp", "id": "t"}),
    ),
    ("branch within an alternate", Reference, {"card": "cf"}, UnknownCard(tag="cf", members={})),
]
"""Values that only a newer release sends."""

OTHERWISE: list[tuple[str, Any, Any, Any]] = [
    ("string for a number", int, "3", "3"),
    ("number for a struct", Tray, 3, 3),
    ("null for a struct", Tray, None, None),
    ("object for an array", list[Tray], {"a": 1}, {"a": 1}),
    ("number within an array", list[Tray], [3, {"is-open": True}], [3, OPEN]),
    ("string for a member", Tray, {"is-open": "yes"}, odd(Tray, is_open="yes")),
    ("number for a string", Player, {"name": 3}, odd(Player, name=3)),
    ("mandatory member missing", Tray, {}, odd(Tray, is_open=UNSET)),
    (
        "null where a member is optional",
        Player,
        {"name": "a", "trays": None},
        odd(Player, name="a", trays=None),
    ),
    ("union without discriminator", Card, {"size": 4}, {"size": 4}),
    ("discriminator that is no string", Card, {"card": 4}, {"card": 4}),
    (
        "branch without its inner discriminator",
        Medium,
        {"kind": "tape", "id": "t"},
        UnknownMedium(tag="tape", members={"id": "t"}),
    ),
    ("array for a union", Medium, [1], [1]),
    ("kind that an alternate doesn't have", Reference, [1], [1]),
]
"""Values that no release sends: of another JSON type, or with missing members."""

cases = pytest.mark.parametrize(
    ("of", "value", "expected"),
    [
        pytest.param(of, value, expected, id=f"{kind}: {name}")
        for kind, table in (
            ("as declared", AS_DECLARED),
            ("newer", NEWER),
            ("otherwise", OTHERWISE),
        )
        for name, of, value, expected in table
    ],
)


@cases
def test_value_and_text_become_the_same(of: Any, value: Any, expected: Any) -> None:
    decoder = decoder_of(of)
    for found in (decoder(value), decoder.json(json.dumps(value).encode()), decoder.open(value)):
        assert found == expected
        assert type(found) is type(expected)


@cases
def test_nothing_is_lost(of: Any, value: Any, expected: Any) -> None:
    assert encode(decoder_of(of)(value)) == value


@pytest.mark.parametrize("text", [b"", b"{", b"[1,]", b'{"a" 1}', b"\xff", b"nul"])
@pytest.mark.parametrize("of", [Tray, Medium], ids=["fast", "open alone"])
def test_text_that_is_no_json_is_refused(of: Any, text: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decoder_of(of).json(text)


def test_there_is_one_decoder_for_a_type() -> None:
    assert decoder_of(list[Tray]) is decoder_of(list[Tray])
    assert decoder_of(list[Tray]) is not decoder_of(Tray)


def test_a_value_nested_deeper_than_python_goes_stays_plain() -> None:
    value: dict[str, Any] = {"name": "end"}
    for _ in range(5000):
        value = {"name": "a", "next": value}
    found = decoder_of(Player)(value)
    assert found is value or found.name == "a"


def test_what_was_decoded_is_not_what_came() -> None:
    """Changes of the struct don't affect the caller's own value."""
    value = {"is-open": True, "x": [1]}
    decoder_of(Tray)(value).extra.clear()
    assert value == {"is-open": True, "x": [1]}
