"""Every construct of the QAPI language, in its current and older forms."""

from collections.abc import Callable

import pytest

from qmpeer.errors import SchemaError
from qmpeer.schema import (
    BUILT_INS,
    AllOf,
    AlternateDefinition,
    AnyOf,
    Array,
    Branch,
    CommandDefinition,
    EnumDefinition,
    EnumValue,
    EventDefinition,
    Feature,
    Member,
    Not,
    Schema,
    StructDefinition,
    UnionDefinition,
)

ReadSchema = Callable[..., Schema]


def test_enum(schema_of: ReadSchema) -> None:
    schema = schema_of(
        "{ 'enum': 'Color', 'prefix': 'COL', 'features': [ 'unstable' ], 'if': 'CONFIG_COLOR',"
        "  'data': [ 'red', '3d', { 'name': 'blue', 'if': 'CONFIG_BLUE',"
        "            'features': [ 'deprecated', { 'name': 'rare', 'if': 'RARE' } ] } ] }"
    )
    of = schema.types["Color"]
    assert isinstance(of, EnumDefinition)
    assert of.values == (
        EnumValue("red"),
        EnumValue("3d"),
        EnumValue("blue", (Feature("deprecated"), Feature("rare", "RARE")), "CONFIG_BLUE"),
    )
    assert (of.prefix, of.condition, of.features) == (
        "COL",
        "CONFIG_COLOR",
        (Feature("unstable"),),
    )
    assert str(of.location) == "schema.json:1:11"


def test_struct(schema_of: ReadSchema) -> None:
    schema = schema_of(
        "{ 'struct': 'Surface', 'data': { 'area': 'size' } }\n"
        "{ 'struct': 'Wall', 'base': 'Surface', 'data': { '*name': 'str', 'windows': [ 'Wall' ],"
        "  'paint': { 'type': 'int8', 'if': 'P', 'features': [ 'deprecated' ] } } }"
    )
    of = schema.types["Wall"]
    assert isinstance(of, StructDefinition)
    assert of.base == "Surface"
    assert of.members == (
        Member("name", "str", is_optional=True),
        Member("windows", "[Wall]"),
        Member("paint", "int8", features=(Feature("deprecated"),), condition="P"),
    )
    assert schema.types["[Wall]"] == Array("[Wall]", "Wall")


def test_union_with_its_base_inside(schema_of: ReadSchema) -> None:
    schema = schema_of(
        "{ 'enum': 'Kind', 'data': [ 'wall', 'roof' ] }\n"
        "{ 'struct': 'Wall', 'data': {} }\n"
        "{ 'union': 'Part', 'base': { 'kind': 'Kind' }, 'discriminator': 'kind',"
        "  'data': { 'wall': { 'type': 'Wall', 'if': 'W' } } }"
    )
    of = schema.types["Part"]
    assert isinstance(of, UnionDefinition)
    assert (of.base, of.discriminator) == ("Part-base", "kind")
    assert of.branches == (Branch("wall", "Wall", "W"),)
    base = schema.types["Part-base"]
    assert isinstance(base, StructDefinition)
    assert base.members == (Member("kind", "Kind"),)
    assert base.is_implicit


def test_union_in_a_union(schema_of: ReadSchema) -> None:
    """Since 8.2 a branch may be a union, flat, with a discriminator of its own."""
    schema = schema_of(
        "{ 'enum': 'Kind', 'data': [ 'wall', 'roof' ] }\n"
        "{ 'union': 'Inner', 'base': { 'sort': 'Kind' }, 'discriminator': 'sort',"
        "  'data': { 'roof': 'Roof' } }\n"
        "{ 'struct': 'Roof', 'data': { 'slope': 'int' } }\n"
        "{ 'union': 'Outer', 'base': { 'kind': 'Kind' }, 'discriminator': 'kind',"
        "  'data': { 'wall': 'Inner' } }"
    )
    assert isinstance(schema.types["Outer"], UnionDefinition)


