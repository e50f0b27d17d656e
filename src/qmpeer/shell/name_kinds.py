"""Which arguments are names of things that the server has, and of what things.

What `qmpeer.client` knows of it, and what only a shell asks for.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from qmpeer.client.server_names import kind_of as kind_for_clients

NameLookup: TypeAlias = Callable[[str, str], Sequence[str]]
"""Give the names of things of a kind, as `qmpeer.client` calls the kinds, and of some more: "file",
"secret", "human" (commands of the human monitor). The text is what was typed of a file's or a QOM
path, and what a property belongs to; for other kinds it is empty."""

_FILES: Final = frozenset({"file.filename", "snapshot-file", "filename"})


def kind_of(command: str, path: Sequence[str]) -> str | None:
    """Return what an argument names; None if that isn't known, or it gets a new name.

    Args:
        command: The command's name.
        path: The names that lead to the argument.

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
    """Give no names."""
    return ()
