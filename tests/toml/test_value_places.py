"""The places of keys and values in a TOML text: each stands where it says."""

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.toml.value_places import Places

KEYS = st.sampled_from(["a", "b-c", "é d", "x.y", '"', "'"])
LEAVES = st.one_of(st.integers(-99, 99), st.booleans(), st.text(max_size=5))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def written(value: Any) -> str:
    """Return a value as TOML writes it in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(key)} = {written(value[key])}" for key in value) + "}"
    if isinstance(value, list):
        return "[ " + ",\n  ".join(map(written, value)) + "]"
    return json.dumps(value).replace("\x7f", "\\u007f")


@pytest.mark.property
@given(
    st.lists(
        st.tuples(
            st.lists(KEYS, min_size=1, max_size=2),
            st.booleans(),
            st.dictionaries(KEYS, VALUES, max_size=3),
        ),
        max_size=4,
    )
)
def test_each_value_stands_at_its_place(
    tables: list[tuple[list[str], bool, dict[str, Any]]],
) -> None:
    lines = []
    for path, is_array, values in tables:
        header = ".".join(map(written, path))
        lines.append(f"[[{header}]] # x" if is_array else f" [ {header} ]")
        lines += [f"{written(key)} =  {written(values[key])}" for key in values]
    text = "\n".join(lines)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # a table that is there twice
    places = Places("file", text)

    def behind(place: Any) -> str:
        rows = text.split("\n")[place.line - 1 :]
        return "\n".join([rows[0][place.column - 1 :], *rows[1:]])

    def look(value: Any, path: tuple[str | int, ...]) -> None:
        if path and isinstance(path[-1], str):
            assert behind(places.of_key(path)).startswith((written(path[-1]), path[-1]))
        if isinstance(value, dict):
            for key in value:
                look(value[key], (*path, key))
        elif isinstance(value, list):
            for at, item in enumerate(value):
                look(item, (*path, at))
        else:
            assert behind(places.of(path)).startswith(written(value))

    look(document, ())
