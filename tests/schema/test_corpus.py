"""Real schemas of eleven years, and real answers."""

from collections.abc import Callable

import pytest

from qmpeer.schema import (
    IntrospectionForm,
    Schema,
    introspection_of,
    schema_from_introspection,
)
from qmpeer.values import JsonObject

RecordedSchema = Callable[[str], list[JsonObject]]
QapiTree = Callable[..., Schema]

RECORDINGS = ("2.12.0_x86_64", "4.2.0_x86_64", "6.2.0_x86_64", "7.2.0_x86_64", "8.2.0_aarch64")
TREES = [
    # release, root, commands, events
    ("v1.0", "qapi-schema.json", 21, 0),
    ("v2.0.0", "qapi-schema.json", 102, 0),
    ("v2.0.0", "qga/qapi-schema.json", 23, 0),
    ("v2.4.0", "qapi-schema.json", 124, 35),
    ("v2.4.0", "qga/qapi-schema.json", 29, 0),
    ("v2.12.0", "qapi/qapi-schema.json", 167, 39),
    ("v2.12.0", "qga/qapi-schema.json", 35, 0),
    ("v4.2.0", "qapi/qapi-schema.json", 187, 44),
    ("v4.2.0", "qga/qapi-schema.json", 35, 0),
    ("v6.2.0", "qapi/qapi-schema.json", 208, 49),
    ("v6.2.0", "qga/qapi-schema.json", 40, 0),
    ("v7.2", "qapi/qapi-schema.json", 220, 52),
    ("v7.2", "qga/qapi-schema.json", 42, 0),
    ("v7.2", "storage-daemon/qapi/qapi-schema.json", 74, 13),
]


@pytest.mark.parametrize("name", RECORDINGS)
def test_answer_comes_back_as_it_was(recorded_schema: RecordedSchema, name: str) -> None:
    answer = recorded_schema(name)
    schema = schema_from_introspection(answer)
    assert introspection_of(schema) == answer


@pytest.mark.parametrize(("release", "root", "commands", "events"), TREES, ids=str)
def test_tree_is_read(
    qapi_tree: QapiTree, release: str, root: str, commands: int, events: int
) -> None:
    schema = qapi_tree(release, root)
    assert len(list(schema.commands())) == commands
    assert len(list(schema.events())) == events
    if release not in ("v1.0", "v2.0.0", "v2.4.0"):  # where nothing looked at them yet
        assert all(entity.documentation for entity in schema.entities)


def test_form_of_a_release(qapi_tree: QapiTree) -> None:
    assert qapi_tree("v2.12.0").form == IntrospectionForm(enum_members=False, oob_always=True)
    assert qapi_tree("v4.2.0").form == IntrospectionForm(enum_members=False)
    assert qapi_tree("v6.2.0").form == IntrospectionForm()


def test_documentation_is_found(qapi_tree: QapiTree) -> None:
    schema = qapi_tree("v7.2")
    commands = {command.name: command for command in schema.commands()}
    documentation = commands["blockdev-backup"].documentation
    assert documentation
    assert documentation.since == "2.3"
    assert all(
        command.documentation.since for command in commands.values() if command.documentation
    )
