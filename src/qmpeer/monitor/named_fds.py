"""Descriptors that a monitor's clients have sent and named.

Spec: QEMU: names belong to one monitor, no other knows them. They outlive its clients' connections.
"""

import os
import weakref

from qmpeer import limits
from qmpeer.errors import CommandError


class NamedFds:
    """Keep descriptors by name; what is left when this goes is closed.

    Example:
        >>> names = NamedFds()
        >>> fd = os.open(os.devnull, os.O_RDONLY)
        >>> names.keep("image", fd)
        >>> names.take("image") == fd
        True
        >>> print(names.take("image"))
        None
        >>> os.close(fd)
    """

    def __init__(self) -> None:
        self._fds: dict[str, int] = {}
        weakref.finalize(self, _close_all, self._fds)

    def keep(self, name: str, fd: int) -> None:
        """Keep a descriptor, which is ours now; an older one of that name is closed.

        Raises:
            CommandError: If there are too many; the descriptor is closed then.
        """
        if len(self._fds) >= limits.NAMED_FDS and name not in self._fds:
            os.close(fd)
            raise CommandError("GenericError", f"there are {limits.NAMED_FDS} descriptors already")
        old = self._fds.get(name)
        self._fds[name] = fd
        if old is not None:
            os.close(old)

    def take(self, name: str) -> int | None:
        """Give away the descriptor of a name, which is forgotten then; None if there is none."""
        return self._fds.pop(name, None)

    def close(self) -> None:
        """Close all."""
        _close_all(self._fds)


def _close_all(fds: dict[str, int]) -> None:
    while fds:
        os.close(fds.popitem()[1])
