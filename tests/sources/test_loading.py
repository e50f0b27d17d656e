"""Loading of a schema from a file of any kind or a monitor."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.errors import SchemaError, SchemaSyntaxError
from qmpeer.schema import Schema, introspection_of
from qmpeer.sources import load_schema
from tests.corpus import SMALL, recorded_introspection
from tests.sources.scripted import DONE, GREETING, Serve

QAPI = SMALL / "qapi" / "small-9.2" / "qapi" / "qapi-schema.json"
RECORDING = SMALL / "replies" / "caps_small-9.2.replies"


def names(schema: Schema) -> list[str]:
    return [entity.name for entity in schema.entities]


def answered() -> bytes:
    return json.dumps({"return": recorded_introspection("small-9.2")}).encode() + b"\n"


def test_every_kind_of_source_gives_the_same_commands_and_events(
    tmp_path: Path, serve: Serve
) -> None:
    saved = tmp_path / "answer.json"
    saved.write_text(json.dumps(recorded_introspection("small-9.2")))
    expected = names(load_schema(RECORDING))
    assert "query-discs" in expected
    assert names(load_schema(QAPI)) == expected
    assert names(load_schema(str(saved))) == expected
    address = serve(GREETING, DONE, answered())
    assert names(load_schema(address)) == expected


def test_a_path_of_a_socket_is_the_monitor_behind_it(serve: Serve) -> None:
    path = serve(GREETING, DONE, answered()).removeprefix("unix:")
    assert introspection_of(load_schema(path)) == recorded_introspection("small-9.2")


def test_conditions_stay_in_the_schema_of_files_alone() -> None:
    def has_conditions(schema: Schema) -> bool:
        return any(entity.condition for entity in schema.entities)

    assert has_conditions(load_schema(QAPI))
    assert not has_conditions(load_schema(RECORDING))


def test_release_and_strictness_are_given_on(tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text("{ 'command': 'go' }")
    assert not load_schema(file, release=(4, 2)).form.enum_members
    with pytest.raises(SchemaError, match="the doc comment is missing"):
        load_schema(file, is_strict=True)


def test_files_have_their_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SCHEMA_SIZE", 10)
    file = tmp_path / "answer.json"
    file.write_text("[]".ljust(11))
    with pytest.raises(SchemaSyntaxError, match=r"answer\.json is too large: at most 10 bytes"):
        load_schema(file)


FILES: dict[str, tuple[bytes, str]] = {
    "no schema in any language": (
        b"hello\n",
        "{}:1:1: found 'hello', expected '{{' or a doc comment",
    ),
    "QAPI with a mistake": (b"{ 'struct': 'A' }\n", "{}:1:13: key 'data' is missing"),
    "JSON without an answer": (
        b'{"return": {}}\n',
        "{} holds no answer to query-qmp-schema",
    ),
    "JSON cut off": (b'[{"name": "a"', "{}:1:14: this isn't JSON: expecting ',' delimiter"),
    "bytes": (b'[{"a": "\xff"}]', "{} is neither JSON nor QAPI: byte 0xff at 8 is not UTF-8"),
    "entity without a name": (
        b'[{"meta-type": "event"}]',
        "not an answer to query-qmp-schema: Object missing required field `name`",
    ),
    "entity of an unknown kind": (
        b'[{"name": "a", "meta-type": "signal"}]',
        "not an answer to query-qmp-schema: Invalid value 'signal'",
    ),
    "type that isn't there": (
        b'[{"name": "A", "meta-type": "event", "arg-type": "7"}]',
        "it refers to '7', which is not among the types",
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_schema_is_named(kind: str, tmp_path: Path) -> None:
    data, expected = FILES[kind]
    file = tmp_path / "file"
    file.write_bytes(data)
    with pytest.raises(SchemaError) as caught:
        load_schema(file)
    assert expected.format(file) in str(caught.value)


@pytest.mark.parametrize(
    ("word", "kind", "expected"),
    [
        ("none.json", FileNotFoundError, "No such file or directory: 'none.json'"),
        ("none/qapi/schema.json", FileNotFoundError, "No such file or directory: 'none/qapi"),
        ("none.replies", FileNotFoundError, "No such file or directory: 'none.replies'"),
        ("none", FileNotFoundError, "No such file or directory: 'unix:none'"),
        ("unix:none.json", FileNotFoundError, "No such file or directory: 'unix:none.json'"),
        ("file/none", NotADirectoryError, "Not a directory: 'unix:file/none'"),
        ("folder", OSError, "Not a regular file: 'folder'"),
        ("pipe", OSError, "Not a regular file: 'pipe'"),
        ("a\0b", ValueError, r"found 'a\x00b', expected a file or an address"),
        ("tcp:", ValueError, "found '', expected HOST:PORT"),
        ("localhost:99999", ValueError, "found '99999', expected a port"),
    ],
    ids=repr,
)
def test_a_word_that_names_nothing(
    word: str,
    kind: type[Exception],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(kind) as caught:
        load_schema(word)
    assert expected in str(caught.value)


@pytest.mark.parametrize("make", [str, Path], ids=["str", "Path"])
def test_a_path_may_be_of_either_type(make: Callable[[Path], str | Path]) -> None:
    assert load_schema(make(RECORDING)).entities
