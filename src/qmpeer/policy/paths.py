"""Paths as the server would open them: resolved in its own mount namespace, below its own root.

A path is walked name by name, from the root of the server's process. Each name is opened without
following it, so ``..``, symbolic links and the server's ``chroot`` are resolved as the kernel would
do it for the server. The folder of a rule is walked in the same way, and both results are compared.

What isn't certain isn't judged: a relative path, a text that QEMU may take for a protocol, a set of
descriptors, a link in /proc, a link to nothing, and anything that this process mayn't look at.

Between the check and the server's own open, somebody who may write to the folder can put a link in
the place of a file. So the folder must belong to people whom the policy trusts; a rule with
``open`` has no such gap, since there the proxy opens the file and the server gets its descriptor.
Hard links and mounts can't be told from files that were there always.

Spec: Linux, path_resolution(7), proc(5); QEMU, path_has_protocol() and qemu_open().
"""

import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final, Self

import msgspec

from qmpeer import limits
from qmpeer.messages.strangers import shown_text
from qmpeer.policy.rules import Facts
from qmpeer.values import JsonValue

_PROTOCOL: Final = re.compile(r"[^/]*:")
_FD_SET: Final = "/dev/fdset/"
_WALK: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_ROOT: Final = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


def under_failure(value: JsonValue, folder: str, facts: Facts) -> str | None:
    """Return why a value isn't a path under a folder: "found …, expected …"; None if it is.

    Raises:
        ValueError: If that can't be judged, with the reason.
    """
    if not isinstance(value, str):
        return f"found no text, expected a path under {folder}"
    return facts.under(value, folder)


class Place(msgspec.Struct, frozen=True):
    """A path that was walked to its end.

    Attributes:
        names: The names from the root to it, in which nothing is left to resolve.
        fd: A descriptor of what is there, opened with O_PATH; None if nothing is.
    """

    names: tuple[bytes, ...]
    fd: int | None

    def is_under(self, folder: "Place") -> bool:
        """Return True if it is inside a folder, at any depth."""
        depth = len(folder.names)
        return len(self.names) > depth and self.names[:depth] == folder.names


class ServerFiles:
    """The files of a server, as its process sees them.

    Args:
        folder: A folder that stays open: /proc/PID of the process, or the root itself.
        root: The name of the root in it.
        mounts: The list of mounts that holds for it.

    Example:
        >>> files = ServerFiles.of_this_machine()
        >>> print(files.under("/usr/bin/../../etc/passwd", "/usr"))
        found "/usr/bin/../../etc/passwd", expected a path under /usr once links are resolved
    """

    __slots__ = ("_folder", "_mounts", "_root")

    def __init__(self, folder: int, root: str, mounts: str) -> None:
        self._folder = folder
        self._root = root
        self._mounts = mounts

    @classmethod
    def of_process(cls, pid: int) -> Self:
        """Return the files of a process. If it ends, nothing can be judged any more.

        Raises:
            OSError: If there is no such process, or if this one mayn't look at its files.
        """
        folder = os.open(f"/proc/{pid}", _ROOT)
        try:
            os.close(os.open("root", _ROOT, dir_fd=folder))
        except OSError:
            os.close(folder)
            raise
        return cls(folder, "root", "mountinfo")

    @classmethod
    def below(cls, root: str) -> Self:
        """Return the files of servers whose root is a folder of this process.

        Raises:
            OSError: If it is none.
        """
        return cls(os.open(root, _ROOT), ".", "/proc/self/mountinfo")

    @classmethod
    def of_this_machine(cls) -> Self:
        """Return the files as this process sees them."""
        return cls.below("/")

    def close(self) -> None:
        """Close it; nothing can be judged any more."""
        folder, self._folder = self._folder, -1
        if folder >= 0:
            os.close(folder)

    def under(self, path: str, folder: str) -> str | None:
        """Return None if the server would open a path under a folder, and else why it wouldn't.

        The path may name a file that isn't there yet, if its folder is there.

        Raises:
            ValueError: If that can't be judged. Its `__cause__` gives the reason, unless the text
                of the path does.
        """
        with ExitStack() as stack:
            return placement_failure(
                path, folder, lambda each: stack.enter_context(self.walked(each))
            )

    def head(self, path: str, size: int) -> bytes | None:
        """Return the first bytes of a file; None if there is none.

        Raises:
            ValueError: If it can't be read, or isn't a file or a block device.
        """
        with self.walked(path) as place:
            return head_of(place, path, size)

    @contextmanager
    def walked(self, path: str) -> Iterator[Place]:
        """Walk a path to its end, and hold open what is there.

        Raises:
            ValueError: If it can't be resolved for certain.
        """
        fds: list[int] = []
        try:
            yield self._walk(path, fds)
        except OSError as error:
            raise _unresolved(path, error.strerror) from None
        finally:
            for fd in fds:
                os.close(fd)

    def _walk(self, path: str, fds: list[int]) -> Place:
        """Walk a path; `fds` becomes the descriptors of the root and of each name."""
        pending = _names(_checked(path))
        fds.append(self._open_root())
        names: list[bytes] = []
        links = 0
        is_from_link = False  # what is missing at the end was named by a link
        while pending:
            name = pending.pop()
            if name == b"..":
                if names:
                    names.pop()
                    os.close(fds.pop())
                continue
            try:
                fd = os.open(name, _WALK, dir_fd=fds[-1])
            except FileNotFoundError:
                if pending or is_from_link:
                    raise
                return Place((*names, name), None)
            status = os.fstat(fd)
            if not stat.S_ISLNK(status.st_mode):
                names.append(name)
                fds.append(fd)
                continue
            try:
                target = self._read_link(path, fd, status.st_dev)
            finally:
                os.close(fd)
            links += 1
            if links > limits.PATH_LINKS:
                raise _unresolved(path, f"more than {limits.PATH_LINKS} links")
            is_from_link = is_from_link or not pending
            if target.startswith(b"/"):
                names.clear()
                while len(fds) > 1:
                    os.close(fds.pop())
            pending += _names(target)
        return Place(tuple(names), fds[-1])

    def _open_root(self) -> int:
        try:
            return os.open(self._root, _ROOT, dir_fd=self._folder)
        except OSError:
            raise ValueError("the process of the server has gone or can't be seen") from None

    def _read_link(self, path: str, fd: int, device: int) -> bytes:
        # A link of /proc leads to a thing, whatever its text says, and depends on who asks.
        if os.major(device) == 0 and device in self._proc_devices():
            raise _unresolved(path, "a link in /proc")
        return os.readlink(b"", dir_fd=fd)

    def _proc_devices(self) -> set[int]:
        """Return the devices of all file systems that are a /proc.

        Spec: proc(5), /proc/PID/mountinfo.
        """
        found: set[int] = set()
        fd = os.open(self._mounts, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._folder)
        with open(fd, "rb") as lines:
            for line in lines:
                before, _, after = line.partition(b" - ")
                if after.startswith(b"proc "):
                    major, _, minor = before.split(b" ", 3)[2].partition(b":")
                    found.add(os.makedev(int(major), int(minor)))
        return found


