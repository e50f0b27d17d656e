"""Validation of values: QEMU's error texts, in QEMU's order."""

from collections.abc import Callable

import pytest

from qmpeer.errors import ValidationError
from qmpeer.schema import Schema, Validator, introspection_of, schema_from_introspection
from qmpeer.values import UNSET, JsonObject, JsonValue

ReadSchema = Callable[..., Schema]

SCHEMA = """
{ 'command': 'stop' }
{ 'command': 'free', 'gen': false, 'data': { 'a': 'int' } }
{ 'command': 'all', 'data': {
    '*str': 'str', '*bool': 'bool', '*null': 'null', '*number': 'number', '*any': 'any',
    '*int': 'int', '*int8': 'int8', '*uint8': 'uint8', '*uint64': 'uint64', '*size': 'size',
    '*color': 'Color', '*colors': [ 'Color' ], '*bytes': [ 'uint8' ], '*ref': 'Ref',
    '*refs': [ 'Ref' ], '*tree': 'Tree' } }
{ 'command': 'two', 'data': { 'first': 'int', 'second': 'str' } }
{ 'command': 'build', 'data': 'Part', 'boxed': true }
{ 'command': 'query-tree', 'returns': 'Tree' }
{ 'event': 'GROWN', 'data': { 'height': 'int' } }
{ 'event': 'FELLED' }
{ 'enum': 'Color', 'data': [ 'red', { 'name': 'blue', 'features': [ 'deprecated' ] } ] }
{ 'alternate': 'Ref', 'data': { 'name': 'Color', 'tree': 'Tree', 'none': 'null' } }
{ 'struct': 'Tree', 'data': { '*left': 'Tree', '*children': [ 'Tree' ],
    '*old': { 'type': 'int', 'features': [ 'deprecated' ] },
    '*odd': { 'type': 'int', 'features': [ 'unstable' ] } } }
{ 'enum': 'Kind', 'data': [ 'wall', 'roof', 'none' ] }
{ 'struct': 'Named', 'data': { 'name': 'str' } }
{ 'struct': 'PartBase', 'base': 'Named', 'data': { 'kind': 'Kind' } }
{ 'struct': 'Wall', 'base': 'Color3', 'data': { 'width': 'int' } }
{ 'struct': 'Color3', 'data': { '*color': 'Color' } }
{ 'union': 'Part', 'base': 'PartBase', 'discriminator': 'kind',
  'data': { 'wall': 'Wall', 'roof': 'Roof' } }
{ 'union': 'Roof', 'base': { 'shape': 'Kind' }, 'discriminator': 'shape',
  'data': { 'wall': 'Tree' } }
"""


@pytest.fixture
def schema(schema_of: ReadSchema) -> Schema:
    return schema_of(SCHEMA)


