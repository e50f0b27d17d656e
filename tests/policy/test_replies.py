"""Blanked members of replies and events.

Modules: replies.
"""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.policy.replies import blanked
from qmpeer.values import JsonValue
from tests.fuzzing import tried

BLOCK: JsonValue = [
    {
        "device": "drive0",
        "locked": True,
        "inserted": {"file": "/srv/a", "image": {"filename": "/srv/a", "size": 5, "tags": ["x"]}},
    },
    {"device": "cd", "locked": False},
]


@pytest.mark.parametrize(
    ("patterns", "value", "expected"),
    [
        pytest.param(["a"], {"a": "x", "b": "y"}, {"a": "", "b": "y"}, id="text"),
        pytest.param(["a"], {"a": 5}, {"a": 0}, id="integer"),
        pytest.param(["a"], {"a": 2.5}, {"a": 0.0}, id="number"),
        pytest.param(["a"], {"a": True}, {"a": False}, id="boolean"),
        pytest.param(["a"], {"a": None}, {"a": None}, id="null"),
        pytest.param(["a"], {"a": [{"b": 1}]}, {"a": []}, id="list"),
        pytest.param(["a"], {"a": {"b": "x", "c": {"d": 1}}}, {"a": {"b": "", "c": {"d": 0}}}),
        pytest.param(["a.b"], {"a": {"b": 1, "c": 2}}, {"a": {"b": 0, "c": 2}}, id="inside"),
        pytest.param(
            ["a.*"], {"a": {"b": 1, "c": "x"}}, {"a": {"b": 0, "c": ""}}, id="each member"
        ),
        pytest.param(["*.b"], [{"b": 1}, {"c": 1}, "b"], [{"b": 0}, {"c": 1}, "b"], id="elements"),
        pytest.param(["b"], [{"b": 1}], [{"b": 1}], id="an element takes a star"),
        pytest.param(["**.b"], {"b": 1, "x": [{"b": {"b": 2}}]}, {"b": 0, "x": [{"b": {"b": 0}}]}),
        pytest.param(["a.**"], {"a": {"x": 1}, "b": 1}, {"a": {"x": 0}, "b": 1}, id="and itself"),
        pytest.param(["a.**.z"], {"a": {"z": 1, "b": {"z": 1}}}, {"a": {"z": 0, "b": {"z": 0}}}),
        pytest.param(["**"], {"a": 1}, {"a": 0}, id="everything"),
        pytest.param(["a", "a.b"], {"a": {"b": 1, "c": 1}}, {"a": {"b": 0, "c": 0}}, id="both"),
        pytest.param(["a.b"], {"a": "text"}, {"a": "text"}, id="no object"),
        pytest.param(["a.b"], None, None, id="null as a whole"),
    ],
)
def test_blanked(patterns: list[str], value: JsonValue, expected: JsonValue) -> None:
    before = copy.deepcopy(value)
    assert blanked(value, [tuple(each.split(".")) for each in patterns]) == expected
    assert value == before


def test_types_stay_the_same() -> None:
    result = blanked(BLOCK, [("*", "inserted", "image"), ("*", "locked")])
    assert result[0]["inserted"]["image"] == {"filename": "", "size": 0, "tags": []}
    assert result[0]["locked"] is False
    assert result[1] == {"device": "cd", "locked": False}


def test_what_is_the_same_is_shared() -> None:
    result = blanked(BLOCK, [("*", "inserted", "file")])
    assert result[1] is BLOCK[1]
    assert result[0]["inserted"]["image"] is BLOCK[0]["inserted"]["image"]
    assert blanked(BLOCK, [("*", "absent")]) is BLOCK
    assert blanked(BLOCK, [("**", "absent")]) is BLOCK
    assert blanked(BLOCK, []) is BLOCK


def test_what_is_nested_too_deep_is_blanked_whole() -> None:
    deep: JsonValue = "secret"
    for _ in range(3000):
        deep = {"a": deep}
    assert blanked(deep, [("**", "b")]) == {}
    assert blanked({"x": deep}, [("x",)]) in ({"x": {}}, {})


@pytest.mark.property
@tried(0.5)
@given(
    st.recursive(
        st.text("ab", max_size=2) | st.integers() | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
        max_leaves=8,
    ),
    st.lists(st.lists(st.sampled_from(["a", "b", "*", "**"]), min_size=1, max_size=3), max_size=3),
)
def test_as_said_in_a_few_lines(value: JsonValue, patterns: list[list[str]]) -> None:
    paths = [tuple(each) for each in patterns]

    def is_blank(way: tuple[str, ...], names: tuple[str, ...]) -> bool:
        if not way:
            return not names
        if way[0] == "**":
            return is_blank(way[1:], names) or (bool(names) and is_blank(way, names[1:]))
        return bool(names) and way[0] in ("*", names[0]) and is_blank(way[1:], names[1:])

    def check(before: JsonValue, after: JsonValue, names: tuple[str, ...], inside: bool) -> None:
        inside = inside or any(is_blank(each, names) for each in paths)
        assert type(before) is type(after)
        if isinstance(before, dict):
            assert before.keys() == after.keys()
            for name in before:
                check(before[name], after[name], (*names, name), inside)
        elif isinstance(before, list):
            assert isinstance(after, list)
            assert after == [] if inside else len(before) == len(after)
            for one, other in zip(before, after, strict=False):
                check(one, other, (*names, "*"), inside)
        else:
            assert after in ("", 0, None) if inside else after == before

    check(value, blanked(value, paths), (), False)
