"""Sockets and connections belong to the process that opened them: a forked child has none of them.

Right after a fork each of the parent's descriptors is replaced by one of /dev/null in the child. So
nothing that the child does reaches the parent's peers: no byte is sent or taken, nothing is shut
down, and a descriptor that an event loop watches isn't taken out of the set that both processes
share. What stands on the descriptors is told, and says so when it is used.

Programs that are started, by subprocess or multiprocessing's spawn, inherit no descriptor.

Spec: Linux, fork(2) and epoll(7): descriptors share what they stand for, and so do epoll sets.
"""

import os
import socket
from typing import Protocol
from weakref import WeakSet, ref


class ForkAware(Protocol):
    """What stands on descriptors, and is used no more in a forked child."""

    def _disown(self, reason: str) -> None:
        """Take in that this is another process than the one it belongs to.

        No other thread exists, and locks may be held by those that did.
        """


_sockets: set[ref[socket.socket]] = set()  # no WeakSet: that takes a microsecond more for each
_forget_socket = _sockets.discard
_owned: WeakSet[ForkAware] = WeakSet()


def own_socket(sock: socket.socket) -> None:
    """Take a socket for this process alone."""
    os.set_inheritable(sock.fileno(), False)
    _sockets.add(ref(sock, _forget_socket))


def is_ours(sock: socket.socket) -> bool:
    """Return True in the process that took the socket for itself."""
    return ref(sock) in _sockets


def own(thing: ForkAware) -> None:
    """Register something that is told when it finds itself in a forked child."""
    _owned.add(thing)


def _disown_all() -> None:
    sockets, things = [sock for each in list(_sockets) if (sock := each())], list(_owned)
    _sockets.clear()
    _owned.clear()
    if sockets:
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for sock in sockets:
            if sock.fileno() >= 0:
                os.dup2(null, sock.fileno(), inheritable=False)
        os.close(null)
    reason = f"the connection belongs to process {os.getppid()}, which forked this one"
    for thing in things:
        thing._disown(reason)


os.register_at_fork(after_in_child=_disown_all)
