"""Differences between schemas: each kind of change, its effect on clients, its places."""

import pytest

from qmpeer.schema import differences, schema_from_qapi
from qmpeer.schema.model import Schema

ARGUMENT = "{'command': 'go', 'data': %s}"
RETURNED = "{'struct': 'R', 'data': %s} {'command': 'go', 'returns': 'R'}"
ENUM = "{'enum': 'E', 'data': %s} {'command': 'go', 'data': {'e': 'E'}, 'returns': ['E']}"
UNION = (
    "{'enum': 'K', 'data': ['a', 'b']} {'struct': 'A', 'data': %s} {'struct': 'B', 'data': %s}"
    "{'union': 'U', 'base': %s, 'discriminator': 'k', 'data': {'a': 'A', 'b': 'B'}}"
    "{'command': 'go', 'data': 'U', 'boxed': true}"
)

CASES: dict[str, tuple[str, str, str]] = {
    "nothing": ("{'command': 'go'}", "{'command': 'go'}", "no differences"),
    "command gone": (
        "{'command': 'go'}",
        "{'event': 'GO'}",
        "Gone:\n  ! go: command\nNew:\n    GO: event",
    ),
    "event gone": ("{'event': 'GO'}", "", "Gone:\n  ! GO: event"),
    "no more out of band": (
        "{'command': 'go', 'allow-oob': true}",
        "{'command': 'go'}",
        "Changed:\n  ! go: no longer out of band",
    ),
    "out of band": (
        "{'command': 'go'}",
        "{'command': 'go', 'allow-oob': true}",
        "Changed:\n    go: may come out of band",
    ),
    "argument gone": (ARGUMENT % "{'a': 'int'}", ARGUMENT % "{}", "Gone:\n  ! go.a: argument"),
    "new argument": (
        ARGUMENT % "{}",
        ARGUMENT % "{'a': 'int', '*b': 'int'}",
        "Changed:\n  ! go.a: new mandatory argument\nNew:\n    go.b: argument",
    ),
    "argument mandatory": (
        ARGUMENT % "{'*a': 'int'}",
        ARGUMENT % "{'a': 'int'}",
        "Changed:\n  ! go.a: now mandatory",
    ),
    "argument optional": (
        ARGUMENT % "{'a': 'int'}",
        ARGUMENT % "{'*a': 'int'}",
        "Changed:\n    go.a: now optional",
    ),
    "member optional": (
        RETURNED % "{'a': 'int'}",
        RETURNED % "{'*a': 'int'}",
        "Changed:\n  ! go:a: now optional",
    ),
    "new member": (RETURNED % "{}", RETURNED % "{'a': 'int'}", "New:\n    go:a: member"),
    "an int for a number": (
        ARGUMENT % "{'a': 'number'}",
        ARGUMENT % "{'a': 'int'}",
        "Changed:\n  ! go.a: int, was number",
    ),
    "a number for an int, returned": (
        RETURNED % "{'a': 'int'}",
        RETURNED % "{'a': 'number'}",
        "Changed:\n  ! go:a: number, was int",
    ),
    "value gone, met in two ways": (
        ENUM % "['x', 'y']",
        ENUM % "['x']",
        "Gone:\n  ! go.e=y: value\n    go=y: value",
    ),
    "an enum for a string": (
        ARGUMENT % "{'e': 'str'}",
        "{'enum': 'E', 'data': ['x']}" + ARGUMENT % "{'e': 'E'}",
        "Changed:\n  ! go.e: an enum, was any string",
    ),
    "deprecated": (
        ARGUMENT % "{'a': 'int'}",
        ARGUMENT % "{'a': {'type': 'int', 'features': ['deprecated', 'soft']}}",
        "Newly deprecated:\n    go.a: argument\nNew:\n    go.a@soft: feature",
    ),
    "feature gone": (
        "{'command': 'go', 'features': ['fast', 'unstable']}",
        "{'command': 'go'}",
        "Gone:\n  ! go@fast: feature\nChanged:\n    go: command, no longer unstable",
    ),
    "of one branch only": (
        UNION % ("{}", "{}", "{'k': 'K', '*m': 'int'}"),
        UNION % ("{}", "{'*m': 'int'}", "{'k': 'K'}"),
        "Changed:\n  ! go.m: argument, now only where k is b\nNew:\n    go.b.m: member",
    ),
    "of all branches": (
        UNION % ("{'*m': 'int'}", "{'*m': 'int'}", "{'k': 'K'}"),
        UNION % ("{}", "{}", "{'k': 'K', '*m': 'int'}"),
        "New:\n    go.m: argument",
    ),
}


def schema(text: str) -> Schema:
    return schema_from_qapi("a.json", lambda _: text.encode())


@pytest.mark.parametrize(("old", "new", "expected"), CASES.values(), ids=CASES)
def test_it_is_told(old: str, new: str, expected: str) -> None:
    found = differences(schema(old), schema(new))
    assert str(found) == expected
    assert bool(found) == (expected != "no differences")
    assert found.is_breaking == ("  ! " in expected)


@pytest.mark.parametrize(
    ("uses", "places"),
    [
        (1, ""),
        (2, " (also go1.s.a)"),
        (4, " (also go1.s.a, go2.s.a, go3.s.a)"),
        (5, " (also go1.s.a, go2.s.a, go3.s.a and 1 more)"),
        (6, " (also go1.s.a, go2.s.a, go3.s.a and 2 more)"),
    ],
)
def test_a_type_is_compared_once_and_says_where_it_is_met(uses: int, places: str) -> None:
    commands = "".join(f"{{'command': 'go{n}', 'data': {{'s': 'S'}}}}" for n in range(uses))
    found = differences(
        schema("{'struct': 'S', 'data': {'a': 'int'}}" + commands),
        schema("{'struct': 'S', 'data': {}}" + commands),
    )
    assert str(found) == f"Gone:\n  ! go0.s.a: member{places}"
