"""The schema of the proxy's control socket, declared in ``qapi/control.json``.

``interface.json`` is its compiled form (`qmpeer.schema.compiled`), which loads faster.
"""

import os.path
from functools import cache
from typing import Final

from qmpeer.schema import Schema
from qmpeer.schema.compiled import schema_from_compiled

_COMPILED: Final = os.path.join(os.path.dirname(__file__), "interface.json")


@cache
def load() -> Schema:
    """Return the schema."""
    with open(_COMPILED, "rb") as file:
        return schema_from_compiled(file.read())
