"""Properties: any input makes a schema or one of the documented errors."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.errors import SchemaError, ValidationError
from qmpeer.schema import Validator, introspection_of, schema_from_introspection, schema_from_qapi
from qmpeer.values import JsonValue

pytestmark = pytest.mark.property

MISTAKES = sorted((Path(__file__).parent / "mistakes").glob("*.json"))
WORDS = st.sampled_from(
    [
        *("{", "}", "[", "]", ",", ":", "'enum'", "'struct'", "'union'", "'command'", "'data'"),
        *(
            "'base'",
            "'discriminator'",
            "'if'",
            "'features'",
            "'name'",
            "'type'",
            "'Color'",
            "'red'",
        ),
        *("'*red'", "'str'", "true", "false", "\n", "##\n", "# @Color:\n", "'pragma'", "'include'"),
        *("'doc-required'", "'alternate'", "'event'", "'boxed'", "'returns'", "'all'", "'not'"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
TYPE_NAMES = st.sampled_from(["0", "1", "2", "[1]", "str", "9"])
ENTITIES = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["a", "b", "0", "1", "2", "[1]", "str"]),
        "meta-type": st.sampled_from(
            ["command", "event", "object", "enum", "array", "alternate", "builtin"]
        ),
        "arg-type": TYPE_NAMES,
        "ret-type": TYPE_NAMES,
        "element-type": TYPE_NAMES,
        "members": st.lists(
            st.fixed_dictionaries({"name": st.sampled_from(["x", "y"]), "type": TYPE_NAMES}),
            max_size=2,
        ),
    },
    optional={
        "tag": st.sampled_from(["x", "y"]),
        "variants": st.lists(
            st.fixed_dictionaries({"case": st.sampled_from(["x", "y"]), "type": TYPE_NAMES}),
            max_size=2,
        ),
    },
)


def read(text: bytes) -> None:
    def read_file(name: str) -> bytes:
        if name != "schema.json":
            raise FileNotFoundError(name)
        return text

    try:
        schema = schema_from_qapi("schema.json", read_file)
    except SchemaError as error:
        repr(error) + str(error)
    else:
        introspection_of(schema)


@given(st.lists(WORDS).map(" ".join))
def test_any_words(text: str) -> None:
    read(text.encode())


@given(st.binary())
def test_any_bytes(text: bytes) -> None:
    read(text)


@given(st.sampled_from(MISTAKES), st.integers(0, 400), st.integers(0, 400), st.binary(max_size=3))
def test_any_change(path: Path, start: int, end: int, text: bytes) -> None:
    whole = path.read_bytes()
    read(whole[:start] + text + whole[end:])


@given(JSON)
def test_any_answer(answer: JsonValue) -> None:
    try:
        schema_from_introspection(answer)
    except SchemaError as error:
        repr(error) + str(error)


@given(st.lists(ENTITIES, max_size=8))
def test_any_entities(answer: list[JsonValue]) -> None:
    try:
        schema = schema_from_introspection(answer)
    except SchemaError:
        return
    assert schema_from_introspection(introspection_of(schema)).types


SCHEMA = schema_from_qapi(
    "schema.json",
    lambda name: (
        b"""
{ 'command': 'a', 'data': { '*a': 'int', '*b': [ 'str' ], '*c': 'Part', '*d': 'Ref' } }
{ 'enum': 'Kind', 'data': [ 'a', 'b' ] }
{ 'struct': 'Info', 'data': { '*a': 'uint8', '*b': 'Info' } }
{ 'union': 'Part', 'base': { 'k': 'Kind' }, 'discriminator': 'k', 'data': { 'a': 'Info' } }
{ 'alternate': 'Ref', 'data': { 's': 'Kind', 'n': 'null', 'o': 'Part' } }
"""
    ),
)
NAMES = st.sampled_from(["a", "b", "c", "d", "k", "x"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 300) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_any_arguments(arguments: dict[str, JsonValue]) -> None:
    try:
        Validator(SCHEMA).arguments("a")(arguments)
    except ValidationError as error:
        repr(error) + str(error)
