"""The users of a unix socket: the program that listens, and those that it serves.

A program that serves one client at a time, such as QEMU's monitor, lets others connect and says
nothing to them. From here they can learn whom they are waiting for.
"""

import os
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from qmpeer.messages.strangers import printable
from qmpeer.transport.peer_identity import process_name
from qmpeer.transport.unix_diag import sockets_at


class Process(msgspec.Struct, frozen=True, order=True):
    """A process.

    Attributes:
        pid: Its id.
        name: The name of its program; "" if that is unknown.
    """

    pid: int
    name: str

    def __str__(self) -> str:
        return f"pid {self.pid} ({self.name or 'unknown program'})"


class Users(msgspec.Struct, frozen=True):
    """The users of a unix socket.

    Attributes:
        listener: The process that listens; None if unknown.
        clients: The processes that it serves, except this one, as far as they can be seen.
        unseen: The number of its clients whose processes can't be seen; None if the kernel doesn't
            tell.
    """

    listener: Process | None = None
    clients: tuple[Process, ...] = ()
    unseen: int | None = None

    @property
    def is_held(self) -> bool:
        """True if it serves a client that isn't this process."""
        return bool(self.clients or self.unseen)

    def __str__(self) -> str:
        """Return a text with the holders of the socket, and with what isn't known."""
        if self.clients:
            verb = "hold" if len(self.clients) > 1 else "holds"
            return f"{', '.join(map(str, self.clients))} {verb} it"
        if self.unseen:
            return "a client holds it whose process can't be seen from here, perhaps another user's"
        who = "its server" if self.listener is None else f"its server, {self.listener},"
        if self.unseen is None:
            return f"{who} serves another client, or hangs"
        return f"{who} serves no other client, so it is busy or hangs"


def find_users(path: str) -> Users:
    """Find the users of the unix socket at a path.

    It connects to nothing. Without root, only processes of the same user can be found.

    Raises:
        OSError: If there is no such file.
    """
    os.stat(path)
    try:
        sockets = sockets_at(path)
    except OSError:
        return Users()
    listeners = {each.inode for each in sockets if each.listens}
    if not listeners:
        return Users()  # it belongs to another network namespace, such as a container's
    peers = {each.peer for each in sockets if not each.listens and each.peer}
    peers -= _own_sockets()
    holders = dict(socket_holders(listeners | peers))
    clients = {process for inode, process in holders.items() if inode in peers}
    return Users(
        next((holders[inode] for inode in listeners if inode in holders), None),
        tuple(sorted(clients)),
        len(peers - holders.keys()),
    )


def _own_sockets() -> set[int]:
    return set(_sockets_of(os.getpid()))


def socket_holders(inodes: set[int]) -> Iterator[tuple[int, Process]]:
    """Yield each of these sockets with each process that has it open, as far as can be seen."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            pid = int(entry)
            if held := inodes.intersection(_sockets_of(pid)):
                process = Process(pid, printable(process_name(pid) or ""))
                yield from ((inode, process) for inode in held)


def _sockets_of(pid: int) -> Iterator[int]:
    """Yield the sockets that a process has open, as far as that can be seen."""
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        with suppress(OSError):
            link = os.readlink(f"{folder}/{name}")
            if link.startswith("socket:["):
                yield int(link[8:-1])