def text(schema: Schema, command: str, arguments: JsonObject | None) -> str | None:
    try:
        Validator(schema).arguments(command)(arguments)
    except ValidationError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    "arguments",
    [
        None,
        {},
        {"str": "", "bool": False, "null": None, "number": 1, "any": [None]},
        {"number": 1.5, "any": None, "int": -(1 << 63), "int8": -128, "uint8": 255},
        {"uint64": (1 << 64) - 1, "size": 0},
        {"uint64": -1, "size": -(1 << 63)},
        {"color": "blue", "colors": [], "bytes": [0, 255], "ref": "red", "refs": [None, {}]},
        {"tree": {"left": {"left": {}}, "children": [{}, {"old": 1, "odd": 2}]}},
    ],
)
def test_what_fits(schema: Schema, arguments: JsonObject | None) -> None:
    assert text(schema, "all", arguments) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"str": 1}, "Invalid parameter type for 'str', expected: string"),
        ({"str": None}, "Invalid parameter type for 'str', expected: string"),
        ({"bool": 1}, "Invalid parameter type for 'bool', expected: boolean"),
        ({"null": 0}, "Invalid parameter type for 'null', expected: null"),
        ({"number": True}, "Invalid parameter type for 'number', expected: number"),
        ({"int": 1.0}, "Invalid parameter type for 'int', expected: integer"),
        ({"int": True}, "Invalid parameter type for 'int', expected: integer"),
        ({"int": 1 << 63}, "Invalid parameter type for 'int', expected: integer"),
        ({"int8": 128}, "Parameter 'int8' expects int8_t"),
        ({"int8": "x"}, "Invalid parameter type for 'int8', expected: integer"),
        ({"uint8": 256}, "Parameter 'uint8' expects uint8_t"),
        ({"uint8": -1}, "Parameter 'uint8' expects uint8_t"),
        ({"uint8": "x"}, "Parameter 'uint8' expects uint64"),
        ({"uint64": 1 << 64}, "Parameter 'uint64' expects uint64"),
        ({"size": 1.5}, "Parameter 'size' expects uint64"),
        ({"color": "green"}, "Parameter 'color' does not accept value 'green'"),
        ({"color": 1}, "Invalid parameter type for 'color', expected: string"),
        ({"colors": "red"}, "Invalid parameter type for 'colors', expected: array"),
        ({"colors": ["red", 1]}, "Invalid parameter type for 'colors[1]', expected: string"),
        ({"colors": ["red", "green"]}, "Parameter 'null' does not accept value 'green'"),
        ({"bytes": [1, 256]}, "Parameter 'null' expects uint8_t"),
        ({"ref": 1}, "Invalid parameter type for 'ref', expected: Ref"),
        ({"ref": "green"}, "Parameter 'ref' does not accept value 'green'"),
        ({"refs": [1]}, "Invalid parameter type for 'null', expected: Ref"),
        ({"tree": []}, "Invalid parameter type for 'tree', expected: object"),
        ({"tree": {"x": 1}}, "Parameter 'tree.x' is unexpected"),
        ({"tree": {"left": {"old": "x"}}}, TREE := (
            "Invalid parameter type for 'tree.left.old', expected: integer")),
        ({"tree": {"children": [{}, {"left": 1}]}},
            "Invalid parameter type for 'tree.children[1].left', expected: object"),
        ({"x": 1, "tree": {"left": {"old": "x"}}}, TREE),
        ({"x": 1}, "Parameter 'x' is unexpected"),
    ],
)  # fmt: skip
def test_what_does_not_fit(schema: Schema, arguments: JsonObject, message: str) -> None:
    assert text(schema, "all", arguments) == message


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        ("stop", {"x": 1}, "Parameter 'x' is unexpected"),
        ("stop", {}, None),
        ("free", {"x": 1}, None),
        ("two", None, "Parameter 'first' is missing"),
        ("two", {"second": 1, "x": 1}, "Parameter 'first' is missing"),
        ("two", {"second": 1, "first": "x"}, FIRST := (
            "Invalid parameter type for 'first', expected: integer")),
        ("two", {"x": 1, "first": "x"}, FIRST),
        ("two", {"zeta": 1, "first": 1, "second": "", "alpha": 2},
            "Parameter 'alpha' is unexpected"),
        ("build", {}, "Parameter 'name' is missing"),
        ("build", {"name": "x"}, "Parameter 'kind' is missing"),
        ("build", {"name": "x", "kind": "x"}, "Parameter 'kind' does not accept value 'x'"),
        ("build", {"name": "x", "kind": "wall"}, "Parameter 'width' is missing"),
        ("build", {"name": "x", "kind": "wall", "color": 1},
            "Invalid parameter type for 'color', expected: string"),
        ("build", {"name": "x", "kind": "none", "width": 1}, "Parameter 'width' is unexpected"),
        ("build", {"name": "x", "kind": "none"}, None),
        ("build", {"name": "x", "kind": "wall", "width": 1}, None),
        ("build", {"name": "x", "kind": "roof"}, "Parameter 'shape' is missing"),
        ("build", {"name": "x", "kind": "roof", "shape": "wall", "left": {}}, None),
        ("build", {"name": "x", "kind": "roof", "shape": "roof", "left": {}},
            "Parameter 'left' is unexpected"),
    ],
)  # fmt: skip
def test_order(
    schema: Schema, command: str, arguments: JsonObject | None, message: str | None
) -> None:
    assert text(schema, command, arguments) == message


