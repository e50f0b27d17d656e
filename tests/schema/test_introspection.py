"""Introspection as source and as output."""

from collections.abc import Callable
from typing import Any

import pytest

from qmpeer.errors import SchemaSemanticError, ValidationError
from qmpeer.schema import (
    IntrospectionForm,
    Schema,
    Validator,
    introspection_of,
    label_types,
    schema_from_introspection,
    select,
)
from qmpeer.values import JsonObject, JsonValue
from tests.growth import assert_linear

ReadSchema = Callable[..., Schema]

SCHEMA = """
{ 'command': 'query-paint', 'returns': [ 'Paint' ], 'features': [ 'unstable' ] }
{ 'event': 'PAINTED', 'data': { 'area': 'uint8', '*names': [ 'int' ] } }
{ 'command': 'build', 'data': 'Part', 'boxed': true, 'allow-oob': true }
{ 'enum': 'Color', 'data': [ 'red', { 'name': 'blue', 'features': [ 'deprecated' ] } ] }
{ 'struct': 'Surface', 'data': { 'color': 'Color' } }
{ 'struct': 'Paint', 'base': 'Surface', 'data': { 'ref': 'Ref' } }
{ 'alternate': 'Ref', 'data': { 's': 'str', 'n': 'null' } }
{ 'enum': 'Kind', 'data': [ 'wall', 'roof' ] }
{ 'union': 'Part', 'base': { 'kind': 'Kind' }, 'discriminator': 'kind',
  'data': { 'roof': 'Paint' } }
{ 'struct': 'Unused', 'data': {} }
"""

ANSWER: list[JsonObject] = [
    {
        "name": "query-paint",
        "meta-type": "command",
        "arg-type": "0",
        "ret-type": "[1]",
        "features": ["unstable"],
    },
    {"name": "PAINTED", "meta-type": "event", "arg-type": "2"},
    {
        "name": "build",
        "meta-type": "command",
        "arg-type": "3",
        "ret-type": "0",
        "allow-oob": True,
    },
    {"name": "0", "meta-type": "object", "members": []},
    {"name": "[1]", "meta-type": "array", "element-type": "1"},
    {
        "name": "1",
        "meta-type": "object",
        "members": [{"name": "color", "type": "4"}, {"name": "ref", "type": "5"}],
    },
    {
        "name": "2",
        "meta-type": "object",
        "members": [
            {"name": "area", "type": "int"},
            {"name": "names", "type": "[int]", "default": None},
        ],
    },
    {
        "name": "3",
        "meta-type": "object",
        "members": [{"name": "kind", "type": "6"}],
        "tag": "kind",
        "variants": [{"case": "roof", "type": "1"}, {"case": "wall", "type": "0"}],
    },
    {
        "name": "4",
        "meta-type": "enum",
        "members": [{"name": "red"}, {"name": "blue", "features": ["deprecated"]}],
        "values": ["red", "blue"],
    },
    {"name": "5", "meta-type": "alternate", "members": [{"type": "str"}, {"type": "null"}]},
    {"name": "int", "meta-type": "builtin", "json-type": "int"},
    {"name": "[int]", "meta-type": "array", "element-type": "int"},
    {
        "name": "6",
        "meta-type": "enum",
        "members": [{"name": "wall"}, {"name": "roof"}],
        "values": ["wall", "roof"],
    },
    {"name": "str", "meta-type": "builtin", "json-type": "string"},
    {"name": "null", "meta-type": "builtin", "json-type": "null"},
]


def test_model_is_introspected_as_qemu_does(schema_of: ReadSchema) -> None:
    assert introspection_of(schema_of(SCHEMA)) == ANSWER


def test_answer_comes_back_as_it_was() -> None:
    assert introspection_of(schema_from_introspection(ANSWER)) == ANSWER


def test_branches_that_an_answer_leaves_out() -> None:
    """They have the empty type, even if the answer lists no empty type; the output lists it."""
    kind: JsonObject = {"name": "kind", "type": "1"}
    answer: list[JsonObject] = [
        {"name": "a", "meta-type": "command", "arg-type": "0", "ret-type": "0"},
        {"name": "0", "meta-type": "object", "members": [kind], "tag": "kind"},
        {"name": "1", "meta-type": "enum", "members": [{"name": "x"}], "values": ["x"]},
    ]
    again = introspection_of(schema_from_introspection(answer))
    assert again == [
        answer[0],
        {**answer[1], "variants": [{"case": "x", "type": "2"}]},
        answer[2],
        {"name": "2", "meta-type": "object", "members": []},
    ]
    assert introspection_of(schema_from_introspection(again)) == again


def test_numbers_have_gaps_where_conditions_leave_something_out(schema_of: ReadSchema) -> None:
    schema = select(
        schema_of(
            "{ 'command': 'a', 'data': { 'x': 'int' }, 'if': 'A' }\n"
            "{ 'command': 'b', 'returns': 'Info' }\n"
            "{ 'struct': 'Info', 'data': {} }"
        ),
        lambda name: False,
    )
    assert introspection_of(schema) == [
        {"name": "b", "meta-type": "command", "arg-type": "1", "ret-type": "2"},
        {"name": "1", "meta-type": "object", "members": []},
        {"name": "2", "meta-type": "object", "members": []},
        {"name": "int", "meta-type": "builtin", "json-type": "int"},
    ]
    answer = introspection_of(schema)
    assert introspection_of(schema_from_introspection(answer)) == answer


