"""A machine's objects in QEMU's object model (QOM), and their properties."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from qmpeer import limits
from qmpeer.client import Client
from qmpeer.client.answers import read_answer
from qmpeer.client.server_names import by_number
from qmpeer.errors import CommandError, LimitError
from qmpeer.values import JsonObject, JsonValue

_CHILD: Final = re.compile(r"child<(.*)>")


class _Property(msgspec.Struct):
    name: str
    type: str


def properties(client: Client, path: str) -> list[tuple[str, str]]:
    """Return the names and types of an object's properties, sorted by name.

    Raises:
        QMPError: As `Client.execute`; here as in all of this module.
        OSError: As `Client.execute`.
    """
    answer = client.execute("qom-list", {"path": path})
    found = read_answer("qom-list", answer, list[_Property], "a list of names and types")
    return sorted(((each.name, each.type) for each in found), key=lambda each: by_number(each[0]))


def children(client: Client, path: str, depth: int) -> list[JsonValue]:
    """Return the objects below one, each with its name and type, down to a number of levels.

    Raises:
        LimitError: If there are more objects than `limits.QOM_OBJECTS`.
    """
    return _below(client, path, depth, [0])


def _below(client: Client, path: str, depth: int, seen: list[int]) -> list[JsonValue]:
    found: list[JsonValue] = []
    for name, kind in properties(client, path):
        child = _CHILD.fullmatch(kind)
        if child is None:
            continue
        seen[0] += 1
        if seen[0] > limits.QOM_OBJECTS:
            reason = f"there are more than {limits.QOM_OBJECTS} objects, choose a PATH or --depth"
            raise LimitError(reason, "QOM_OBJECTS", limits.QOM_OBJECTS)
        entry: JsonObject = {"name": name, "type": child[1]}
        if depth > 1:
            try:
                below = _below(client, f"{path.rstrip('/')}/{name}", depth - 1, seen)
            except CommandError:  # the object was unplugged after its parent was listed
                continue
            if below:
                entry["children"] = below
        found.append(entry)
    return found


def values(client: Client, path: str) -> Iterator[JsonObject]:
    """Yield the properties of an object, each with its value or the error of reading it."""
    for name, kind in properties(client, path):
        if _CHILD.fullmatch(kind):
            continue
        entry: JsonObject = {"name": name, "type": kind}
        try:
            entry["value"] = client.execute("qom-get", {"path": path, "property": name})
        except CommandError as error:  # some properties can only be written
            entry["error"] = error.desc
        yield entry
