"""The file descriptors that clients have sent: sets, which the machine keeps, and named ones.

Spec: QEMU, getfd, closefd, add-fd, remove-fd, query-fdsets, and -add-fd of its command line. A
command takes the first of the descriptors that came last; what came with it beyond that is closed.
Wherever a path is taken, ``/dev/fdset/N`` stands for that descriptor of set N which was opened for
what it is wanted for.
"""

import errno
import fcntl
import os
import re
from collections.abc import Callable
from itertools import count
from typing import Final

import msgspec

from qmpeer import limits
from qmpeer.errors import CommandError
from qmpeer.messages import qemu_texts
from qmpeer.monitor import NamedFds
from qmpeer.values import JsonObject

_SET_PATH: Final = re.compile(r"/dev/fdset/(.*)", re.DOTALL)
_SET_NUMBER: Final = re.compile(r"\s*\+?([0-9]{1,10})")

_NOTHING_SENT = "No file descriptor supplied via SCM_RIGHTS"


class _Member(msgspec.Struct):
    fd: int
    opaque: str | None
    is_removed: bool = False


class _Set(msgspec.Struct):
    members: list[_Member] = msgspec.field(default_factory=list)
    copies: set[int] = msgspec.field(default_factory=set)


class Descriptors:
    """Descriptors in sets, each of which is closed when its time has come.

    Spec: QEMU: a set is in use while there are copies of its members, and is there as long. While
    the guest is stopped no member goes. Members go when they are removed, and when nobody is
    connected and the set isn't in use.

    Attributes:
        is_running: Says whether the guest runs.
        has_clients: Whether somebody is connected who may ask for a set.
    """

    def __init__(self, is_running: Callable[[], bool] = lambda: True) -> None:
        self.is_running: Callable[[], bool] = is_running
        self.has_clients: bool = True
        self._sets: dict[int, _Set] = {}

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
            raise CommandError(
                "GenericError", qemu_texts.expects("fdset-id", "a non-negative value")
            )
        if sum(len(found.members) for found in self._sets.values()) >= limits.NAMED_FDS:
            os.close(fd)
            raise CommandError("GenericError", f"there are {limits.NAMED_FDS} descriptors already")
        self._sets.setdefault(set_id, _Set()).members.append(_Member(fd, opaque))
        return {"fd": fd, "fdset-id": set_id}

    def remove_from_set(self, fdset_id: int, fd: int | None = None) -> None:
        """Close one descriptor of a set, or all of them; an empty set is gone if it isn't in use.

        Raises:
            CommandError: If there is no such set, or if it doesn't hold the descriptor.
        """
        found = self._sets.get(fdset_id)
        members = [] if found is None else found.members
        chosen = [member for member in members if fd is None or member.fd == fd]
        if found is None or (fd is not None and not chosen):
            where = f"fdset-id:{fdset_id}" if fd is None else f"fdset-id:{fdset_id}, fd:{fd}"
            raise _not_found(where)
        for member in chosen:
            member.is_removed = True
        self._clean(fdset_id)

    def describe_sets(self) -> list[JsonObject]:
        """Describe all sets as query-fdsets does, the highest number first."""
        return [
            {
                "fds": [
                    {"fd": member.fd}
                    if member.opaque is None
                    else {"fd": member.fd, "opaque": member.opaque}
                    for member in found.members
                ],
                "fdset-id": set_id,
            }
            for set_id, found in sorted(self._sets.items(), reverse=True)
        ]

    def open_path(self, path: str, flags: int, mode: int = 0o666) -> int:
        """Open a path, or take a copy of a descriptor where it names a set.

        Spec: QEMU: the access mode must be the one that is wanted, else EACCES; other flags are
        set as far as that can be done afterwards. The copy shares its position with what is copied.

        Raises:
            OSError: If it can't be had.
        """
        name = _SET_PATH.fullmatch(path)
        if name is None:
            return os.open(path, flags | os.O_CLOEXEC, mode)
        return _copied(self._member(name[1], flags), flags)

    def open_lasting(self, path: str, flags: int) -> int:
        """Do the same; a set is in use until close_lasting() is called.

        Raises:
            OSError: If it can't be had.
        """
        fd = self.open_path(path, flags)
        if name := _SET_PATH.fullmatch(path):
            self._sets[_set_number(name[1])].copies.add(fd)
        return fd

    def close_lasting(self, fd: int) -> None:
        """Close what open_lasting() has opened."""
        os.close(fd)
        for set_id, found in list(self._sets.items()):
            if fd in found.copies:
                found.copies.remove(fd)
                if not found.copies:
                    self._clean(set_id)

    def clean_sets(self) -> None:
        """Close what has no reason to be open any more."""
        for set_id in list(self._sets):
            self._clean(set_id)

    def close(self) -> None:
        """Close everything."""
        for found in self._sets.values():
            for member in found.members:
                os.close(member.fd)
        self._sets.clear()

    def _clean(self, set_id: int) -> None:
        found = self._sets[set_id]
        is_unused = not found.copies and not self.has_clients
        kept = []
        for member in found.members:
            if (member.is_removed or is_unused) and self.is_running():
                os.close(member.fd)
            else:
                kept.append(member)
        found.members = kept
        if not kept and not found.copies:
            del self._sets[set_id]

    def _member(self, set_id: str, flags: int) -> int:
        found = self._sets.get(_set_number(set_id))
        if found is None:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        for member in found.members:
            access = fcntl.fcntl(member.fd, fcntl.F_GETFL) & os.O_ACCMODE
            if access == flags & os.O_ACCMODE:
                return member.fd
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))


def name_received(names: NamedFds, name: str, received: list[int]) -> None:
    """Keep the first of the received descriptors under a name; an older one is closed.

    Raises:
        CommandError: If none was received, or if the name starts with a digit.
    """
    fd = _take_first(received)
    if name[:1] in "0123456789" and name:
        os.close(fd)
        raise CommandError(
            "GenericError", qemu_texts.expects("fdname", "a name not starting with a digit")
        )
    names.keep(name, fd)


def close_named(names: NamedFds, name: str) -> None:
    """Close the descriptor of a name.

    Raises:
        CommandError: If there is none.
    """
    if (fd := names.take(name)) is None:
        raise _not_found(name)
    os.close(fd)


def _set_number(text: str) -> int:
    if (found := _SET_NUMBER.fullmatch(text)) is None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return int(found[1])


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


def _take_first(received: list[int]) -> int:
    if not received:
        raise CommandError("GenericError", _NOTHING_SENT)
    for surplus in received[1:]:
        os.close(surplus)
    return received[0]


def _not_found(name: str) -> CommandError:
    return CommandError("GenericError", f"File descriptor named '{name}' not found")
