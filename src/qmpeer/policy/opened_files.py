"""The files in a command's arguments that the proxy opens, so that the server needn't."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from qmpeer.policy.fd_sets import fd_set_of
from qmpeer.policy.rules import MemberPath
from qmpeer.values import JsonObject, JsonValue

_NAME: Final = "filename"
_READ_ONLY: Final = "read-only"
Way = tuple[str | int, ...]
"""The way to a value: names of members, and indices of lists."""


class FileToOpen(msgspec.Struct, frozen=True):
    """A file to open.

    Attributes:
        way: The way to its name in the arguments.
        name: Its name.
        is_read_only: True if it is opened for reading only.
    """

    way: Way
    name: str
    is_read_only: bool


def files_to_open(arguments: JsonObject, members: Sequence[MemberPath]) -> list[FileToOpen]:
    """Return the files in some members, which are file names or block nodes.

    A name that stands for a set of descriptors already isn't among them.

    Example:
        >>> disk = {"driver": "file", "filename": "/srv/a", "read-only": True}
        >>> files_to_open({"driver": "raw", "file": disk}, [()])
        [FileToOpen(way=('file', 'filename'), name='/srv/a', is_read_only=True)]
    """
    found: dict[Way, FileToOpen] = {}
    for member in members:
        for each in _below(arguments, (), member, False):
            found.setdefault(each.way, each)
    return list(found.values())


def _below(
    value: JsonValue, way: Way, member: MemberPath, is_read_only: bool
) -> Iterator[FileToOpen]:
    """Give the files in a value: on the way to a member, or anywhere inside it."""
    if isinstance(value, dict):
        is_read_only = is_read_only or value.get(_READ_ONLY) is True
        for name, inner in value.items():
            if not member or member[0] == name:
                yield from _below(inner, (*way, name), member[1:], is_read_only)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if not member or member[0] == "*":
                yield from _below(inner, (*way, index), member[1:], is_read_only)
    elif (
        isinstance(value, str) and not member and way[-1:] == (_NAME,) and fd_set_of(value) is None
    ):
        yield FileToOpen(way, value, is_read_only)


def with_names(arguments: JsonObject, names: dict[Way, str]) -> JsonObject:
    """Return a copy of the arguments with other names at some ways."""
    copy = _copy(arguments, (), names)
    assert isinstance(copy, dict)
    return copy


def _copy(value: JsonValue, way: Way, names: dict[Way, str]) -> JsonValue:
    if way in names:
        return names[way]
    if isinstance(value, dict):
        return {name: _copy(inner, (*way, name), names) for name, inner in value.items()}
    if isinstance(value, list):
        return [_copy(inner, (*way, index), names) for index, inner in enumerate(value)]
    return value
