"""The rules for names, and today's style.

Modules: definition_parts.
"""

import pytest

from qmpeer.schema.cycles import cycles
from qmpeer.schema.name_rules import name_fault, style_fault


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("struct", "Name"), ("struct", "A1"), ("struct", "XBZRLECacheStats"),
        ("struct", "__org.example_Name"), ("struct", "X"), ("enum", "QCryptoHashAlgo"),
        ("command", "query-name"), ("command", "query_name"), ("command", "Query"),
        ("command", "__org.example_query-name"), ("command", "x-query"),
        ("event", "STOP"), ("event", "BLOCK_JOB_READY"), ("event", "__org.example_STOP"),
        ("value", "2.0"), ("value", "3d"), ("value", "a-b"), ("branch", "2"),
        ("member", "has"), ("member", "user"), ("feature", "deprecated"),
    ],
)  # fmt: skip
def test_a_name(kind: str, name: str) -> None:
    assert name_fault(kind, name) is None


NO_NAME = "is not a name, expected a letter, then letters, digits, '-' and '_'"


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("struct", "name", "'name' is not in CamelCase, expected for a type"),
        ("struct", "query-name", "'query-name' is not in CamelCase, expected for a type"),
        ("union", "NameList", "'NameList' ends in 'List', which is reserved for arrays"),
        ("event", "Stop", "'Stop' is not in CAPITALS_WITH_UNDERSCORES, expected for an event"),
        ("event", "A-B", "'A-B' is not in CAPITALS_WITH_UNDERSCORES, expected for an event"),
        ("command", "", f"'' {NO_NAME}"),
        ("command", "2nd", f"'2nd' {NO_NAME}"),
        ("command", "-a", f"'-a' {NO_NAME}"),
        ("command", "a.b", f"'a.b' {NO_NAME}"),
        ("command", "a b", f"'a b' {NO_NAME}"),
        ("command", "a\n", f"'a\\n' {NO_NAME}"),
        ("command", "caf\u00e9", f"'caf\u00e9' {NO_NAME}"),
        ("value", "-a", f"'-a' {NO_NAME}"),
        ("command", "q_obj", "'q_obj' begins with 'q_', which is reserved for QAPI"),
        ("member", "Q-obj", "'Q-obj' begins with 'q_', which is reserved for QAPI"),
        ("member", "has-name", "member name 'has-name' is reserved for C"),
        ("member", "has_name", "member name 'has_name' is reserved for C"),
        ("member", "u", "member name 'u' is reserved for C"),
    ],
)
def test_no_name(kind: str, name: str, expected: str) -> None:
    assert name_fault(kind, name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("query-name", None),
        ("__org.example_query-name", None),
        ("query_name", "'query_name' contains '_', expected '-'"),
        ("__org.example_query_name", "'__org.example_query_name' contains '_', expected '-'"),
        ("2.0", "'2.0' contains '.', expected '-'"),
        ("Name", "'Name' contains capitals, expected lower case"),
    ],
)
def test_style(name: str, expected: str | None) -> None:
    assert style_fault(name) == expected


def test_underscores_may_be_allowed_where_capitals_are_not() -> None:
    assert style_fault("a_b", may_have_underscores=True) is None
    assert (
        style_fault("A_b", may_have_underscores=True)
        == "'A_b' contains capitals, expected lower case"
    )


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ({}, []),
        ({"A": ["B"], "B": []}, []),
        ({"A": ["B", "C"], "B": ["D"], "C": ["D"]}, []),
        ({"A": ["A"]}, ["A"]),
        ({"A": ["B"], "B": ["A"]}, ["A"]),
        ({"A": ["B"], "B": ["C"], "C": ["B"]}, ["B"]),
        ({"A": ["B"], "B": ["A"], "C": ["D"], "D": ["C"]}, ["A", "C"]),
        ({"A": ["B"], "C": ["A"], "B": ["C"]}, ["A"]),
    ],
    ids=["none", "line", "two ways", "itself", "two", "behind a way", "two circles", "three"],
)
def test_circles(edges: dict[str, list[str]], expected: list[str]) -> None:
    assert cycles(edges) == expected


def test_a_long_way_takes_no_stack() -> None:
    edges = {str(number): [str(number + 1)] for number in range(3000)}
    assert cycles(edges) == []
    assert cycles({**edges, "3000": ["0"]}) == ["0"]
