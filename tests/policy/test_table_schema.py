"""The table of arguments as a schema.

Modules: table_schema.
"""

from qmpeer.policy.table_schema import schema_of, table_schema
from qmpeer.schema import Validator, introspection_of, schema_from_introspection
from qmpeer.schema.json_kinds import ALL_KINDS, alternatives
from qmpeer.values import JsonObject


def _kinds(*path: str) -> set[str]:
    schema = table_schema()
    command = next(each for each in schema.commands() if each.name == path[0])
    types = [command.arguments or ""]
    for name in path[1:]:
        found = [
            each
            for type_name in types
            for each in alternatives(schema, type_name).values()
            if each is not None
        ]
        members = [member for each in found for member in getattr(each, "members", ())]
        types = [member.type for member in members if member.name == name]
    return {kind for name in types for kind in alternatives(schema, name)}


def test_types_of_arguments() -> None:
    assert _kinds("blockdev-add", "driver") == {"string"}
    assert _kinds("blockdev-add", "file") == {"string", "object"}
    assert _kinds("blockdev-add", "file", "filename") == {"string"}
    assert _kinds("blockdev-add", "backing") == {"string", "object", "null"}
    assert _kinds("blockdev-add", "read-only") == {"boolean"}
    assert _kinds("block_resize", "size") == {"int"}
    assert _kinds("transaction", "actions") == {"array"}
    assert _kinds("qom-set", "value") == set(ALL_KINDS)


def test_it_is_a_schema_that_can_be_read() -> None:
    again = schema_from_introspection(introspection_of(table_schema()))
    assert {each.name for each in again.commands()} == {
        each.name for each in table_schema().commands()
    }


def test_several_types_of_one_member() -> None:
    schema = schema_of(
        {
            ".add": {"x": {"One", "Two", "int"}, "l": {"One[]", "str[]"}, "any": {"str", "any"}},
            ".stop": {},
            "One": {"a": {"str"}, "self": {"One"}},
            "Two": {"a": {"int"}, "b": {"bool"}},
        }
    )
    values: list[JsonObject] = [
        {"x": 1},
        {"x": {"a": "s", "b": True}},
        {"x": {"a": 1, "self": {}}},
        {"l": ["s", {}]},
        {"any": {}},
    ]
    check = Validator(schema).arguments("add")
    for value in values:
        check(value)
