"""Places of characters inside texts of TOML files.

Modules: inside_texts.
"""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.toml.inside_texts import place_inside
from tests.fuzzing import tried


@pytest.mark.parametrize(
    ("source", "offset", "place"),
    [
        ("'abc' # more", 0, (0, 1)),
        ("'abc'", 3, (0, 4)),
        ("'abc'", 9, (0, 5)),
        (r"'a\b'", 2, (0, 3)),
        (r'"\"\\b"', 2, (0, 5)),
        (r'"\u0041\U0001f600b"', 2, (0, 17)),
        (r'"\x41b"', 1, (0, 5)),
        ('"""a\nb"""', 2, (1, 0)),
        ('"""\nab"""', 1, (1, 1)),
        ('"""\r\nab"""', 1, (1, 1)),
        ("'''a\r\nb'''", 2, (1, 0)),
        ('"""a \\\n\n   b"""', 2, (2, 3)),
        ('""""a"""', 1, (0, 4)),
        ("", 0, (0, 0)),
    ],
)
def test_places(source: str, offset: int, place: tuple[int, int]) -> None:
    assert place_inside(source, offset) == place


@pytest.mark.property
@tried(0.5)
@given(st.text("ab'\n\t\\\u00e9", max_size=12), st.data())
def test_every_character_is_found(text: str, data: st.DataObject) -> None:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    forms = [f'"{escaped}"', f'"""\n{escaped}"""']
    if "'" not in text and "\n" not in text:
        forms.append(f"'{text}'")
    source = data.draw(st.sampled_from(forms))
    assert tomllib.loads(f"x = {source}")["x"] == text
    for offset, character in enumerate(text):
        down, right = place_inside(source, offset)
        found = source.split("\n")[down][right:]
        assert found.startswith({"\\": "\\\\", "\n": "\\n"}.get(character, character)) or (
            source[0] == "'" and found.startswith(character)
        )
