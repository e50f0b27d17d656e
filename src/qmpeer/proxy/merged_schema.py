"""A server's introspection, with the proxy's own commands and events put in."""

from itertools import count
from typing import Any

import msgspec

from qmpeer.schema import Schema, introspection_of, label_types
from qmpeer.values import JsonValue

_PREFIX = "__qmpeer_"


def merged_schema(answer: list[JsonValue], own: Schema) -> list[JsonValue]:
    """Return an answer to query-qmp-schema with further commands and events, and their types.

    Args:
        answer: The server's answer, which isn't changed.
        own: The commands and events to add. They replace those of the same names.
    """
    labels = _free_labels(own, {_name(entry) for entry in answer})
    added = introspection_of(msgspec.structs.replace(own, labels=labels))
    replaced = {entity.name for entity in own.entities}
    kept = [entry for entry in answer if _name(entry) not in replaced]
    built_ins = {_name(entry) for entry in kept}  # and arrays of them
    return [*kept, *(entry for entry in added if entry["name"] not in built_ins)]


def _free_labels(own: Schema, taken: set[Any]) -> dict[str, str]:
    """Return a label for each type; only built-in types have the same ones as at the server.

    Servers number their types, so ours are numbers with the proxy's prefix. A server that is a
    proxy itself may have such labels, too.
    """
    labels = label_types(own)
    numbers = {core for label in labels.values() if (core := label.strip("[]")).isdigit()}
    shift = next(
        shift
        for shift in count()
        if not any(f"{_PREFIX}{int(number) + shift}" in taken for number in numbers)
    )
    free: dict[str, str] = {}
    for name, label in labels.items():
        number = label.strip("[]")
        if number in numbers:
            label = label.replace(number, f"{_PREFIX}{int(number) + shift}")
        free[name] = label
    return free


def _name(entry: JsonValue) -> JsonValue:
    """Return the name of an entry; None of what isn't one."""
    name = entry.get("name") if isinstance(entry, dict) else None
    return name if isinstance(name, str) else None
