"""The machine's interface, as its own QAPI files declare it (``qapi/qapi-schema.json``).

``interface.json`` is what they are compiled to (`qmpeer.schema.compiled`).
"""

import os.path
from functools import cache
from typing import Final

from qmpeer.schema import Schema
from qmpeer.schema.compiled import schema_from_compiled

_COMPILED: Final = os.path.join(os.path.dirname(__file__), "interface.json")


@cache
def load() -> Schema:
    """Return the schema: every command that a handler answers, every event that is emitted."""
    with open(_COMPILED, "rb") as file:
        return schema_from_compiled(file.read())
