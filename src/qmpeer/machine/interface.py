"""The machine's interface, as its own QAPI files declare it (``qapi/qapi-schema.json``)."""

import posixpath
from functools import cache
from pathlib import Path
from typing import Final

from qmpeer.schema import Schema, schema_from_qapi

_PACKAGE: Final = Path(__file__).parent.parent


@cache
def load() -> Schema:
    """Return the schema: every command that a handler answers, every event that is emitted."""

    def read(name: str) -> bytes:
        return (_PACKAGE / posixpath.normpath(name)).read_bytes()

    return schema_from_qapi("machine/qapi/qapi-schema.json", read)
