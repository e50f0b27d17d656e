"""Keys with dots: the values they build, and their ends."""

from typing import Any

import pytest

from qmpeer import limits
from qmpeer.errors import ChardevError
from qmpeer.options.nested_keys import parse_nested_keys


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("a", {"k": "a"}),
        ("a,", {"k": "a"}),
        ("k=a,,b,c=", {"k": "a,b", "c": ""}),
        ("x=1,x=2", {"x": "2"}),
        ("x.y=1,x.z.y=2", {"x": {"y": "1", "z": {"y": "2"}}}),
        ("x.1=b,x.0=a", {"x": ["a", "b"]}),
        ("x.0.y=a,x.1.0.0=b", {"x": [{"y": "a"}, [["b"]]]}),
        ("x=a,,,y=b", {"x": "a,", "y": "b"}),
        ("__org.example_x=1", {"__org.example_x": "1"}),
    ],
)
def test_what_they_make(text: str, values: dict[str, Any]) -> None:
    assert parse_nested_keys(text, implied_key="k") == (values, False)


@pytest.mark.parametrize("text", ["help", "?", "a,help", "x=1,?,y=2", "help,"])
def test_help_is_asked_for(text: str) -> None:
    assert parse_nested_keys(text, implied_key="k").wants_help


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,b", "Expected '=' after parameter 'b'"),
        (",", "Invalid parameter ''"),
        ("=a", "Invalid parameter ''"),
        ("0=a", "Invalid parameter '0'"),
        ("x.=a", "Invalid parameter 'x.'"),
        ("x.0a=b", "Invalid parameter 'x.0a'"),
        ("x=1,x.y=2", "Parameters 'x.*' used inconsistently"),
        ("x.y=1,x=2", "Parameters 'x.*' used inconsistently"),
        ("x.y=1,x.0=2", "Parameters 'x.*' used inconsistently"),
        ("x.y.1=a", "Parameter 'x.y.0' missing"),
        (f"x.{'9' * 50}=a", "Parameter 'x.0' missing"),
        (f"{'a' * 128}=b", f"Parameter '{'a' * 128}' is too long"),
        (f"a.{'a' * 128}=b", f"Parameter fragment '{'a' * 128}' is too long"),
        ("a" + ".a" * limits.KEY_PARTS + "=b", "there are more than 64 parts in a key"),
        ("a" + ".a" * 1_000_000 + "=b", "there are more than 64 parts in a key"),
    ],
    ids=lambda value: value[:20],
)
def test_where_they_end(text: str, reason: str) -> None:
    with pytest.raises(ChardevError) as caught:
        parse_nested_keys(text, implied_key="k")
    assert caught.value.reason == reason