def test_simple_union(schema_of: ReadSchema) -> None:
    """Until 6.1: an implicit enum, and a `data` around each branch."""
    schema = schema_of("{ 'union': 'Ref', 'data': { 'name': 'str', 'all': [ 'int' ] } }")
    of = schema.types["Ref"]
    assert isinstance(of, UnionDefinition)
    assert of.discriminator == "type"
    assert of.branches == (Branch("name", "str-wrapper"), Branch("all", "[int]-wrapper"))
    kind, base = schema.types["RefKind"], schema.types["Ref-base"]
    assert isinstance(kind, EnumDefinition)
    assert isinstance(base, StructDefinition)
    assert [value.name for value in kind.values] == ["name", "all"]
    assert base.members == (Member("type", "RefKind"),)


def test_alternate(schema_of: ReadSchema) -> None:
    schema = schema_of("{ 'alternate': 'Ref', 'data': { 's': 'str', 'n': 'null', 'l': ['int'] } }")
    of = schema.types["Ref"]
    assert isinstance(of, AlternateDefinition)
    assert [(branch.name, branch.type) for branch in of.branches] == [
        ("s", "str"),
        ("n", "null"),
        ("l", "[int]"),
    ]


def test_command_with_all_flags(schema_of: ReadSchema) -> None:
    schema = schema_of(
        "{ 'struct': 'Paint', 'data': {} }\n"
        "{ 'command': 'paint', 'data': 'Paint', 'boxed': true, 'returns': [ 'Paint' ],"
        "  'gen': false, 'success-response': false, 'allow-oob': true, 'allow-preconfig': true }\n"
        "{ 'command': 'dry', 'coroutine': true }"
    )
    paint, dry = schema.commands()
    assert (paint.arguments, paint.returns) == ("Paint", "[Paint]")
    assert paint.is_boxed
    assert not paint.is_generated
    assert not paint.has_response
    assert paint.allow_oob
    assert paint.allow_preconfig
    assert dry == CommandDefinition(name="dry", is_coroutine=True, location=dry.location)


def test_arguments_in_place_are_a_type_without_name(schema_of: ReadSchema) -> None:
    schema = schema_of("{ 'command': 'paint', 'data': { 'color': 'str' }, 'if': 'PAINT' }")
    (paint,) = schema.commands()
    of = schema.types["paint-arg"]
    assert isinstance(of, StructDefinition)
    assert paint.arguments == "paint-arg"
    assert of.is_implicit
    assert of.condition == "PAINT"


def test_events(schema_of: ReadSchema) -> None:
    schema = schema_of("{ 'event': 'DRY' }\n{ 'event': 'PAINTED', 'data': { 'color': 'str' } }")
    assert [(event.name, event.arguments) for event in schema.events()] == [
        ("DRY", None),
        ("PAINTED", "PAINTED-arg"),
    ]
    assert not list(schema.commands())
    assert all(isinstance(entity, EventDefinition) for entity in schema.entities)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("'CONFIG_A'", "CONFIG_A"),
        ("{ 'all': [ 'A', { 'not': 'B' } ] }", AllOf(("A", Not("B")))),
        ("{ 'any': [ 'A', { 'all': [ 'B', 'C' ] } ] }", AnyOf(("A", AllOf(("B", "C"))))),
        ("'defined(CONFIG_A)'", "CONFIG_A"),
        ("'defined(A) && !defined(B) || defined(C)'", AnyOf((AllOf(("A", Not("B"))), "C"))),
        ("[ 'defined(A)', 'defined(B)' ]", AllOf(("A", "B"))),
        ("'A > 3'", "A > 3"),
    ],
)
def test_conditions_old_and_new(schema_of: ReadSchema, text: str, condition: object) -> None:
    (command,) = schema_of(f"{{ 'command': 'paint', 'if': {text} }}").commands()
    assert command.condition == condition


