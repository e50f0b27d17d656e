"""The arguments that name an object on the server, and the kind of that object.

The kinds are those of `qmpeer.client`, and some that only the shell completes.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from qmpeer.client.server_names import kind_of as kind_for_clients

NameLookup: TypeAlias = Callable[[str, str], Sequence[str]]
"""Returns the names of one kind: a kind of `qmpeer.client`, "file", "secret", or "human" (commands
of the human monitor). The second argument is the beginning of a file's or a QOM path, the object
that a property belongs to, or else empty."""

_FILES: Final = frozenset({"file.filename", "snapshot-file", "filename"})


def kind_of(command: str, path: Sequence[str]) -> str | None:
    """Return the kind of object that an argument names.

    None means that the kind isn't known, or that the argument gives a new object its name.

    Args:
        command: The command's name.
        path: The names of the members from the top to the argument.

    Example:
        >>> kind_of("blockdev-del", ["node-name"]), kind_of("blockdev-add", ["node-name"])
        ('block-node', None)
        >>> kind_of("blockdev-add", ["encrypt", "key-secret"])
        'secret'
    """
    name = path[-1]
    if name == "key-secret" or name.endswith("-secret") or name == "secret":
        return "secret"
    if name in _FILES:
        return "file"
    return kind_for_clients(command, ".".join(path))


def no_names(kind: str, about: str) -> Sequence[str]:
    """Return no names."""
    return ()
