"""Schemas and recorded conversations for tests: small ones of our own, and real ones.

Our own are in `tests/small_corpus`, where a name has the release of the language, and in the
built-in machine. The real ones are by others and not a part of the project: the variable
QMPEER_CORPUS names their directory, which has the same layout as ours. Without it, each test is
skipped once for all of them. A process reads each one once, so nobody may change what is returned.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from qmpeer.schema import Schema, schema_from_introspection, schema_from_qapi

SMALL: Final = Path(__file__).parent / "small_corpus"
MACHINE: Final = Path(__file__).parents[1] / "src" / "qmpeer" / "machine" / "qapi"
HAS_CORPUS: Final = bool(os.environ.get("QMPEER_CORPUS"))
NO_CORPUS: Final = "QMPEER_CORPUS names no directory with real schemas and recordings"

SMALL_RECORDINGS: Final = ("small-9.2", "small-10.0")
RECORDINGS: Final = (
    *("2.12.0_x86_64", "4.2.0_x86_64", "6.2.0_x86_64"),
    *("7.2.0_x86_64", "8.2.0_aarch64"),
)
SMALL_TREES: Final = {
    ("small-2.4", "qapi-schema.json"): (11, 2),
    ("small-6.0", "qapi/qapi-schema.json"): (2, 1),
    ("small-9.2", "qapi/qapi-schema.json"): (18, 5),
}
"""The releases: the first file of each schema, and its numbers of commands and events."""
MACHINE_TREE: Final = ("machine", "qapi-schema.json")
TREES: Final = {
    ("v1.0", "qapi-schema.json"): (21, 0),
    ("v2.0.0", "qapi-schema.json"): (102, 0),
    ("v2.0.0", "qga/qapi-schema.json"): (23, 0),
    ("v2.12.0", "qapi/qapi-schema.json"): (167, 39),
    ("v2.12.0", "qga/qapi-schema.json"): (35, 0),
    ("v2.4.0", "qapi-schema.json"): (124, 35),
    ("v2.4.0", "qga/qapi-schema.json"): (29, 0),
    ("v4.2.0", "qapi/qapi-schema.json"): (187, 44),
    ("v4.2.0", "qga/qapi-schema.json"): (35, 0),
    ("v6.2.0", "qapi/qapi-schema.json"): (208, 49),
    ("v6.2.0", "qga/qapi-schema.json"): (40, 0),
    ("v7.2", "qapi/qapi-schema.json"): (220, 52),
    ("v7.2", "qga/qapi-schema.json"): (42, 0),
    ("v7.2", "storage-daemon/qapi/qapi-schema.json"): (74, 13),
}
"""The same of releases of QEMU."""


def own_and_real(own: Iterable[Any], real: Iterable[Any]) -> list[Any]:
    """Return a test's parameters: our own, then the real ones if they exist.

    Args:
        own: Parameters of our own schemas or recordings.
        real: Parameters of the real ones; if there are none, one skipped parameter.
    """
    real = [*real]
    if not HAS_CORPUS:
        first = real[0]
        values = getattr(first, "values", first if isinstance(first, tuple) else (first,))
        real = [pytest.param(*values, marks=pytest.mark.skip(reason=NO_CORPUS), id="real")]
    return [*own, *real]


def corpus_path() -> Path:
    """Return the directory of the real ones, or skip the test."""
    path = os.environ.get("QMPEER_CORPUS")
    if not path:
        pytest.skip(NO_CORPUS)
    return Path(path)


def _home(name: str) -> Path:
    return SMALL if name.startswith("small-") else corpus_path()


@cache
def conversation(name: str) -> tuple[tuple[dict[str, Any], dict[str, Any]], ...]:
    """Return each command of a recording with its reply."""
    path = _home(name) / "replies" / f"caps_{name}.replies"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    values = json_values(path.read_text(encoding="utf-8"))
    return tuple(zip(values, values, strict=True))


@cache
def recorded_introspection(name: str) -> list[Any]:
    """Return the first answer to query-qmp-schema in a recording."""
    for command, reply in conversation(name):
        if command["execute"] == "query-qmp-schema":
            answer: list[Any] = reply["return"]
            return answer
    raise AssertionError(f"no schema in {name}")


@cache
def recorded_schema(name: str) -> Schema:
    """Return the model of a recording."""
    return schema_from_introspection(recorded_introspection(name))


@cache
def qapi_schema(release: str, root: str = "qapi/qapi-schema.json") -> Schema:
    """Return the model of a release's files by its own rules; "machine" is the machine's."""
    path = MACHINE if release == "machine" else _home(release) / "qapi" / release
    if not (path / root).exists():
        pytest.skip(f"{path / root} is not there")
    numbers = re.findall("[0-9]+", release)[:2]
    return schema_from_qapi(
        root,
        lambda name: (path / name).read_bytes(),
        release=(int(numbers[0]), int(numbers[1])) if numbers else None,
    )


def json_values(text: str) -> Iterator[dict[str, Any]]:
    """Give the JSON values that follow one another in a text."""
    decoder, position = json.JSONDecoder(), 0
    while found := re.compile(r"\S").search(text, position):
        value, position = decoder.raw_decode(text, found.start())
        yield value