@pytest.mark.parametrize(
    "form",
    [
        IntrospectionForm(),
        IntrospectionForm(enum_members=False),
        IntrospectionForm(enum_values=False),
        IntrospectionForm(enum_members=False, oob_always=True),
        IntrospectionForm(enum_members=False, oob_always=True, preconfig_always=True),
    ],
    ids=["today", "up to 6.1", "without values", "2.12", "before 3.0"],
)
def test_form_is_kept(schema_of: ReadSchema, form: IntrospectionForm) -> None:
    answer = introspection_of(schema_of(SCHEMA), form)
    again = schema_from_introspection(answer)
    assert again.form == form
    assert introspection_of(again) == answer


def test_types_are_named_after_their_first_use() -> None:
    schema = schema_from_introspection(ANSWER)
    query, build = schema.commands()
    assert (query.arguments, query.returns) == (None, "[PaintInfo]")
    assert build.arguments == "BuildArguments"
    assert [event.arguments for event in schema.events()] == ["PAINTED-arg"]
    assert {"PaintColor", "StrOrNull", "BuildKind"} <= set(schema.types)
    assert label_types(schema)["PaintInfo"] == "1"


def test_names_that_are_not_masked_are_kept() -> None:
    answer: JsonValue = [
        {"name": "query-x", "meta-type": "command", "arg-type": "Empty", "ret-type": "XInfo"},
        {"name": "Empty", "meta-type": "object", "members": []},
        {"name": "XInfo", "meta-type": "object", "members": [{"name": "a", "type": "Mode"}]},
        {"name": "Mode", "meta-type": "enum", "values": ["on"]},
    ]
    schema = schema_from_introspection(answer)
    assert {"XInfo", "Mode"} <= set(schema.types)
    assert introspection_of(schema) == answer


def broken(changes: dict[str, Any]) -> list[Any]:
    """Return the answer with the entities of these names changed or removed."""
    return [
        {**entity, **changes.get(str(entity["name"]), {})}
        for entity in ANSWER
        if changes.get(str(entity["name"]), {}) is not None
    ]


OBJECT = {"name": "7", "meta-type": "object", "members": []}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "not an answer to query-qmp-schema: Expected `array`"),
        ([3], "not an answer to query-qmp-schema: Expected `object`"),
        ([{"name": "a"}], "missing required field `meta-type`"),
        (broken({"build": {"meta-type": "function"}}), "Invalid value 'function'"),
        (broken({"build": {"arg-type": 3}}), "Expected `str`, got `int`"),
        (broken({"build": {"arg-type": "99"}}), "refers to '99', which is not among the types"),
        (broken({"build": {"arg-type": "4"}}), "its arguments '4' are not an object"),
        (broken({"4": None}), "refers to '4'"),
        (broken({"[1]": {"element-type": "77"}}), "refers to '77'"),
        (broken({"[1]": {"element-type": "[int]"}}), "its elements are arrays"),
        (broken({"[1]": {"element-type": "[1]"}}), "its elements are arrays"),
        (
            broken({"2": {"members": [{"name": "a", "type": "int"}] * 2}}),
            "members have the same name",
        ),
        (broken({"3": {"tag": None}}), "it has variants but no tag"),
        (broken({"3": {"tag": "sort"}}), "its tag 'sort' is not a member"),
        (broken({"3": {"members": [{"name": "kind", "type": "str"}]}}), "is not an enum"),
        (broken({"3": {"variants": [{"case": "x", "type": "0"}]}}), "not those of its tag"),
        (broken({"3": {"variants": [{"case": "wall", "type": "str"}]}}), "is not an object"),
        (broken({"3": {"variants": [{"case": "wall", "type": "3"}]}}), "one of its own variants"),
        (broken({"4": {"members": [{"name": "a"}] * 2}}), "values have the same name"),
        (broken({"5": {"members": [{"type": "5"}]}}), "is an alternate, too"),
        (broken({"int": {"name": "float"}}), "refers to 'int'"),
        (
            [*ANSWER, {"name": "float", "meta-type": "builtin", "json-type": "number"}],
            "no built-in type of that name",
        ),
        ([*ANSWER, {"name": "8", "meta-type": "enum"}], "neither members nor values"),
        ([*ANSWER, OBJECT, OBJECT], "two types have the same name"),
        ([*ANSWER, ANSWER[0]], "duplicate command or event 'query-paint'"),
    ],
)
def test_answer_that_contradicts_itself(answer: JsonValue, reason: str) -> None:
    with pytest.raises(SchemaSemanticError) as caught:
        schema_from_introspection(answer)
    assert reason in str(caught.value)


def test_error_says_in_which_entity() -> None:
    with pytest.raises(SchemaSemanticError) as caught:
        schema_from_introspection(broken({"build": {"arg-type": "99"}}))
    assert caught.value.definition == "command 'build'"
    assert caught.value.location is None


def test_long_chains_end() -> None:
    assert_linear(_walk_chain, 20_000)


def _walk_chain(count: int) -> None:
    chain: list[JsonObject] = [
        {
            "name": str(index),
            "meta-type": "object",
            "members": [{"name": "next", "type": str((index + 1) % count)}],
        }
        for index in range(count)
    ]
    answer: list[JsonObject] = [
        {"name": "a", "meta-type": "command", "arg-type": "0", "ret-type": "0"},
        *chain,
    ]
    schema = schema_from_introspection(answer)
    assert len(introspection_of(schema)) == count + 1
    with pytest.raises(ValidationError, match=r"^Parameter 'next\.next' is missing$"):
        Validator(schema).arguments("a")({"next": {}})
