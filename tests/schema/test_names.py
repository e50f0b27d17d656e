"""Names: which can be, and which are in today's style.

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


NO_NAME = "is no name: letters, digits, '-' and '_' make one, a letter first"


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("struct", "name", "'name' is not in CamelCase, as names of types are"),
        ("struct", "query-name", "'query-name' is not in CamelCase, as names of types are"),
        ("union", "NameList", "'NameList' ends in 'List', which is kept for arrays"),
        ("event", "Stop", "'Stop' is not in CAPITALS_WITH_UNDERSCORES, as names of events are"),
        ("event", "A-B", "'A-B' is not in CAPITALS_WITH_UNDERSCORES, as names of events are"),
        ("command", "", f"'' {NO_NAME}"),
        ("command", "2nd", f"'2nd' {NO_NAME}"),
        ("command", "-a", f"'-a' {NO_NAME}"),
        ("command", "a.b", f"'a.b' {NO_NAME}"),
        ("command", "a b", f"'a b' {NO_NAME}"),
        ("command", "a\n", f"'a\\n' {NO_NAME}"),
        ("command", "caf\u00e9", f"'caf\u00e9' {NO_NAME}"),
        ("value", "-a", f"'-a' {NO_NAME}"),
        ("command", "q_obj", "'q_obj' begins with 'q_', which is kept for QAPI itself"),
        ("member", "Q-obj", "'Q-obj' begins with 'q_', which is kept for QAPI itself"),
        ("member", "has-name", "a member can't be named 'has-name': the name is kept for C"),
        ("member", "has_name", "a member can't be named 'has_name': the name is kept for C"),
        ("member", "u", "a member can't be named 'u': the name is kept for C"),
    ],
)
def test_no_name(kind: str, name: str, expected: str) -> None:
    assert name_fault(kind, name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("query-name", None),
        ("__org.example_query-name", None),
        ("query_name", "'query_name' has '_' where a name has '-'"),
        ("__org.example_query_name", "'__org.example_query_name' has '_' where a name has '-'"),
        ("2.0", "'2.0' has '.' where a name has '-'"),
        ("Name", "'Name' has capitals"),
    ],
)
def test_style(name: str, expected: str | None) -> None:
    assert style_fault(name) == expected


def test_underscores_may_be_allowed_where_capitals_are_not() -> None:
    assert style_fault("a_b", may_have_underscores=True) is None
    assert style_fault("A_b", may_have_underscores=True) == "'A_b' has capitals"


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
