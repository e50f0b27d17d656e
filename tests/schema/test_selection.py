"""Selection: the schema of one build."""

from collections.abc import Callable

import pytest

from qmpeer.schema import (
    AllOf,
    AlternateDefinition,
    AnyOf,
    Condition,
    EnumDefinition,
    Not,
    Schema,
    StructDefinition,
    UnionDefinition,
    condition_text,
    hide_deprecated,
    introspection_of,
    is_met,
    select,
)
from qmpeer.schema.conditions import parse_expression

ReadSchema = Callable[..., Schema]

SCHEMA = """
{ 'command': 'always' }
{ 'command': 'sometimes', 'if': 'A', 'data': { 'x': 'Gone' } }
{ 'struct': 'Gone', 'if': 'A', 'data': {} }
{ 'struct': 'Kept', 'features': [ 'f', { 'name': 'g', 'if': 'A' } ],
  'data': { 'a': { 'type': [ 'Gone' ], 'if': 'A' },
            'b': { 'type': 'int', 'if': { 'not': 'A' } } } }
{ 'enum': 'Kind', 'data': [ 'x', { 'name': 'y', 'if': 'A' } ] }
{ 'union': 'Part', 'base': { 'kind': 'Kind' }, 'discriminator': 'kind',
  'data': { 'x': 'Kept', 'y': { 'type': 'Gone', 'if': 'A' } } }
{ 'alternate': 'Ref', 'data': { 's': 'str', 'o': { 'type': 'Gone', 'if': 'A' } } }
"""


def parts(schema: Schema) -> dict[str, list[str]]:
    kept, kind = schema.types["Kept"], schema.types["Kind"]
    part, ref = schema.types["Part"], schema.types["Ref"]
    assert isinstance(kept, StructDefinition)
    assert isinstance(kind, EnumDefinition)
    assert isinstance(part, UnionDefinition)
    assert isinstance(ref, AlternateDefinition)
    return {
        "commands": [command.name for command in schema.commands()],
        "gone": [name for name in ("Gone", "[Gone]", "sometimes-arg") if name in schema.types],
        "features": [feature.name for feature in kept.features],
        "members": [member.name for member in kept.members],
        "values": [value.name for value in kind.values],
        "branches": [branch.name for branch in (*part.branches, *ref.branches)],
    }


def test_what_is_left(schema_of: ReadSchema) -> None:
    assert parts(select(schema_of(SCHEMA), lambda name: False)) == {
        "commands": ["always"],
        "gone": [],
        "features": ["f"],
        "members": ["b"],
        "values": ["x"],
        "branches": ["x", "s"],
    }
    assert parts(select(schema_of(SCHEMA), lambda name: True)) == {
        "commands": ["always", "sometimes"],
        "gone": ["Gone", "[Gone]", "sometimes-arg"],
        "features": ["f", "g"],
        "members": ["a"],
        "values": ["x", "y"],
        "branches": ["x", "y", "s", "o"],
    }


def test_hidden_are_members_and_entities_that_are_deprecated(schema_of: ReadSchema) -> None:
    schema = hide_deprecated(
        schema_of(
            "{ 'command': 'old', 'features': [ 'deprecated' ], 'data': { 'mode': 'Mode' } }\n"
            "{ 'command': 'new', 'features': [ 'unstable' ], 'data': {"
            "    'a': 'int', '*b': { 'type': 'int', 'features': [ 'deprecated' ] } } }\n"
            "{ 'enum': 'Mode', 'data': [ { 'name': 'x', 'features': [ 'deprecated' ] } ] }"
        )
    )
    new, *types = introspection_of(schema)
    assert (new["name"], new["arg-type"]) == ("new", "2")
    by_name = {entity["name"]: entity for entity in types}
    assert by_name["2"]["members"] == [{"name": "a", "type": "int"}]
    assert by_name["3"]["members"] == [{"name": "x", "features": ["deprecated"]}]
    assert "values" not in by_name["3"]


@pytest.mark.parametrize(
    ("condition", "is_there", "text"),
    [
        (None, True, None),
        ("A", True, "A"),
        ("B", False, "B"),
        (Not("B"), True, "not B"),
        (AllOf(("A", "B")), False, "A and B"),
        (AnyOf(("A", "B")), True, "A or B"),
        (AnyOf(("B", Not(AllOf(("A", "B"))))), True, "B or not (A and B)"),
    ],
)
def test_conditions(condition: Condition | None, is_there: bool, text: str | None) -> None:
    assert is_met(condition, {"A"}.__contains__) is is_there
    if condition is not None:
        assert condition_text(condition) == text


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("A", "A"),
        ("defined( A )", "A"),
        ("defined A", "A"),
        ("!defined(A)", Not("A")),
        ("(defined(A) || defined(B)) && defined(C)", AllOf((AnyOf(("A", "B")), "C"))),
        ("!(defined(A) && defined(B))", Not(AllOf(("A", "B")))),
        ("defined(A) &&", "defined(A) &&"),
        ("(defined(A)", "(defined(A)"),
        ("defined(A) defined(B)", "defined(A) defined(B)"),
        ("A && B", "A && B"),
        ("VERSION > 3", "VERSION > 3"),
    ],
)
def test_expressions_of_c(text: str, condition: Condition) -> None:
    assert parse_expression(text) == condition
