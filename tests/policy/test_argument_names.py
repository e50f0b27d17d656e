"""The names of arguments and events, held against the schemas of many releases.

Modules: event_names, schema_names.
"""

from typing import Any

import pytest

from qmpeer.effects import all_names
from qmpeer.policy.argument_names import (
    Names,
    knows_argument,
    near_argument,
    read_table,
    table,
)
from qmpeer.policy.event_names import EVENTS
from qmpeer.policy.schema_names import add_schema, event_names
from qmpeer.schema import schema_from_qapi
from tests.corpus import RECORDINGS, TREES, own_and_real, qapi_schema, recorded_schema

QUICK = [("v1.0", "qapi-schema.json"), ("v7.2", "storage-daemon/qapi/qapi-schema.json")]
"""Schemas that are read in each run; a slow test reads the others."""


def trees() -> list[Any]:
    rest = [tree for tree in TREES if tree not in QUICK]
    return [*QUICK, *(pytest.param(*tree, marks=pytest.mark.slow) for tree in rest)]


@pytest.mark.parametrize(("release", "root"), own_and_real([], trees()))
def test_every_name_of_every_schema(release: str, root: str) -> None:
    schema = qapi_schema(release, root)
    names: Names = {}
    add_schema(names, schema)
    known = table()
    missing = {
        f"{key} {member}"
        for key, members in names.items()
        for member, kinds in members.items()
        if member not in known.get(key, {}) or not kinds <= {*known[key][member], ""}
    }
    assert missing == set()
    assert event_names(schema) <= EVENTS


@pytest.mark.slow
@pytest.mark.parametrize("recording", own_and_real([], RECORDINGS))
def test_every_name_that_a_server_tells(recording: str) -> None:
    schema = recorded_schema(recording)
    names: Names = {}
    add_schema(names, schema)
    commands = {key: members for key, members in names.items() if key.startswith(".")}
    known = table()
    assert commands.keys() <= known.keys()
    assert {
        f"{key} {each}" for key in commands for each in commands[key].keys() - known[key]
    } == set()
    assert event_names(schema) <= EVENTS


def test_most_commands_have_their_arguments() -> None:
    with_names = {key.removeprefix(".") for key in table() if key.startswith(".")}
    assert len(with_names & all_names()) > 260
    assert "STOP" in EVENTS


@pytest.mark.parametrize(
    ("command", "path", "is_known"),
    [
        ("blockdev-add", "driver", True),
        ("blockdev-add", "file.driver", True),
        ("blockdev-add", "file.file.file.filename", True),
        ("blockdev-add", "file.drivr", False),
        ("blockdev-add", "children.*.driver", True),
        ("blockdev-add", "children.driver", False),
        ("blockdev-add", "driver.*", False),
        ("blockdev-add", "*", False),
        ("chardev-add", "backend.data.addr.data.path", True),
        ("chardev-add", "backend.data.logfile", True),
        ("device_add", "anything", True),
        ("object-add", "props.anything.below", True),
        ("qom-set", "value.x", True),
        ("stop", "x", False),
        ("transaction", "actions.*.data.device", True),
        ("an-own-command", "x", True),
    ],
)
def test_paths(command: str, path: str, is_known: bool) -> None:
    assert knows_argument(command, tuple(path.split("."))) == is_known


def test_the_nearest_path() -> None:
    assert near_argument(["stop", "blockdev-add"], ("file", "filname")) == "file.filename"
    assert near_argument(["stop"], ("filname",)) == ""


def test_a_schema_adds_to_the_table() -> None:
    qapi = (
        b"{ 'union': 'U', 'base': { 'kind': 'E' }, 'discriminator': 'kind', "
        b"'data': { 'a': 'A' } }\n"
        b"{ 'enum': 'E', 'data': ['a'] }\n{ 'struct': 'A', 'data': { 'x': ['A'], 'y': 'any' } }\n"
        b"{ 'command': 'stop', 'data': { 'it': 'U' } }\n{ 'event': 'NEW' }\n"
    )
    schema = schema_from_qapi("a.json", lambda name: qapi)
    names = read_table()
    add_schema(names, schema)
    assert event_names(schema) == {"NEW"}
    for path, is_known in (
        ("it.kind", True), ("it.x.*.x.*.y.z", True), ("it.x.y", False), ("it.z", False),
    ):  # fmt: skip
        assert knows_argument("stop", tuple(path.split(".")), names) == is_known
