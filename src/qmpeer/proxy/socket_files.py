"""The files of unix sockets: who is behind one, and moves that overwrite nothing.

Spec: Linux, renameat2(2): RENAME_NOREPLACE and RENAME_EXCHANGE, each in one step.
"""

import ctypes
import errno
import os
import socket
import stat
import zlib
from collections.abc import Callable
from enum import Enum
from typing import Final

from qmpeer import limits
from qmpeer.transport.unix_diag import sockets_at

_AT_FDCWD: Final = -100
_NO_REPLACE: Final = 1
_EXCHANGE: Final = 2
_SUFFIX: Final = ".qmpeer-behind"


class Found(Enum):
    """The findings about a path."""

    NOTHING = "nothing"
    NO_SOCKET = "a file that is no socket"
    DEAD = "a socket on which nobody listens"
    ALIVE = "a socket on which somebody listens"


def look_at(path: str) -> Found:
    """Return what is at a path.

    It connects there only if the kernel's list has no listener for the file, as when the list
    isn't there. A socket that can't be connected to for another reason counts as alive.

    Spec: QEMU 7.2 resets a client that connects right behind one that leaves at once, or doesn't
    answer it: a monitor is no place to knock.
    """
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return Found.NO_SOCKET
        if _has_listener(path):
            return Found.ALIVE
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            probe.connect(path)
    except FileNotFoundError:
        return Found.NOTHING
    except ConnectionRefusedError:
        return Found.DEAD
    except OSError:
        return Found.ALIVE
    return Found.ALIVE


def _has_listener(path: str) -> bool:
    try:
        return any(each.listens for each in sockets_at(path))
    except OSError:
        return False  # not known


class PinnedFile:
    """A file whose number isn't given to another one while this object has it open.

    Args:
        path: Its path.

    Raises:
        OSError: If it can't be opened.

    Attributes:
        status: Its status when it was opened.
    """

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        self.status: os.stat_result = os.fstat(self._fd)

    def is_at(self, path: str) -> bool:
        """Return True if the file at a path is this one."""
        try:
            return os.path.samestat(os.lstat(path), self.status)
        except OSError:
            return False

    def close(self) -> None:
        """Release it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def moved_path(path: str) -> str:
    """Return the path beside a socket to which it is moved; always the same one.

    Raises:
        OSError: If one of the two paths is too long.
    """
    moved = path + _SUFFIX
    if len(os.fsencode(moved)) > limits.UNIX_PATH:
        folder, name = os.path.split(path)
        moved = os.path.join(folder, f".q{zlib.crc32(os.fsencode(name)):08x}")
    for each in (path, moved):
        if (size := len(os.fsencode(each))) > limits.UNIX_PATH:
            reason = f"found {size} bytes, expected at most {limits.UNIX_PATH}"
            raise OSError(f"the path {each!r} is too long for a socket: {reason}")
    return moved


def move(source: str, target: str) -> None:
    """Rename a file to a name that is free.

    Raises:
        FileExistsError: If it isn't.
        OSError: If the file can't be renamed.
    """
    _rename(source, target, _NO_REPLACE)


def exchange(one: str, other: str) -> None:
    """Exchange the names of two files in one step.

    Raises:
        OSError: If that isn't possible.
    """
    _rename(one, other, _EXCHANGE)


def _rename(source: str, target: str, flags: int) -> None:
    call: Callable[..., int] | None = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        number = errno.ENOSYS
    elif not call(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), flags):
        return
    else:
        number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL):
        folder = os.path.dirname(source)
        raise OSError(f"the file system of {folder} can't exchange two names (renameat2)")
    raise OSError(number, os.strerror(number), source, None, target)