def test_language_up_to_2_3(schema_of: ReadSchema) -> None:
    schema = schema_of(
        "{ 'type': 'Info', 'data': { 'qemu': { 'major': 'int', '*minor': 'int' } } }\n"
        "{ 'union': 'Ref', 'discriminator': {}, 'data': { 'definition': 'Info', 'name': 'str' } }\n"
        "{ 'type': 'Base', 'data': { 'driver': 'str' } }\n"
        "{ 'union': 'Options', 'base': 'Base', 'discriminator': 'driver',"
        "  'data': { 'file': 'Info' } }\n"
        "{ 'command': 'object_add', 'data': { '*props': '**', 'more': 'dict' }, 'gen': 'no' }\n"
        "{ 'command': 'quit', 'success-response': 'no' }"
    )
    nested = schema.types["Info-qemu"]
    assert isinstance(nested, StructDefinition)
    assert nested.members == (Member("major", "int"), Member("minor", "int", is_optional=True))
    assert isinstance(schema.types["Ref"], AlternateDefinition)
    arguments = schema.types["object_add-arg"]
    assert isinstance(arguments, StructDefinition)
    assert [member.type for member in arguments.members] == ["any", "any"]
    add, leave = schema.commands()
    assert not add.is_generated
    assert not leave.has_response


def test_files_are_included_once_and_stand_before_what_they_include(schema_of: ReadSchema) -> None:
    """Since 5.0 commands and events are sorted by file, a file before those that it includes."""
    schema = schema_of(
        "{ 'include': 'a.json' }\n{ 'include': 'b.json' }\n{ 'command': 'last' }",
        a="{ 'include': 'b.json' }\n{ 'command': 'of-a' }",
        b="{ 'command': 'of-b' }",
    )
    assert schema.files == ("schema.json", "a.json", "b.json")
    assert [command.name for command in schema.commands()] == ["last", "of-a", "of-b"]


def test_downstream_names(schema_of: ReadSchema) -> None:
    schema = schema_of("{ 'command': '__com.example-1_paint', 'data': { '__org.x_red': 'int' } }")
    assert [command.name for command in schema.commands()] == ["__com.example-1_paint"]


@pytest.mark.parametrize(
    ("pragma", "text"),
    [
        ("'command-name-exceptions': [ 'add_fd' ]", "{ 'command': 'add_fd' }"),
        ("'command-returns-exceptions': [ 'get' ]", "{ 'command': 'get', 'returns': 'int' }"),
        ("'member-name-exceptions': [ 'Info' ]", "{ 'struct': 'Info', 'data': { 'A_b': 'int' } }"),
        ("'returns-whitelist': [ 'get' ]", "{ 'command': 'get_it', 'returns': 'int' }"),
        ("'name-case-whitelist': [ 'Info' ]", "{ 'struct': 'X', 'data': { 'A_b': 'int' } }"),
    ],
)
def test_exceptions_and_the_rules_of_before(schema_of: ReadSchema, pragma: str, text: str) -> None:
    schema_of(f"{{ 'pragma': {{ {pragma} }} }}\n{text}")


def test_strict_schema_needs_all_documented(schema_of: ReadSchema) -> None:
    with pytest.raises(SchemaError, match="the doc comment is missing"):
        schema_of("{ 'command': 'paint' }", is_strict=True)


DOCUMENTED = """
##
# @Color:
#
# A color.
#
# @dark_red: of wine
##
{ 'enum': 'Color', 'data': [ 'dark_red' ] }
"""


def test_only_a_strict_schema_needs_dashes_in_members(schema_of: ReadSchema) -> None:
    schema_of("{ 'pragma': { 'member-name-exceptions': [ 'Shade' ] } }\n" + DOCUMENTED)
    with pytest.raises(SchemaError, match="'dark_red' contains '_', expected '-'"):
        schema_of(DOCUMENTED, is_strict=True)


def test_built_ins_are_always_there(schema_of: ReadSchema) -> None:
    assert schema_of("# nothing\n").types == BUILT_INS
