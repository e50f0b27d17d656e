"""Bindings of whole schemas, QEMU's and our own, tried on recorded conversations.

Modules: bindings.docstrings, bindings.python_names.
"""

import inspect
import keyword
import re
import sys
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import run
from types import ModuleType
from typing import Any

import pytest

from qmpeer import limits
from qmpeer import schema as model
from qmpeer.bindings import Command, encode
from qmpeer.bindings.decoding import Decoder, decoder_of
from qmpeer.codegen import bindings_text
from qmpeer.codegen.bindings.python_names import Scope
from qmpeer.errors import SchemaSemanticError
from qmpeer.schema import (
    BUILT_INS,
    Member,
    Schema,
    StructDefinition,
    introspection_hash,
    introspection_of,
    schema_from_introspection,
)
from tests.codegen.conftest import Import
from tests.corpus import (
    MACHINE_TREE,
    RECORDINGS,
    SMALL_RECORDINGS,
    SMALL_TREES,
    TREES,
    conversation,
    corpus_path,
    own_and_real,
    qapi_schema,
    recorded_introspection,
    recorded_schema,
)
from tests.growth import assert_linear
from tests.patience import PATIENCE

NOT_A_WORD = re.compile(r"[^A-Za-z0-9_]+")


def identifier(name: str) -> str:
    """Return the Python name of a command or an argument."""
    found = NOT_A_WORD.sub("_", name).lstrip("_")
    return f"{found}_" if keyword.iskeyword(found) else found


def function_of(q: ModuleType, command: str) -> Callable[..., Command[Any]]:
    function: Callable[..., Command[Any]] = getattr(q, identifier(command))
    return function


def typed(q: ModuleType, command: str, arguments: dict[str, Any]) -> Command[Any]:
    """Make a command from its arguments as JSON, each decoded to its parameter's type."""
    function = function_of(q, command)
    hints = typing.get_type_hints(function, include_extras=True)
    if "extra" not in inspect.signature(function).parameters:
        return function(decoder_of(hints["arguments"])(arguments))
    names = {name: identifier(name) for name in arguments}
    known = {
        names[name]: decoder_of(hints[names[name]])(value)
        for name, value in arguments.items()
        if names[name] in hints
    }
    extra = {name: value for name, value in arguments.items() if names[name] not in hints}
    return function(**known, extra=extra)


def returns(q: ModuleType, command: str) -> Decoder:
    hint = typing.get_type_hints(function_of(q, command), include_extras=True)["return"]
    return decoder_of(typing.get_args(hint)[0])


@pytest.mark.parametrize(("release", "root"), own_and_real([*SMALL_TREES, MACHINE_TREE], TREES))
def test_every_tree_makes_a_binding(release: str, root: str, import_text: Import) -> None:
    schema = qapi_schema(release, root)
    q = import_text(bindings_text(schema, source=release))
    assert list(schema.commands())
    for command in schema.commands():
        assert callable(function_of(q, command.name))
    for event in schema.events():
        assert getattr(q, event.name).decode({}) is not None
    introspection = introspection_of(q.schema())
    assert introspection_hash(introspection) == q.SCHEMA_HASH


@pytest.mark.parametrize("name", own_and_real(SMALL_RECORDINGS, RECORDINGS))
def test_every_recording_makes_a_binding(name: str, binding_of: Import) -> None:
    answer = recorded_introspection(name)
    q = binding_of(name)
    assert introspection_hash(answer) == q.SCHEMA_HASH
    assert introspection_of(q.schema()) == answer


@pytest.mark.parametrize("name", own_and_real(["small-9.2"], ["7.2.0_x86_64"]))
def test_the_same_input_makes_the_same_bytes(name: str) -> None:
    answer = recorded_introspection(name)
    texts = {bindings_text(schema_from_introspection(answer)) for _ in range(2)}
    assert len(texts) == 1


@pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    ("source", "recording", "least"),
    own_and_real(
        [("small-9.2", "small-9.2", 25), ("small-9.2 files", "small-9.2", 25)],
        [("7.2.0_x86_64", "7.2.0_x86_64", 50), ("v7.2 files", "7.2.0_x86_64", 50)],
    ),
)
def test_all_that_was_recorded_decodes_and_encodes(
    source: str, recording: str, least: int, binding_of: Import
) -> None:
    q = binding_of(source)
    count = 0
    for command, reply in conversation(recording):
        name, arguments = command["execute"], command.get("arguments", {})
        made = typed(q, name, arguments)
        assert (made.name, made.arguments or {}) == (name, arguments)
        if "return" in reply:
            value = reply["return"]
            decoder = returns(q, name)
            assert encode(decoder(value)) == value
            assert encode(decoder.open(value)) == value
            assert decoder.open(value) == decoder(value)
            count += 1
    assert count > least


