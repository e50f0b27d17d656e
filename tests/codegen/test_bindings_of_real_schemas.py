"""Bindings of QEMU's own schemas, tried on recorded conversations."""

import inspect
import re
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from subprocess import run
from types import ModuleType
from typing import Any

import pytest

from qmpeer.bindings import Command, encode
from qmpeer.bindings.decoding import Decoder, decoder_of
from qmpeer.codegen import bindings_text
from qmpeer.schema import introspection_hash, introspection_of, schema_from_introspection
from tests.codegen.conftest import Import
from tests.corpus import (
    RECORDINGS,
    TREES,
    conversation,
    qapi_schema,
    recorded_introspection,
    recorded_schema,
)

IDENTIFIER = re.compile(r"[^A-Za-z0-9_]+")


def function_of(q: ModuleType, command: str) -> Callable[..., Command[Any]]:
    function: Callable[..., Command[Any]] = getattr(q, IDENTIFIER.sub("_", command))
    return function


def typed(q: ModuleType, command: str, arguments: dict[str, Any]) -> Command[Any]:
    """Make a command from its arguments as JSON, each decoded to its parameter's type."""
    function = function_of(q, command)
    hints = typing.get_type_hints(function, include_extras=True)
    if "extra" not in inspect.signature(function).parameters:
        return function(decoder_of(hints["arguments"])(arguments))
    names = {name: IDENTIFIER.sub("_", name) for name in arguments}
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


@pytest.mark.parametrize(("release", "root"), TREES)
def test_every_tree_makes_a_binding(release: str, root: str, import_text: Import) -> None:
    schema = qapi_schema(release, root)
    q = import_text(bindings_text(schema, source=release))
    assert len(list(schema.commands())) > 10
    for command in schema.commands():
        assert callable(function_of(q, command.name))
    for event in schema.events():
        assert getattr(q, event.name).decode({}) is not None
    introspection = introspection_of(q.schema())
    assert introspection_hash(introspection) == q.SCHEMA_HASH


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_recording_makes_a_binding(name: str, binding_of: Import) -> None:
    answer = recorded_introspection(name)
    q = binding_of(name)
    assert introspection_hash(answer) == q.SCHEMA_HASH
    assert introspection_of(q.schema()) == answer


def test_the_same_input_makes_the_same_bytes() -> None:
    answer = recorded_introspection("7.2.0_x86_64")
    texts = {bindings_text(schema_from_introspection(answer)) for _ in range(2)}
    assert len(texts) == 1


@pytest.mark.parametrize("source", ["7.2.0_x86_64", "v7.2"])
def test_all_that_was_recorded_decodes_and_encodes(source: str, binding_of: Import) -> None:
    q = binding_of(source)
    count = 0
    for command, reply in conversation("7.2.0_x86_64"):
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
    assert count > 50


@pytest.mark.parametrize("source", ["6.2.0_x86_64", "v6.2.0", "4.2.0_x86_64", "2.12.0_x86_64"])
def test_replies_of_a_newer_release_are_kept_whole(source: str, binding_of: Import) -> None:
    q = binding_of(source)
    count = unknown = 0
    for command, reply in conversation("8.2.0_aarch64"):
        name = command["execute"]
        if "return" not in reply or not hasattr(q, IDENTIFIER.sub("_", name)):
            continue
        decoder = returns(q, name)
        assert encode(decoder(reply["return"])) == reply["return"]
        count += 1
        unknown += "extra={" in repr(decoder(reply["return"]))
    assert count > 20
    assert unknown > 0  # else nothing newer was among them


@pytest.mark.slow
@pytest.mark.parametrize("source", ["v7.2", "8.2.0_aarch64", "v1.0"])
def test_the_text_passes_mypy_and_ruff(source: str, tmp_path: Path) -> None:
    if source == "v1.0":
        schema = qapi_schema(source, "qapi-schema.json")
    elif source.startswith("v"):
        schema = qapi_schema(source)
    else:
        schema = recorded_schema(source)
    path = tmp_path / "binding.py"
    path.write_text(bindings_text(schema))
    checks = (
        ["mypy", "--strict", "--no-incremental", f"--cache-dir={tmp_path / 'cache'}"],
        ["ruff", "check", "--no-cache"],
        ["ruff", "check", "--no-cache", "--isolated"],
        ["ruff", "format", "--check", "--no-cache"],
    )
    for words in checks:
        done = run(
            [sys.executable, "-m", *words, str(path)], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
