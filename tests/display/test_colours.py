"""The choice of colours for an output."""

import pytest

from qmpeer.display.colours import palette_for


@pytest.mark.parametrize(
    ("is_terminal", "environment", "is_coloured"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_colours(is_terminal: bool, environment: dict[str, str], is_coloured: bool) -> None:
    palette = palette_for(is_terminal, environment)

    assert palette.is_coloured is is_coloured
