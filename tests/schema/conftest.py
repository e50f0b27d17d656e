"""Where the real schemas and recordings are, and how schemas of a few lines are read."""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpeer.schema import Schema, schema_from_qapi
from qmpeer.values import JsonObject, JsonValue

ReadSchema = Callable[..., Schema]


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Return the directory of real schemas and recordings, or skip the test."""
    path = os.environ.get("QMPEER_CORPUS")
    if not path:
        pytest.skip("QMPEER_CORPUS names no directory with real schemas and recordings")
    return Path(path)


@pytest.fixture(scope="session")
def recorded_schema(corpus: Path) -> Callable[[str], list[JsonObject]]:
    """Return what gives the first answer to query-qmp-schema in a recording."""

    def read(name: str) -> list[JsonObject]:
        path = corpus / "replies" / f"caps_{name}.replies"
        if not path.exists():
            pytest.skip(f"{path} is not there")
        values = json_values(path.read_text())
        for command, reply in zip(values, values, strict=True):
            if command["execute"] == "query-qmp-schema":
                answer = reply["return"]
                assert isinstance(answer, list)
                return answer  # type: ignore[return-value]  # entities are objects
        raise AssertionError(f"no schema in {path}")

    return read


@pytest.fixture(scope="session")
def qapi_tree(corpus: Path) -> ReadSchema:
    """Return what reads a real schema by its release and root, the release's own rules applied."""

    def read(release: str, root: str = "qapi/qapi-schema.json") -> Schema:
        path = corpus / "qapi" / release
        if not (path / root).exists():
            pytest.skip(f"{path / root} is not there")
        major, minor = re.findall("[0-9]+", release)[:2]
        return schema_from_qapi(
            root, lambda name: (path / name).read_bytes(), release=(int(major), int(minor))
        )

    return read


@pytest.fixture
def schema_of() -> ReadSchema:
    """Return what reads a schema from its text, and from those of the files it includes."""

    def read(text: str, *, is_strict: bool = False, **files: str) -> Schema:
        texts = {"schema.json": text, **{f"{name}.json": files[name] for name in files}}

        def read_file(name: str) -> bytes:
            if name not in texts:
                raise FileNotFoundError(2, "No such file or directory")
            return texts[name].encode()

        return schema_from_qapi("schema.json", read_file, is_strict=is_strict)

    return read


def json_values(text: str) -> Iterator[dict[str, JsonValue]]:
    """Give the JSON values that stand one after the other in a text."""
    decoder, position = json.JSONDecoder(), 0
    while found := re.compile(r"\S").search(text, position):
        value, position = decoder.raw_decode(text, found.start())
        yield value
