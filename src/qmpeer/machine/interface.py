"""The schema of the built-in machine, declared in ``qapi/qapi-schema.json``.

``interface.json`` is its compiled form (`qmpeer.schema.compiled`), which loads faster.
"""

import os.path
from functools import cache
from typing import Final

from qmpeer.options.interface import MONITOR_OBJECTS
from qmpeer.schema import Schema, select
from qmpeer.schema.compiled import schema_from_compiled

_COMPILED: Final = os.path.join(os.path.dirname(__file__), "interface.json")


@cache
def load_all() -> Schema:
    """Return everything that is declared, with its conditions."""
    with open(_COMPILED, "rb") as file:
        return schema_from_compiled(file.read())


@cache
def load(has_monitor_objects: bool = False) -> Schema:
    """Return the schema of one machine.

    It has exactly the commands with handlers and the events emitted.

    Args:
        has_monitor_objects: Include the types of objects that are monitors, which QEMU has since
            release 11.1.
    """
    return select(load_all(), lambda name: name == MONITOR_OBJECTS and has_monitor_objects)
