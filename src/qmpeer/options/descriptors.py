"""The file descriptors inherited, or received from clients: fd sets, and named descriptors.

Spec: QEMU, getfd, closefd, add-fd, remove-fd, query-fdsets, and -add-fd of its command line. A
command takes the first of the descriptors received last; the others of that message are closed.
Wherever QEMU takes a path, ``/dev/fdset/N`` stands for the descriptor in set N that was opened
with the access mode that is needed.
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


class _SetMember(msgspec.Struct):
    fd: int
    opaque: str | None
    is_removed: bool = False


class _FdSet(msgspec.Struct):
    members: list[_SetMember] = msgspec.field(default_factory=list)
    copies: set[int] = msgspec.field(default_factory=set)


class Descriptors:
    """The fd sets of one program; they close their members as QEMU does.

    Spec: QEMU: a set is in use while copies of its members are open, and exists at least as long.
    A member is closed after remove-fd, or when no client is connected and the set isn't in use.
    While the guest is stopped, no member is closed.

    Attributes:
        is_running: Returns whether the guest runs.
        has_clients: True if a client is connected to a QMP monitor.
    """

    def __init__(self, is_running: Callable[[], bool] = lambda: True) -> None:
        self.is_running: Callable[[], bool] = is_running
        self.has_clients: bool = True
        self._sets: dict[int, _FdSet] = {}

    def add_to_set(self, set_id: int | None, opaque: str | None, received: list[int]) -> JsonObject:
        """Put the first of the received descriptors into a set, by default into a new one.

        Returns:
            The numbers of the set and of the descriptor, as add-fd returns them.

        Raises:
            CommandError: If no descriptor was received, or the number of the set is negative.
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
        self._sets.setdefault(set_id, _FdSet()).members.append(_SetMember(fd, opaque))
        return {"fd": fd, "fdset-id": set_id}

    def remove_from_set(self, fdset_id: int, fd: int | None = None) -> None:
        """Close one descriptor of a set, or all; delete the set if it is then empty and not in use.

        Raises:
            CommandError: If there is no such set, or if the descriptor isn't in it.
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
        """Open a path; for ``/dev/fdset/N`` return a copy of a descriptor in set N.

        Spec: QEMU: a descriptor's access mode must equal the requested one, else EACCES. The other
        flags are set as far as the kernel allows. The copy and its original share one position.

        Raises:
            OSError: If the path can't be opened, or the set has no such descriptor.
        """
        name = _SET_PATH.fullmatch(path)
        if name is None:
            return os.open(path, flags | os.O_CLOEXEC, mode)
        return _copied(self._member(name[1], flags), flags)

    def open_lasting(self, path: str, flags: int) -> int:
        """Open a path as open_path() does; a set is then in use until close_lasting().

        Raises:
            OSError: As open_path().
        """
        fd = self.open_path(path, flags)
        if name := _SET_PATH.fullmatch(path):
            self._sets[_set_number(name[1])].copies.add(fd)
        return fd

    def close_lasting(self, fd: int) -> None:
        """Close a descriptor of open_lasting()."""
        os.close(fd)
        for set_id, found in list(self._sets.items()):
            if fd in found.copies:
                found.copies.remove(fd)
                if not found.copies:
                    self._clean(set_id)

    def clean_sets(self) -> None:
        """Close all members that nothing keeps open any more."""
        for set_id in list(self._sets):
            self._clean(set_id)

    def close(self) -> None:
        """Close all members of all sets."""
        for found in self._sets.values():
            for member in found.members:
                os.close(member.fd)
        self._sets.clear()

    def _clean(self, set_id: int) -> None:
        found = self._sets[set_id]
        is_unused = not found.copies and not self.has_clients
        kept = []
        for member in found.members:
            # As in QEMU, none is closed while the guest is stopped, which includes the start.
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
    """Store the first of the received descriptors under a name; close an older one of that name.

    Raises:
        CommandError: If no descriptor was received, or the name starts with a digit.
    """
    fd = _take_first(received)
    if name[:1] in "0123456789" and name:
        os.close(fd)
        raise CommandError(
            "GenericError", qemu_texts.expects("fdname", "a name not starting with a digit")
        )
    names.keep(name, fd)


def close_named(names: NamedFds, name: str) -> None:
    """Close the descriptor of this name.

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
        # F_SETFL ignores O_SYNC and O_TRUNC: refuse a difference in the one, apply the other here.
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
