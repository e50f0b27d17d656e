"""Protection of sockets and connections from forked children of their process.

Right after a fork, the child replaces each of the parent's sockets by /dev/null. So nothing that
the child does reaches the parent's peers: it can't send, receive or shut down, and it can't remove
a descriptor from the epoll set that both processes share. Objects that own descriptors are
notified, and raise errors when the child uses them.

Programs started by subprocess or multiprocessing's spawn inherit no descriptor.

Spec: Linux, fork(2) and epoll(7): parent and child share open files and epoll sets.
"""

import os
import socket
from typing import Protocol
from weakref import WeakSet, ref


class ForkAware(Protocol):
    """An object with descriptors, which can't be used in a forked child."""

    def _disown(self, reason: str) -> None:
        """Mark the object as unusable: this process is a child of its owner.

        No other thread exists here, and vanished threads may still hold locks.
        """


_sockets: set[ref[socket.socket]] = set()  # a WeakSet takes a microsecond more for each socket
_forget_socket = _sockets.discard
_owned: WeakSet[ForkAware] = WeakSet()


def own_socket(sock: socket.socket) -> None:
    """Reserve a socket for this process."""
    os.set_inheritable(sock.fileno(), False)
    _sockets.add(ref(sock, _forget_socket))


def is_ours(sock: socket.socket) -> bool:
    """Return True if this process has reserved the socket."""
    return ref(sock) in _sockets


def own(thing: ForkAware) -> None:
    """Register an object whose _disown() is called in a forked child."""
    _owned.add(thing)


def _disown_all() -> None:
    # Lists first: a garbage collection may change the sets during the iteration.
    sockets, things = [sock for each in list(_sockets) if (sock := each())], list(_owned)
    _sockets.clear()
    _owned.clear()
    if sockets:
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for sock in sockets:
            if sock.fileno() >= 0:
                # The number stays open, so that a late close() can't hit another file.
                os.dup2(null, sock.fileno(), inheritable=False)
        os.close(null)
    reason = f"the connection belongs to process {os.getppid()}, which forked this one"
    for thing in things:
        thing._disown(reason)


os.register_at_fork(after_in_child=_disown_all)
