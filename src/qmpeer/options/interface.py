"""The schema of the objects that ``-object`` makes, declared in ``qapi/objects.json``.

``interface.json`` is its compiled form (`qmpeer.schema.compiled`), which loads faster.
"""

import os.path
from functools import cache
from typing import Final

from qmpeer.schema import Schema, select
from qmpeer.schema.compiled import schema_from_compiled

_COMPILED: Final = os.path.join(os.path.dirname(__file__), "interface.json")
MONITOR_OBJECTS: Final = "QMPEER_MONITOR_OBJECTS"
"""The condition of the types that are monitors, which QEMU has since release 11.1."""


@cache
def load_all() -> Schema:
    """Return everything that is declared, with its conditions."""
    with open(_COMPILED, "rb") as file:
        return schema_from_compiled(file.read())


@cache
def load(has_monitor_objects: bool = False) -> Schema:
    """Return the types of objects.

    Args:
        has_monitor_objects: Include the types that are monitors.
    """
    return select(load_all(), lambda name: name == MONITOR_OBJECTS and has_monitor_objects)
