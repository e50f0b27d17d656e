"""The names of each command's arguments, in all releases of QEMU together.

``argument_names.txt`` has a line for each command, which begins with a dot, and for each type of an
argument: its members, each with its own types. ``[]`` is a list of a type. A member of all branches
of a union is a member of the union, as the value of its discriminator isn't known here. Scalars
have their JSON types, an enum is a text.

Source: the QAPI schemas of QEMU 1.0 to 10.2, read by ``scripts/argument_names.py``.
"""

from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

from qmpeer.messages import near_names
from qmpeer.policy.argument_tests import EACH
from qmpeer.policy.rules import MemberPath

Names: TypeAlias = dict[str, dict[str, set[str]]]
"""By command, which begins with a dot, or by type: the types of each member."""
TABLE: Final = Path(__file__).with_name("argument_names.txt")
"""The table."""
SCALARS: Final = frozenset({"str", "int", "number", "bool", "null"})
"""The types of values without members."""
ANY: Final = "any"
"""The type of a value that may have any members."""
_OPEN: Final = frozenset({"device_add"})
"""Commands that take the properties of a device, which no schema names."""
_LIST: Final = "[]"


def knows_argument(command: str, path: MemberPath, names: Names | None = None) -> bool:
    """Return whether a command has an argument; True if that isn't known.

    Args:
        command: The command.
        path: The way to the argument.
        names: The names to look in; by default, those of the table.

    Example:
        >>> knows_argument("blockdev-add", ("file", "filename"))
        True
        >>> knows_argument("blockdev-add", ("file", "flename"))
        False
    """
    return not any(True for _ in _unknown(command, path, names or table()))


def near_argument(commands: Collection[str], path: MemberPath, names: Names | None = None) -> str:
    """Return the known path that is nearest to an unknown one; "" if none is near."""
    for command in sorted(commands):
        for at, known in _unknown(command, path, names or table()):
            for near in near_names(path[at], known, 1):
                return ".".join((*path[:at], near, *path[at + 1 :]))
    return ""


def _unknown(command: str, path: MemberPath, names: Names) -> Iterator[tuple[int, Collection[str]]]:
    """Give the place of the first unknown name in a path, and the names that are known there."""
    if command in _OPEN or f".{command}" not in names:
        return
    types = {f".{command}"}
    for at, name in enumerate(path):
        if ANY in types:
            return
        if name == EACH and (elements := {each[:-2] for each in types if each.endswith(_LIST)}):
            types = elements
            continue
        known = {member for each in types for member in names.get(each, ())}
        if name not in known:
            yield at, known
            return
        types = {inner for each in types for inner in names.get(each, {}).get(name, ())}


@cache
def table() -> Names:
    """Return the names of all releases."""
    return read_table()


def read_table() -> Names:
    """Read the table from its file."""
    names: Names = {}
    for line in TABLE.read_text("utf-8").splitlines():
        key, _, words = line.partition(":")
        names[key] = members = {}
        for word in words.split():
            name, _, kinds = word.partition("=")
            members[name] = set(kinds.split("|")) if kinds else set()
    return names