def test_union_of_old_with_a_string_as_discriminator(schema_of: ReadSchema) -> None:
    schema = schema_of(
        "{ 'type': 'Base', 'data': { 'driver': 'str' } }\n"
        "{ 'type': 'File', 'data': { 'name': 'str' } }\n"
        "{ 'union': 'Options', 'base': 'Base', 'discriminator': 'driver',"
        "  'data': { 'file': 'File' } }\n"
        "{ 'command': 'add', 'data': { 'options': 'Options' } }"
    )
    assert text(schema, "add", {"options": {"driver": "file", "name": "x"}}) is None
    message = "Parameter 'driver' does not accept value 'disk'"
    assert text(schema, "add", {"options": {"driver": "disk"}}) == message


def test_error_holds_facts(schema: Schema) -> None:
    with pytest.raises(ValidationError) as caught:
        Validator(schema).arguments("all")({"bytes": [1, 300]})
    error = caught.value
    assert (error.path, error.expected, error.found) == ("bytes[1]", "uint8_t", 300)
    with pytest.raises(ValidationError) as caught:
        Validator(schema).arguments("two")({})
    assert (caught.value.path, caught.value.found) == ("first", UNSET)


@pytest.mark.parametrize(
    ("rejected", "tree", "message"),
    [
        ({"deprecated"}, {"old": "x"}, "Deprecated parameter old disabled by policy"),
        ({"unstable"}, {"odd": 1}, "Unstable parameter odd disabled by policy"),
        ({"unstable"}, {"old": 1}, None),
        ({"deprecated", "unstable"}, {}, None),
    ],
)
def test_policy_on_members(
    schema: Schema, rejected: set[str], tree: JsonObject, message: str | None
) -> None:
    check = Validator(schema, frozenset(rejected)).arguments("all")
    if message is None:
        check({"tree": tree})
    else:
        with pytest.raises(ValidationError, match=message):
            check({"tree": tree})


def test_policy_on_values(schema: Schema) -> None:
    check = Validator(schema, frozenset({"deprecated"})).arguments("all")
    with pytest.raises(ValidationError, match=r"^Deprecated value blue disabled by policy$"):
        check({"color": "blue"})
    check({"color": "red"})


def test_returns_and_events(schema: Schema) -> None:
    validator = Validator(schema)
    validator.check_return("query-tree", {"children": []})
    validator.check_return("stop", {})
    validator.check_event("GROWN", {"height": 3})
    validator.check_event("FELLED", None)
    with pytest.raises(ValidationError, match="'null', expected: object"):
        validator.check_return("stop", None)
    with pytest.raises(ValidationError, match="'height' is missing"):
        validator.check_event("GROWN", None)
    with pytest.raises(KeyError):
        validator.arguments("nothing")


@pytest.mark.parametrize(
    ("type_name", "value"), [("str", ""), ("[Color]", ["red"]), ("Kind", "wall"), ("size", 1)]
)
def test_any_type(schema: Schema, type_name: str, value: JsonValue) -> None:
    Validator(schema).check(type_name, value)


def test_deep_nesting_is_one_clear_error(schema: Schema) -> None:
    tree: JsonObject = {}
    for _ in range(100_000):
        tree = {"left": tree}
    with pytest.raises(ValidationError, match="nested too deeply"):
        Validator(schema).arguments("all")({"tree": tree})
    while tree:  # or freeing it would recurse as deeply
        tree = tree.pop("left")  # type: ignore[assignment]


def test_integers_of_introspection_may_be_of_any_size(schema: Schema) -> None:
    answer = introspection_of(schema)
    known = schema_from_introspection(answer)
    assert text(known, "all", {"int8": 1 << 62, "uint64": (1 << 64) - 1, "int": -1}) is None
    message = "Invalid parameter type for 'size', expected: integer"
    assert text(known, "all", {"size": "x"}) == message
