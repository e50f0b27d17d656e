"""JSON Schema of commands and types: it accepts what the schema accepts, and refuses the rest.

Modules: documentation, json_schemas.
"""

from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from qmpeer import limits
from qmpeer.errors import ValidationError
from qmpeer.machine.interface import load_all
from qmpeer.mcp.documentation import CommandTexts
from qmpeer.mcp.json_schemas import JsonSchemas
from qmpeer.schema import (
    BUILT_INS,
    CommandDefinition,
    Member,
    Schema,
    StructDefinition,
    Validator,
)
from tests.corpus import RECORDINGS, SMALL_RECORDINGS, own_and_real, recorded_schema

MACHINE = load_all()


def command_of(schema: Schema, name: str) -> CommandDefinition:
    return next(command for command in schema.commands() if command.name == name)


@pytest.mark.parametrize("release", own_and_real(SMALL_RECORDINGS, RECORDINGS[3:]))
def test_all_commands_and_types(release: str) -> None:
    schema = recorded_schema(release)
    schemas = JsonSchemas(schema)
    for command in schema.commands():
        for made in (schemas.of_arguments(command), schemas.of_tool(command)):
            assert made["type"] == "object"
            assert len(msgspec.json.encode(made)) <= limits.MCP_SCHEMA, command.name
        assert not schemas.of_tool(command).keys() & {"oneOf", "anyOf", "allOf"}
    for name in schema.types:
        schemas.of_type(name)


CASES: list[tuple[str, dict[str, Any]]] = [
    ("stop", {}),
    ("stop", {"a": 1}),
    ("blockdev-del", {"node-name": "a"}),
    ("blockdev-del", {}),
    ("blockdev-del", {"node-name": 1}),
    ("blockdev-del", {"node-name": "a", "b": 1}),
    ("blockdev-add", {"driver": "null-co", "node-name": "a", "size": 1}),
    ("blockdev-add", {"driver": "null-co", "node-name": "a", "size": "1"}),
    ("blockdev-add", {"driver": "null-co", "image": "a"}),
    ("blockdev-add", {"driver": "blkdebug", "image": "a"}),
    ("blockdev-add", {"driver": "blkdebug"}),
    ("blockdev-add", {"driver": "blkdebug", "image": {"driver": "null-co"}}),
    ("blockdev-add", {"driver": "nonsense"}),
    ("object-add", {"qom-type": "authz-simple", "id": "a", "identity": "b"}),
    ("object-add", {"qom-type": "authz-simple", "id": "a"}),
    ("human-monitor-command", {"command-line": "info version", "cpu-index": 0}),
    ("human-monitor-command", {"command-line": "info version", "cpu-index": 0.5}),
]


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=str)
def test_the_same_arguments_as_the_schema(name: str, arguments: dict[str, Any]) -> None:
    command = command_of(MACHINE, name)
    made = JsonSchemas(MACHINE).of_arguments(command)
    Draft202012Validator.check_schema(made)
    is_valid = Draft202012Validator(made).is_valid(arguments)
    try:
        Validator(MACHINE).arguments(name)(arguments)
    except ValidationError:
        assert not is_valid
    else:
        assert is_valid
        tool = JsonSchemas(MACHINE).of_tool(command)  # accepts more, never less
        assert Draft202012Validator(tool).is_valid(arguments)


def test_open_arguments() -> None:
    member = Member("driver", "str")
    arguments = StructDefinition(name="device_add-arg", members=(member,), is_implicit=True)
    command = CommandDefinition(name="device_add", arguments=arguments.name)
    schemas = JsonSchemas(Schema({**BUILT_INS, arguments.name: arguments}, (command,)))
    for made in (schemas.of_arguments(command), schemas.of_tool(command)):
        validator = Draft202012Validator(made)
        assert validator.is_valid({"driver": "virtio-serial", "anything": "else"})
        assert not validator.is_valid({"anything": "else"})


def test_a_union_beside_one_another() -> None:
    made: Any = JsonSchemas(MACHINE).of_tool(command_of(MACHINE, "blockdev-add"))
    assert made["required"] == ["driver"]
    assert "blkdebug" in made["properties"]["image"]["description"]
    assert "Only with driver" in made["properties"]["image"]["description"]


def test_what_is_too_deep_is_named() -> None:
    schemas = JsonSchemas(MACHINE)
    flat = schemas.of_arguments(command_of(MACHINE, "blockdev-add"), depth=0)
    text = msgspec.json.encode(flat).decode()
    assert "A BlockdevOptions." in text
    described = JsonSchemas(MACHINE, CommandTexts([MACHINE]))
    cache = msgspec.json.encode(described.of_arguments(command_of(MACHINE, "blockdev-add"), 0))
    assert b"host's cache. A BlockdevCacheOptions." in cache
    assert schemas.of_type("BlockdevOptions")["properties"]["driver"]["type"] == "string"
    with pytest.raises(KeyError):
        schemas.of_type("Nonsense")


def test_a_type_inside_itself_is_left_open() -> None:
    made = JsonSchemas(MACHINE).of_arguments(command_of(MACHINE, "blockdev-add"))
    assert made["oneOf"][0]["properties"]["image"]["anyOf"][0] == {
        "type": "object",
        "description": "A BlockdevOptions.",
    }


def test_less_deep_where_it_would_be_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    command = command_of(MACHINE, "blockdev-add")
    whole = msgspec.json.encode(JsonSchemas(MACHINE).of_arguments(command))
    monkeypatch.setattr(limits, "MCP_SCHEMA", len(whole) - 1)
    assert len(msgspec.json.encode(JsonSchemas(MACHINE).of_arguments(command))) < len(whole)


# Texts


def test_texts_of_members() -> None:
    texts = CommandTexts([MACHINE])
    made = JsonSchemas(MACHINE, texts).of_arguments(command_of(MACHINE, "blockdev-del"))
    assert made["properties"]["node-name"]["description"] == "Its name."
    assert texts.text("nonsense") == texts.arguments("nonsense").text("a") == ""
    assert texts.arguments("nonsense").of_member("a").element().branch("b").text("c") == ""


def test_texts_inside_of_unions_and_arrays() -> None:
    place = CommandTexts([MACHINE]).arguments("blockdev-add")
    assert place.text("node-name")
    assert place.branch("blkdebug").text("image")
    events = CommandTexts([MACHINE]).arguments("blockdev-add").branch("blkdebug")
    assert events.of_member("inject-error").element().text("event")


def test_the_first_source_counts() -> None:
    texts = CommandTexts([Schema(MACHINE.types, ()), MACHINE])
    assert texts.summary("stop") == CommandTexts([MACHINE]).summary("stop") != ""
