"""Schemas of eleven years and of our own, and recorded answers."""

from pathlib import Path

import pytest

from qmpeer.schema import (
    IntrospectionForm,
    introspection_of,
    schema_from_introspection,
    schema_from_qapi,
)
from tests.corpus import (
    MACHINE,
    RECORDINGS,
    SMALL,
    SMALL_RECORDINGS,
    SMALL_TREES,
    TREES,
    own_and_real,
    qapi_schema,
    recorded_introspection,
)


@pytest.mark.parametrize("name", own_and_real(SMALL_RECORDINGS, RECORDINGS))
def test_answer_comes_back_as_it_was(name: str) -> None:
    answer = recorded_introspection(name)
    schema = schema_from_introspection(answer)
    assert introspection_of(schema) == answer


@pytest.mark.parametrize(
    ("release", "root", "commands", "events"),
    own_and_real(
        [(*tree, *counts) for tree, counts in SMALL_TREES.items()],
        [(*tree, *counts) for tree, counts in TREES.items()],
    ),
    ids=str,
)
def test_tree_is_read(release: str, root: str, commands: int, events: int) -> None:
    schema = qapi_schema(release, root)
    assert len(list(schema.commands())) == commands
    assert len(list(schema.events())) == events
    if release not in ("v1.0", "v2.0.0", "v2.4.0", "small-2.4"):  # doc comments weren't checked yet
        assert all(entity.documentation for entity in schema.entities)


@pytest.mark.parametrize("root", [SMALL / "qapi/small-9.2/qapi", MACHINE], ids=["small", "machine"])
def test_todays_language_passes_all_of_todays_rules(root: Path) -> None:
    schema = schema_from_qapi(
        "qapi-schema.json", lambda name: (root / name).read_bytes(), is_strict=True
    )
    assert schema.form == IntrospectionForm()


@pytest.mark.parametrize(
    ("release", "form"),
    own_and_real(
        [
            ("small-6.0", IntrospectionForm(enum_members=False)),
            ("small-9.2", IntrospectionForm()),
        ],
        [
            ("v2.12.0", IntrospectionForm(enum_members=False, oob_always=True)),
            ("v4.2.0", IntrospectionForm(enum_members=False)),
            ("v6.2.0", IntrospectionForm()),
        ],
    ),
    ids=lambda value: value if isinstance(value, str) else "form",
)
def test_form_of_a_release(release: str, form: IntrospectionForm) -> None:
    assert qapi_schema(release).form == form


@pytest.mark.parametrize(
    ("release", "command", "since"),
    own_and_real([("small-9.2", "take-disc", "1.1")], [("v7.2", "blockdev-backup", "2.3")]),
)
def test_documentation_is_found(release: str, command: str, since: str) -> None:
    commands = {of.name: of for of in qapi_schema(release).commands()}
    documentation = commands[command].documentation
    assert documentation
    assert documentation.since == since
    assert all(of.documentation.since for of in commands.values() if of.documentation)
