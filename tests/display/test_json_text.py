"""JSON for people."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from qmpeer.display.colours import TERMINAL
from qmpeer.display.json_text import json_text, one_line
from tests.display.harmless import OURS, is_harmless, json_values


@given(json_values, st.integers(1, 100))
def test_any_value_is_shown_harmlessly_and_in_full(value: Any, width: int) -> None:
    text = json_text(value, width, TERMINAL)

    assert is_harmless(text)
    assert json.loads(OURS.sub("", text)) == value
    assert json.loads(one_line(value)) == value


def test_deep_values_are_shown() -> None:
    value: Any = 1
    for _ in range(1000):
        value = [value]

    assert is_harmless(json_text(value))
