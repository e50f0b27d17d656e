"""Where the real schemas and recordings are, and how schemas of a few lines are read."""

from collections.abc import Callable

import pytest

from qmpeer.schema import Schema, schema_from_qapi
from qmpeer.values import JsonObject
from tests.corpus import qapi_schema, recorded_introspection

ReadSchema = Callable[..., Schema]


@pytest.fixture(scope="session")
def recorded_schema() -> Callable[[str], list[JsonObject]]:
    """Return what gives the first answer to query-qmp-schema in a recording."""
    return recorded_introspection


@pytest.fixture(scope="session")
def qapi_tree() -> ReadSchema:
    """Return what reads a real schema by its release and root, the release's own rules applied."""
    return qapi_schema


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
