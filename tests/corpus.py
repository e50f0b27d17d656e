"""Real schemas and recorded conversations, where the environment says they are.

They are other people's, and no part of the project; tests say so when there are none.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpeer.schema import Schema, schema_from_introspection, schema_from_qapi

RECORDINGS = ("2.12.0_x86_64", "4.2.0_x86_64", "6.2.0_x86_64", "7.2.0_x86_64", "8.2.0_aarch64")
TREES = (
    ("v1.0", "qapi-schema.json"),
    ("v2.0.0", "qapi-schema.json"),
    ("v2.0.0", "qga/qapi-schema.json"),
    ("v2.12.0", "qapi/qapi-schema.json"),
    ("v2.12.0", "qga/qapi-schema.json"),
    ("v2.4.0", "qapi-schema.json"),
    ("v2.4.0", "qga/qapi-schema.json"),
    ("v4.2.0", "qapi/qapi-schema.json"),
    ("v4.2.0", "qga/qapi-schema.json"),
    ("v6.2.0", "qapi/qapi-schema.json"),
    ("v6.2.0", "qga/qapi-schema.json"),
    ("v7.2", "qapi/qapi-schema.json"),
    ("v7.2", "qga/qapi-schema.json"),
    ("v7.2", "storage-daemon/qapi/qapi-schema.json"),
)
"""Releases of QEMU and the first files of their schemas."""


def corpus_path() -> Path:
    """Return where it is, or skip the test."""
    path = os.environ.get("QMPEER_CORPUS")
    if not path:
        pytest.skip("QMPEER_CORPUS names no directory with real schemas and recordings")
    return Path(path)


def conversation(name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Give each command of a recording with its reply."""
    path = corpus_path() / "replies" / f"caps_{name}.replies"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    values = json_values(path.read_text())
    return zip(values, values, strict=True)


def recorded_introspection(name: str) -> list[Any]:
    """Return the first answer to query-qmp-schema in a recording."""
    for command, reply in conversation(name):
        if command["execute"] == "query-qmp-schema":
            answer: list[Any] = reply["return"]
            return answer
    raise AssertionError(f"no schema in {name}")


def recorded_schema(name: str) -> Schema:
    """Return the model of a recording."""
    return schema_from_introspection(recorded_introspection(name))


def qapi_schema(release: str, root: str = "qapi/qapi-schema.json") -> Schema:
    """Return the model of a release's files, its own rules applied."""
    path = corpus_path() / "qapi" / release
    if not (path / root).exists():
        pytest.skip(f"{path / root} is not there")
    major, minor = re.findall("[0-9]+", release)[:2]
    return schema_from_qapi(
        root, lambda name: (path / name).read_bytes(), release=(int(major), int(minor))
    )


def json_values(text: str) -> Iterator[dict[str, Any]]:
    """Give the JSON values that stand one after the other in a text."""
    decoder, position = json.JSONDecoder(), 0
    while found := re.compile(r"\S").search(text, position):
        value, position = decoder.raw_decode(text, found.start())
        yield value
