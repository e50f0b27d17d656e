"""Fixtures for small schemas given as text."""

from collections.abc import Callable

import pytest

from qmpeer.schema import Schema, schema_from_qapi

ReadSchema = Callable[..., Schema]


@pytest.fixture
def schema_of() -> ReadSchema:
    """Return a function that reads a schema from its text and the texts of included files."""

    def read(text: str, *, is_strict: bool = False, **files: str) -> Schema:
        texts = {"schema.json": text, **{f"{name}.json": files[name] for name in files}}

        def read_file(name: str) -> bytes:
            if name not in texts:
                raise FileNotFoundError(2, "No such file or directory")
            return texts[name].encode()

        return schema_from_qapi("schema.json", read_file, is_strict=is_strict)

    return read
