"""Descriptors that a monitor's clients have sent and named.

Spec: in QEMU each monitor has its own names. They outlive its clients' connections.
"""

import os
import weakref

from qmpeer import limits
from qmpeer.errors import CommandError


class NamedFds:
    """A table of descriptors by name; it closes the remaining ones when it is collected.

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
        """Take over a descriptor under a name, and close an older one of that name.

        Raises:
            CommandError: If there are too many; then the new descriptor is closed.
        """
        if len(self._fds) >= limits.NAMED_FDS and name not in self._fds:
            os.close(fd)
            raise CommandError("GenericError", f"there are {limits.NAMED_FDS} descriptors already")
        old = self._fds.get(name)
        self._fds[name] = fd
        if old is not None:
            os.close(old)

    def take(self, name: str) -> int | None:
        """Remove a name and return its descriptor, which the caller then owns; None if unknown."""
        return self._fds.pop(name, None)

    def close(self) -> None:
        """Close all descriptors."""
        _close_all(self._fds)


def _close_all(fds: dict[str, int]) -> None:
    while fds:
        os.close(fds.popitem()[1])
