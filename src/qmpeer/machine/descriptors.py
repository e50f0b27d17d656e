"""The file descriptors that clients have sent and the machine keeps: named ones, and sets.

Spec: QEMU, getfd, closefd, add-fd, remove-fd, query-fdsets, and -add-fd of its command line. A
command takes the first of the descriptors that came last; what came with it beyond that is closed.
Wherever a path is taken, ``/dev/fdset/N`` stands for that descriptor of set N which was opened for
what it is wanted for.
"""

import errno
import fcntl
import os
import re
from itertools import count
from typing import Final

from qmpeer import limits
from qmpeer.errors import CommandError
from qmpeer.values import JsonObject

_SET_PATH: Final = re.compile(r"/dev/fdset/(.*)", re.DOTALL)
_SET_NUMBER: Final = re.compile(r"\s*\+?([0-9]{1,10})")

_NOTHING_SENT = "No file descriptor supplied via SCM_RIGHTS"


class Descriptors:
    """Keep descriptors by name and in sets, and close each when its time has come."""

    def __init__(self) -> None:
        self._named: dict[str, int] = {}
        self._sets: dict[int, list[tuple[int, str | None]]] = {}

    def add_named(self, name: str, received: list[int]) -> None:
        """Keep the first of the received descriptors under a name; an older one is closed.

        Raises:
            CommandError: If none was received, or if the name starts with a digit.
        """
        fd = _take_first(received)
        if name[:1] in "0123456789" and name:
            os.close(fd)
            raise CommandError(
                "GenericError", "Parameter 'fdname' expects a name not starting with a digit"
            )
        if len(self._named) >= limits.NAMED_FDS and name not in self._named:
            os.close(fd)
            raise _too_many()
        if (old := self._named.get(name)) is not None:
            os.close(old)
        self._named[name] = fd

    def take_named(self, name: str) -> int | None:
        """Give away the descriptor of a name; None if there is none."""
        return self._named.pop(name, None)

    def close_named(self, name: str) -> None:
        """Close the descriptor of a name.

        Raises:
            CommandError: If there is none.
        """
        if (fd := self._named.pop(name, None)) is None:
            raise _not_found(name)
        os.close(fd)

    def add_to_set(self, set_id: int | None, opaque: str | None, received: list[int]) -> JsonObject:
        """Put the first of the received descriptors into a set, by default a new one.

        Returns:
            The number of the set and the descriptor's own, as add-fd returns them.

        Raises:
            CommandError: If none was received, or if the number of the set is negative.
        """
        fd = _take_first(received)
        if set_id is None:
            set_id = next(i for i in count() if i not in self._sets)
        elif set_id < 0:
            os.close(fd)
            raise CommandError("GenericError", "Parameter 'fdset-id' expects a non-negative value")
        if sum(map(len, self._sets.values())) >= limits.NAMED_FDS:
            os.close(fd)
            raise _too_many()
        self._sets.setdefault(set_id, []).append((fd, opaque))
        return {"fd": fd, "fdset-id": set_id}

    def remove_from_set(self, set_id: int, fd: int | None) -> None:
        """Close one descriptor of a set, or all of them; an empty set is gone.

        Raises:
            CommandError: If there is no such set, or if it doesn't hold the descriptor.
        """
        members = self._sets.get(set_id, [])
        chosen = [member for member in members if fd is None or member[0] == fd]
        if not chosen:
            where = f"fdset-id:{set_id}" if fd is None else f"fdset-id:{set_id}, fd:{fd}"
            raise _not_found(where)
        self._sets[set_id] = [member for member in members if member not in chosen]
        if not self._sets[set_id]:
            del self._sets[set_id]
        for number, _ in chosen:
            os.close(number)

    def describe_sets(self) -> list[JsonObject]:
        """Describe all sets as query-fdsets does, the highest number first."""
        return [
            {
                "fds": [
                    {"fd": fd} if opaque is None else {"fd": fd, "opaque": opaque}
                    for fd, opaque in members
                ],
                "fdset-id": set_id,
            }
            for set_id, members in sorted(self._sets.items(), reverse=True)
        ]

    def open_path(self, path: str, flags: int, mode: int = 0o666) -> int:
        """Open a path, or take a copy of a descriptor where it names a set.

        Spec: QEMU: the access mode must be the one that is wanted, else EACCES; other flags are
        set as far as that can be done afterwards. The copy shares its position with what is copied.

        Raises:
            OSError: If it can't be had.
        """
        found = _SET_PATH.fullmatch(path)
        if found is None:
            return os.open(path, flags | os.O_CLOEXEC, mode)
        number = _SET_NUMBER.fullmatch(found[1])
        if number is None:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        members = self._sets.get(int(number[1]))
        if members is None:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        for fd, _ in members:
            if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == flags & os.O_ACCMODE:
                return _copied(fd, flags)
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    def clear_sets(self) -> None:
        """Close all descriptors in sets; named ones stay."""
        for members in self._sets.values():
            for fd, _ in members:
                os.close(fd)
        self._sets.clear()

    def close(self) -> None:
        """Close everything."""
        self.clear_sets()
        for fd in self._named.values():
            os.close(fd)
        self._named.clear()


def _copied(fd: int, flags: int) -> int:
    copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 0)
    try:
        if (fcntl.fcntl(fd, fcntl.F_GETFL) ^ flags) & os.O_SYNC:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fcntl.fcntl(copy, fcntl.F_SETFL, flags)
        if flags & os.O_TRUNC:
            os.ftruncate(copy, 0)
    except OSError:
        os.close(copy)
        raise
    return copy


def _too_many() -> CommandError:
    return CommandError("GenericError", f"there are {limits.NAMED_FDS} descriptors already")


def _take_first(received: list[int]) -> int:
    if not received:
        raise CommandError("GenericError", _NOTHING_SENT)
    for surplus in received[1:]:
        os.close(surplus)
    return received[0]


def _not_found(name: str) -> CommandError:
    return CommandError("GenericError", f"File descriptor named '{name}' not found")
