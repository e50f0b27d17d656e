"""The opener: opens the files of a command in the server's place, and passes their descriptors.

The server gets ``/dev/fdset/N`` in the place of a path. Nobody can put another file there between
the judgement and the opening. A set stays while a block node uses it, and is removed then, as are
those that clients leave behind.

Spec: QEMU, qemu_open(): of a set it takes a descriptor with the access that it wants, which may
change while the node is there. So a set has one for reading and one for reading and writing.
"""

import errno
import itertools
import os
import secrets
from typing import Final

from qmpeer import limits
from qmpeer.errors import CommandError
from qmpeer.policy.held_files import HeldFiles
from qmpeer.policy.opened_files import FileToOpen, files_to_open, with_names
from qmpeer.policy.rules import Rule
from qmpeer.proxy.descriptors import Descriptors
from qmpeer.proxy.own_requests import OwnRequests
from qmpeer.proxy.request import Request
from qmpeer.transport.descriptors import close_all
from qmpeer.values import JsonObject

_READ_ONLY: Final = (errno.EACCES, errno.EPERM, errno.EROFS)


class OpeningError(Exception):
    """A file that can't be opened for the server."""


class _Opening:
    """The holder of a set until the command that uses it is answered."""

    __slots__ = ("_request",)

    def __init__(self, request: Request) -> None:
        self._request = request

    @property
    def has_left(self) -> bool:
        """True once the set may go, unless a block node uses it."""
        return self._request.is_answered


class FileOpener:
    """The opener of a proxy.

    Args:
        own: Passes the descriptors.
        descriptors: Knows whose they are.
    """

    __slots__ = ("_descriptors", "_numbers", "_own")

    def __init__(self, own: OwnRequests, descriptors: Descriptors) -> None:
        self._own = own
        self._descriptors = descriptors
        self._numbers = itertools.count(
            # A set of an earlier proxy may still be there, with another file in it.
            limits.PROXY_FD_SETS + secrets.randbelow(limits.PROXY_FD_SETS)
        )

    async def open(
        self, request: Request, rule: Rule, arguments: JsonObject, files: HeldFiles
    ) -> JsonObject:
        """Open the files in a request that a rule has allowed; return its arguments with sets.

        Raises:
            OpeningError: If one can't be opened or passed.
        """
        self._descriptors.sweep()
        names: dict[tuple[str | int, ...], str] = {}
        for file in files_to_open(arguments, rule.opened):
            number = await self._pass(request, file, files)
            names[file.way] = f"/dev/fdset/{number}"
        return with_names(arguments, names)

    async def _pass(self, request: Request, file: FileToOpen, files: HeldFiles) -> int:
        """Pass the descriptors of one file; return the number of their set."""
        number = next(self._numbers)
        fds = _opened(file, files)
        self._descriptors.promise(number, _Opening(request))
        try:
            while fds:
                fd = fds.pop()
                opaque = f"client {request.requester.number}: {file.name}"
                passed: JsonObject = {"fdset-id": number, "opaque": opaque}
                await self._own.execute("add-fd", passed, fds=(fd,))
        except CommandError as error:
            raise OpeningError(f"the server doesn't take its descriptor: {error.desc}") from error
        finally:
            self._descriptors.promise(number, None)
            close_all(fds)
        return number


def _opened(file: FileToOpen, files: HeldFiles) -> list[int]:
    """Return descriptors of a file: the last one for reading, the other for writing, too."""
    fds: list[int] = []
    try:
        if not file.is_read_only:
            try:
                fds.append(files.open(file.name, os.O_RDWR))
            except OSError as error:
                if error.errno not in _READ_ONLY:  # otherwise the server finds that
                    raise
        fds.append(files.open(file.name, os.O_RDONLY))
    except (OSError, ValueError) as error:
        close_all(fds)
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise OpeningError(f"{'.'.join(map(str, file.way))}: {reason}") from error
    return fds
