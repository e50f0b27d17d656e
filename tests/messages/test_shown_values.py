"""Values as text for a report."""

import pytest

from qmpeer import limits
from qmpeer.messages.shown_values import shown_path, shown_value
from qmpeer.values import JsonValue


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", '"a"'),
        ({"a": [1, None]}, '{"a":[1,null]}'),
        ("\ud800", r"'\ud800'"),
        ("a" * 300, f'"{"a" * (limits.REPLAY_SHOWN - 1)}…'),
    ],
)
def test_a_value_on_one_line(value: JsonValue, text: str) -> None:
    assert shown_value(value) == text


def test_the_path_of_a_member() -> None:
    assert shown_path(["a", 0, "b"]) == ".a[0].b"
    assert shown_path([]) == ""