def placement_failure(path: str, folder: str, walk: Callable[[str], Place]) -> str | None:
    """Return why a path doesn't lie under a folder: "found …, expected …"; None if it does.

    Args:
        path: The path.
        folder: The folder.
        walk: Walks a path to its end, as `ServerFiles.walked` does.

    Raises:
        ValueError: If that can't be judged. Its `__cause__` gives the reason, unless the text of
            the path does.
    """
    # The text is the same whether there is such a file or not: who asks mustn't learn that.
    failure = f"found {_shown(path)}, expected a path under {folder} once links are resolved"
    _checked(path)
    try:
        return None if walk(path).is_under(walk(folder)) else failure
    except ValueError as error:
        raise ValueError(failure) from error


def head_of(place: Place, path: str, size: int) -> bytes | None:
    """Return the first bytes of the file at a place; None if there is none.

    Raises:
        ValueError: If it can't be read, or isn't a file or a block device.
    """
    if place.fd is None:
        return None
    try:
        fd = open_again(place.fd, os.O_RDONLY)
    except OSError as error:
        raise _unresolved(path, error.strerror) from None
    try:
        return os.pread(fd, size, 0)
    except OSError as error:
        raise _unresolved(path, error.strerror) from None
    finally:
        os.close(fd)


def open_again(fd: int, flags: int) -> int:
    """Return a new descriptor, for reading or writing, of the file that one of O_PATH stands for.

    Raises:
        OSError: If that isn't allowed.
        ValueError: If it is neither a regular file nor a block device.
    """
    mode = os.fstat(fd).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
        raise ValueError("found neither a file nor a block device")
    return os.open(f"/proc/self/fd/{fd}", flags | os.O_CLOEXEC | os.O_NONBLOCK)


def _checked(path: str) -> bytes:
    """Return the bytes of an absolute path."""
    if path.startswith(_FD_SET):
        raise ValueError(f"found {_shown(path)}, a set of descriptors, expected a path")
    if _PROTOCOL.match(path):
        raise ValueError(f"found {_shown(path)}, which may name a protocol, expected a path")
    if not path.startswith("/"):
        raise ValueError(f"found {_shown(path)}, expected an absolute path")
    try:
        data = path.encode()
    except UnicodeEncodeError:
        data = b"\0"
    if b"\0" in data:
        raise ValueError(f"found {_shown(path)}, expected a path without NUL or halves of pairs")
    if len(data) >= limits.PATH_SIZE:
        raise ValueError(f"found {len(data)} bytes, expected less than {limits.PATH_SIZE}")
    return data


def _names(path: bytes) -> list[bytes]:
    """Return the names of a path, the last one first."""
    return [name for name in reversed(path.split(b"/")) if name not in (b"", b".")]


def _unresolved(path: str, why: str | None) -> ValueError:
    return ValueError(f"found {_shown(path)}, which can't be resolved: {why}")


def _shown(text: str) -> str:
    return f'"{shown_text(text)}"'
