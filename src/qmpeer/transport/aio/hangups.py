"""Detection of hang-ups while nothing is read from the peer.

A loop watches a descriptor only for reading or writing. epoll reports hang-ups even if no other
event is requested. So all sockets whose reading is paused are in a separate epoll, and the loop
watches that epoll.

Spec: QEMU notices a unix client that closed while its commands wait, and greets the next one.
"""

import asyncio
import select
from collections.abc import Callable
from weakref import WeakKeyDictionary


class _Watch:
    """The watched sockets of one loop; it exists while there are any."""

    __slots__ = ("_callbacks", "_epoll", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[], None]] = {}
        loop.add_reader(self._epoll.fileno(), self._look)

    def add(self, fd: int, callback: Callable[[], None]) -> None:
        self._callbacks[fd] = callback
        self._epoll.register(fd, 0)

    def remove(self, fd: int) -> None:
        if self._callbacks.pop(fd, None) is not None:
            self._epoll.unregister(fd)
        if not self._callbacks:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            del _watches[self._loop]

    def _look(self) -> None:
        for fd, _ in self._epoll.poll(0):
            callback = self._callbacks[fd]
            self.remove(fd)  # first: it is reported once, and the callback may close it
            callback()
            if self._epoll.closed:  # no socket is left
                break


_watches: "WeakKeyDictionary[asyncio.AbstractEventLoop, _Watch]" = WeakKeyDictionary()


def watch_hangup(loop: asyncio.AbstractEventLoop, fd: int, callback: Callable[[], None]) -> None:
    """Call a function, once, when both directions of a socket are closed."""
    watch = _watches.get(loop)
    if watch is None:
        watch = _watches[loop] = _Watch(loop)
    watch.add(fd, callback)


def unwatch_hangup(loop: asyncio.AbstractEventLoop, fd: int) -> None:
    """Stop watching a socket. Idempotent."""
    watch = _watches.get(loop)
    if watch is not None:
        watch.remove(fd)


def is_hung_up(fd: int) -> bool:
    """Return True if both directions of a socket are closed, or the other end of a pty is."""
    poll = select.poll()
    poll.register(fd, 0)
    return bool(poll.poll(0))
