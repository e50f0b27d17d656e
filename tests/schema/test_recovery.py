"""Recovery after errors: one run reports all errors, without consequential ones."""

import pytest

from qmpeer.errors import SchemaError
from qmpeer.limits import SCHEMA_ERRORS, SCHEMA_FILE_SIZE, SCHEMA_INCLUDES
from qmpeer.schema import schema_from_qapi
from tests.growth import assert_linear


def reasons(text: str, **files: str) -> list[str]:
    texts = {"schema": text, **files}
    with pytest.raises(SchemaError) as caught:
        schema_from_qapi("schema.json", lambda name: texts[name.removesuffix(".json")].encode())
    error = caught.value
    return [found.reason for found in (error, *error.others)]


def test_all_mistakes_are_found_in_one_run() -> None:
    assert reasons(
        """
{ 'enum': 'Color', 'data': [ 'red', 'red' ] }
{ 'struct': 'Wall', 'data': { 'color': 'Colour', 'height': 'float' } }
{ 'command': 'paint', 'boxed': false, 'data': 'Paint' }
"""
    ) == [
        "duplicate value 'red'",
        "'boxed' can only be true",
        "unknown type 'Colour'; did you mean 'Color'?",
        "unknown type 'float'",
        "unknown type 'Paint'",
    ]


def test_types_that_could_not_be_read_are_not_missed() -> None:
    text = "{ 'enum': 'Color' 'data': [] }\n{ 'struct': 'Wall', 'data': { 'color': 'Color' } }\n"
    assert reasons(text) == ["found a string, expected ',' or '}'"]


def test_definition_that_is_wrong_is_not_held_against_its_users() -> None:
    text = "{ 'enum': 'Color', 'data': {} }\n{ 'struct': 'Wall', 'data': { 'color': 'Color' } }\n"
    assert reasons(text) == ["'data' is an object, not an array"]


def test_doc_comment_behind_an_unclosed_brace_keeps_its_definition() -> None:
    text = """{ 'pragma': { 'doc-required': true } }
##
# @Color:
##
{ 'enum': 'Color', 'data': [ 'red' ]

##
# @Wall:
##
{ 'struct': 'Wall', 'data': {} }
"""
    assert reasons(text) == ["found a doc comment inside an expression"]


def test_mistakes_of_several_files_are_found() -> None:
    first = "{ 'include': 'a.json' }\n{ 'include': 'b.json' }\n"
    assert reasons(first, a="{ 'enum': 3 }\n", b="{ 'enum': true }\n") == [
        "found '3', expected a value",
        "the value of 'enum' is true, not a string",
    ]


def test_reading_ends_after_too_many_mistakes() -> None:
    assert len(reasons("{ 'enum': 3 }\n" * 10_000)) == SCHEMA_ERRORS


def test_too_large_a_file_is_not_read() -> None:
    (reason,) = reasons("#" * (SCHEMA_FILE_SIZE + 1))
    assert reason.startswith("the schema is too large")


def test_endless_includes_end() -> None:
    def read(name: str) -> bytes:
        return f"{{ 'include': '{int(name) + 1}' }}".encode()

    with pytest.raises(
        SchemaError, match=f"includes are nested more than {SCHEMA_INCLUDES} levels deep"
    ):
        schema_from_qapi("0", read)


def test_first_file_that_is_not_there_is_an_os_error() -> None:
    def read(name: str) -> bytes:
        raise FileNotFoundError(name)

    with pytest.raises(FileNotFoundError):
        schema_from_qapi("nowhere.json", read)


@pytest.mark.parametrize(
    "text",
    [
        "{" * 100_000,
        "[" * 100_000,
        "{ 'struct': 'A', 'data': " + "{ 'a': " * 100_000,
        "##\n" * 100_000,
        "##\n# x\n" * 50_000 + "{",
        "\n" * 200_000 + "##\n" + "\n" * 200_000 + "#",
        "'" * 100_000,
        "'\\" * 50_000,
        "#" * 1_000_000,
        "{ 'command': 'a', 'if': '" + "(" * 100_000 + "' ",
        "{ 'command': 'a', 'if': '" + "!" * 100_000 + "defined(A)' }",
        "\0",
    ],
    ids=lambda text: f"{text[:30]!r}",
)
def test_hostile_text_ends_soon(text: str) -> None:
    def run(size: int) -> None:
        try:
            schema_from_qapi("schema.json", lambda name: text[:size].encode())
        except SchemaError as error:
            str(error)

    assert_linear(run, len(text))


def test_long_chains_of_bases_end() -> None:
    text = "".join(
        f"{{ 'struct': 'T{index}x', 'base': 'T{index + 1}x', 'data': {{}} }}\n"
        for index in range(1000)
    )
    assert reasons(text) == ["its bases or branches are nested more than 100 levels deep"]
