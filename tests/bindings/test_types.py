"""The base types of a binding: structs that keep unknown members, and open enums."""

import pytest

from qmpeer.bindings import Empty, Enumeration, Struct
from qmpeer.values import UNSET
from tests.bindings.players import MediumDisk, Player, Speed, TallTray, Tray, UnknownMedium


def test_an_enumeration_has_its_values_in_order() -> None:
    assert Speed.values() == ("slow", "fast")
    assert Speed.SLOW == "slow"


def test_an_enumeration_has_what_is_a_value_and_no_more() -> None:
    class Mixed(Enumeration):
        """An enum whose class also has other attributes."""

        NONE = "none"
        _1 = "1"
        count = 3

    assert Mixed.values() == ("none", "1")
    assert Enumeration.values() == ()


def test_members_are_named_when_a_struct_is_made() -> None:
    with pytest.raises(TypeError):
        Tray(True)  # type: ignore[call-arg, arg-type]  # the point
    with pytest.raises(TypeError, match="is_open"):
        Tray()  # type: ignore[call-arg]  # the point


def test_a_struct_shows_what_it_has() -> None:
    assert repr(Tray(is_open=True)) == "Tray(is_open=True)"
    assert repr(Tray(is_open=True, extra={"x": 1})) == "Tray(extra={'x': 1}, is_open=True)"


def test_structs_are_equal_by_type_and_members() -> None:
    assert Tray(is_open=True) == Tray(is_open=True, label=UNSET)
    assert Tray(is_open=True) != Tray(is_open=True, label=None)
    assert Tray(is_open=True) != Tray(is_open=True, extra={"x": 1})
    assert Empty() != Struct()


def test_further_members_are_each_struct_s_own() -> None:
    first, second = Player(name="a"), Player(name="a")
    first.extra["x"] = 1
    assert second.extra == {}


def test_a_struct_with_a_base_is_one_of_its_base() -> None:
    tall = TallTray(is_open=True, height=1.0)
    assert isinstance(tall, Tray)
    assert tall.deprecated_members == ("label",)


def test_a_branch_has_its_discriminator() -> None:
    assert MediumDisk(id="d", path="").kind == "disk"
    unknown = UnknownMedium(tag="cloud", members={"id": "c"})
    assert (unknown.tag, unknown.members) == ("cloud", {"id": "c"})
