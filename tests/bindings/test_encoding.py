"""Encoding to JSON: exactly a value's members, under their names on the wire."""

from enum import IntEnum, StrEnum
from typing import Any

import pytest

from qmpeer.bindings import Empty, encode
from qmpeer.values import UNSET
from tests.bindings.players import (
    MediumDisk,
    MediumTapeSlow,
    Player,
    Speed,
    TallTray,
    Tray,
    UnknownMedium,
)


class Colour(StrEnum):
    RED = "red"


class Port(IntEnum):
    QMP = 4444


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(None, None, id="null"),
        pytest.param([1, 2.5, True, "a"], [1, 2.5, True, "a"], id="plain"),
        pytest.param((1, (2,)), [1, [2]], id="tuples"),
        pytest.param({"a": Tray(is_open=True)}, {"a": {"is-open": True}}, id="struct in a dict"),
        pytest.param(Empty(), {}, id="no members"),
        pytest.param(Tray(is_open=False, label=None), {"is-open": False, "label": None}, id="null"),
        pytest.param(Tray(is_open=False, label=UNSET), {"is-open": False}, id="absent"),
        pytest.param(
            TallTray(height=1, is_open=True), {"is-open": True, "height": 1}, id="base first"
        ),
        pytest.param(
            Player(name="a", speed=Speed.SLOW), {"name": "a", "speed": "slow"}, id="enum's value"
        ),
        pytest.param(
            MediumDisk(id="d", path="/d"), {"kind": "disk", "id": "d", "path": "/d"}, id="branch"
        ),
        pytest.param(
            MediumTapeSlow(id="t"), {"kind": "tape", "speed": "slow", "id": "t"}, id="two tags"
        ),
        pytest.param(
            UnknownMedium(tag="cloud", members={"tray": Tray(is_open=True)}),
            {"kind": "cloud", "tray": {"is-open": True}},
            id="unknown branch",
        ),
        pytest.param(
            Tray(is_open=True, extra={"inner": Tray(is_open=False)}),
            {"is-open": True, "inner": {"is-open": False}},
            id="struct among the further members",
        ),
        pytest.param(Colour.RED, "red", id="string of another kind"),
        pytest.param([Port.QMP], [4444], id="number of another kind"),
    ],
)
def test_encode(value: Any, expected: Any) -> None:
    found = encode(value)
    assert found == expected
    if isinstance(expected, dict) and isinstance(found, dict):
        assert list(found) == list(expected)  # in the order of the schema


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (b"a", "b'a'"),
        ({1, 2}, "{1, 2}"),
        ([UNSET], "UNSET"),
        ({"a": Speed}, "Speed"),
        (Tray(is_open=True, extra={"x": b"a"}), "b'a'"),
    ],
    ids=["bytes", "set", "absence in an array", "class", "deep within"],
)
def test_what_json_does_not_hold_is_refused(value: Any, named: str) -> None:
    with pytest.raises(TypeError) as caught:
        encode(value)
    assert str(caught.value).startswith("found ")
    assert named in str(caught.value)
    assert str(caught.value).endswith(", expected a value of a binding's type or of JSON")
