"""Members that policy hides: exactly these are removed, at every level."""

import copy
from typing import Any

import pytest

from qmpeer.schema import Feature, Hiding
from tests.corpus import qapi_schema

SINGLE = {"name": "a", "side": "a", "class": 3}
SHOWN = {"name": "a", "side": "a"}


@pytest.mark.parametrize(
    ("of", "value", "expected"),
    [
        pytest.param("Single", SINGLE, SHOWN, id="member"),
        pytest.param("Single", SHOWN, SHOWN, id="nothing to hide"),
        pytest.param(
            "Single", {**SINGLE, "x": 1}, {**SHOWN, "x": 1}, id="member of a newer server"
        ),
        pytest.param("[Single]", [SINGLE, SHOWN, 3], [SHOWN, SHOWN, 3], id="array"),
        pytest.param(
            "Disc",
            {"kind": "vinyl", "id": "d", "sides": [SINGLE]},
            {"kind": "vinyl", "id": "d", "sides": [SHOWN]},
            id="branch",
        ),
        pytest.param(
            "Disc",
            {"kind": "tape", "sides": [SINGLE]},
            {"kind": "tape", "sides": [SINGLE]},
            id="unknown branch",
        ),
        pytest.param("Disc", {"id": "d"}, {"id": "d"}, id="no discriminator"),
        pytest.param("Title", SINGLE, SINGLE, id="its base alone"),
        pytest.param("Single", "text", "text", id="another kind"),
        pytest.param("any", SINGLE, SINGLE, id="any"),
        pytest.param(
            "DiscOrSlot", {"first": 1, "last": 2}, {"first": 1, "last": 2}, id="alternate"
        ),
        pytest.param("PlayerInfo", {"x-lamp": True}, {"x-lamp": True}, id="feature that is shown"),
    ],
)
def test_shown(of: str, value: Any, expected: Any) -> None:
    hiding = Hiding(qapi_schema("small-9.2"), frozenset({"deprecated"}))
    before = copy.deepcopy(value)
    assert hiding.shown(of, value) == expected
    assert value == before


def test_features_are_hidden_by_name() -> None:
    schema = qapi_schema("small-9.2")
    hiding = Hiding(schema, frozenset({"unstable"}))
    assert hiding.shown("PlayerInfo", {"volume": 1, "x-lamp": True}) == {"volume": 1}
    assert hiding.has_hidden((Feature("deprecated"), Feature("unstable")))
    assert not hiding.has_hidden((Feature("deprecated"),))
    assert not hiding.has_hidden(())