QEMUS_NEWEST = "8.2.0_aarch64"


@pytest.mark.parametrize(
    ("source", "recording", "least"),
    own_and_real(
        [("small-9.2", "small-10.0", 9), ("small-9.2 files", "small-10.0", 9)],
        [
            (source, QEMUS_NEWEST, 20)
            for source in ("6.2.0_x86_64", "v6.2.0 files", "4.2.0_x86_64", "2.12.0_x86_64")
        ],
    ),
)
def test_replies_of_a_newer_release_are_kept_whole(
    source: str, recording: str, least: int, binding_of: Import
) -> None:
    q = binding_of(source)
    count = unknown = 0
    for command, reply in conversation(recording):
        name = command["execute"]
        if "return" not in reply or not hasattr(q, identifier(name)):
            continue
        decoder = returns(q, name)
        assert encode(decoder(reply["return"])) == reply["return"]
        count += 1
        unknown += "extra={" in repr(decoder(reply["return"]))
    assert count > least
    assert unknown > 0  # or no newer part was among them


def own_schemas() -> Iterator[tuple[str, Schema]]:
    """Return small schemas: in today's language, in an old one, from a recording."""
    yield "today", qapi_schema("small-9.2")
    yield "old", qapi_schema("small-2.4", "qapi-schema.json")
    yield "recorded", recorded_schema("small-10.0")


def real_schemas() -> Iterator[tuple[str, Schema]]:
    """Return QEMU's own schemas of the same three kinds."""
    corpus_path()
    yield "today", qapi_schema("v7.2")
    yield "old", qapi_schema("v1.0", "qapi-schema.json")
    yield "recorded", recorded_schema(QEMUS_NEWEST)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "schemas",
    [own_schemas, pytest.param(real_schemas, marks=pytest.mark.slow)],
    ids=["own", "real"],
)
def test_the_texts_pass_mypy_and_ruff(
    schemas: Callable[[], Iterator[tuple[str, Schema]]], tmp_path: Path
) -> None:
    """Check all in one run, because most of its time is for their imports."""
    paths = []
    for name, schema in schemas():
        paths.append(tmp_path / f"{name}.py")
        paths[-1].write_text(bindings_text(schema))
    for words in (
        ["mypy", "--strict", "--no-incremental", f"--cache-dir={tmp_path / 'cache'}"],
        ["ruff", "check", "--no-cache"],
        ["ruff", "check", "--no-cache", "--isolated"],
        ["ruff", "format", "--check", "--no-cache"],
    ):
        done = run(
            [sys.executable, "-m", *words, *map(str, paths)],
            capture_output=True,
            text=True,
            timeout=5 * PATIENCE,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_many_names_that_become_one_take_no_long_time() -> None:
    def run(count: int) -> None:
        scope = Scope()
        assert len({scope.take("a_b") for _ in range(count)}) == count

    assert_linear(run, 8000)


def test_commands_that_name_one_large_struct(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each function lists all members, so the file would grow with the product."""
    base = StructDefinition(name="Base", members=tuple(Member(f"b{n}", "int") for n in range(10)))
    large = StructDefinition(
        name="Large", base="Base", members=tuple(Member(f"m{n}", "int") for n in range(20))
    )
    commands = tuple(
        model.CommandDefinition(name=f"c{n}", arguments="Large", is_boxed=True) for n in range(10)
    )
    schema = Schema({**BUILT_INS, "Base": base, "Large": large}, commands)

    monkeypatch.setattr(limits, "SCHEMA_MEMBERS", 300)
    assert "def c9(" in bindings_text(schema)
    monkeypatch.setattr(limits, "SCHEMA_MEMBERS", 299)
    with pytest.raises(SchemaSemanticError) as raised:
        bindings_text(schema)
    assert str(raised.value) == (
        "with it, the commands have 300 arguments, expected at most 299, inherited ones included\n"
        "in command 'c9'"
    )
