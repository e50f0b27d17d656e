"""The connections, tasks, threads and descriptors that a test has left open.

Theory of operation. A look at this process before the test is compared with one behind it, when the
fixtures of the test are gone. What appeared meanwhile and is still there was left open. Loops and
their executors that belong to fixtures are gone by then, so they are no leak.

Clients are kept alive until then: otherwise one that nobody closed would be closed by the garbage
collector, and nobody would be told. Tasks can be seen only in their loop, so
`qmpeer.testing.tasks` looks for them at the end of the test's function.
"""

import asyncio
import functools
import gc
import os
import socket
import stat
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from types import FrameType
from typing import Any, Final

from qmpeer import limits
from qmpeer.client.watching import peer_of, was_closed, watched_clients
from qmpeer.display.safe_text import visible
from qmpeer.monitor import new_event_loop
from qmpeer.script.places import calling_place
from qmpeer.toml.place import Place

_FDS: Final = "/proc/self/fd"
_ANONYMOUS: Final = ("anon_inode:[eventpoll]",)
_TOOLS: Final = frozenset(
    {"_pydevd_bundle", "coverage", "debugpy", "execnet", "pydevd", "pytest_timeout", "xdist"}
)
"""Packages whose threads belong to the tools around a test."""
_POOLS: Final = frozenset({"anyio", "trio"})
"""Packages with pools of threads that wait a while for further work."""
_EXECUTOR: Final = "asyncio_"
"""The beginning of the names of an event loop's own executor's threads: they end with the loop."""


class LeakWatch:
    """A watch for what is left open from its making to `leaks`.

    Args:
        clock: Returns seconds, for the times in the report.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        _make_first_loop()
        self._clock = clock
        self._began = clock()
        self._clients: list[tuple[Any, Place, float]] = []
        self._tasks: list[str] = []
        self._threads = set(threading.enumerate())
        self._descriptors = set(_descriptors())
        self._watching = ExitStack()
        self._watching.enter_context(watched_clients(self._opened))

    def _opened(self, client: object) -> None:
        if len(self._clients) < limits.TESTING_LEAKS:
            self._clients.append((client, calling_place(), self._clock() - self._began))

    def body_ended(self, tasks: list[str] | None = None) -> None:
        """Take the end of the test's function, and the tasks that are left then."""
        self._tasks += tasks or []
        # A server may have ended a connection, which is no leak; ours do so soon.
        self._clients = [each for each in self._clients if not each[0].is_closed]

    def close(self) -> None:
        """Stop watching."""
        self._watching.close()
        self._clients.clear()

    def leaks(self) -> list[str]:
        """Return the text of each leak, and stop watching."""
        found = [*self._connections(), *self._tasks]
        self.close()
        if any(self._left()):
            gc.collect()  # what only a cycle of garbage holds isn't in use
            self._await_threads()
        found += [text for text, is_left in self._left() if is_left()]
        return found

    def _connections(self) -> Iterator[str]:
        for client, place, seconds in self._clients:
            if was_closed(client):
                continue
            kind, peer = type(client).__name__, visible(peer_of(client))
            how = "async with" if kind.startswith("Async") else "with"
            yield (
                f"connection: {kind} to {peer}, opened at {place}, {seconds:.2f} s after the "
                f"test began; close it, or use `{how}`"
            )
            if hasattr(client, "fileno"):
                client.close()  # so that its descriptor isn't told too

    def _left(self) -> Iterator[tuple[str, Callable[[], bool]]]:
        """Give threads and descriptors that weren't there before: a text, and a second look."""
        for thread in threading.enumerate():
            if thread not in self._threads and not _is_of_tool(thread):
                yield f"thread: {_thread_text(thread)}", thread.is_alive
        new = [each for each in _descriptors() if each not in self._descriptors]
        own = _tools_descriptors() | _loops_descriptors() if new else set[int]()
        for entry in new:
            number, target = entry
            if number not in own:
                yield (
                    f"descriptor: {number}, {_descriptor_text(number, target)}",
                    lambda entry=entry: entry in set(_descriptors()),  # type: ignore[misc]
                )

    def _await_threads(self) -> None:
        """Give threads that are about to end a moment."""
        deadline = time.monotonic() + limits.TESTING_MOMENT
        for thread in threading.enumerate():
            if thread not in self._threads and not _is_of_tool(thread):
                thread.join(max(0.0, deadline - time.monotonic()))


def leaks_text(leaks: list[str]) -> str:
    """Return a report of what is left open."""
    most = limits.TESTING_LEAKS
    kinds = Counter(each.partition(":")[0] for each in leaks)
    counts = [f"{count} {kind}{'s' * (count > 1)}" for kind, count in kinds.items()]
    lines = [f"  {each}" for each in leaks[:most]]
    if len(leaks) > most:
        lines.append(f"  … and {len(leaks) - most} more")
    return "\n".join([f"the test has left open: {', '.join(counts)}", *lines])


@functools.cache
def _make_first_loop() -> None:
    """Make the process's first loop: that of uvloop opens a pipe for good."""
    new_event_loop().close()


# Threads


def _is_of_tool(thread: threading.Thread) -> bool:
    """Return whether a thread belongs to a tool around the test, or is idle in a library's pool."""
    if thread.name.startswith(_EXECUTOR):
        return True
    packages = [
        str(frame.f_globals.get("__name__", "")).partition(".")[0] for frame in _frames(thread)
    ]
    innermost = next((each for each in packages if each not in sys.stdlib_module_names), "")
    return innermost in _POOLS or not _TOOLS.isdisjoint(packages)


def _frames(thread: threading.Thread) -> Iterator[FrameType]:
    """Give a thread's frames, the innermost first."""
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _thread_text(thread: threading.Thread) -> str:
    library = os.path.dirname(os.__file__) + os.sep
    for frame in _frames(thread):
        code = frame.f_code
        if not code.co_filename.startswith((library, "<")):
            place = f"{_short(code.co_filename)}:{frame.f_lineno}"
            return f"{thread.name!r}, still in {code.co_name}() at {place}; join it"
    return f"{thread.name!r}, still alive; join it"


def _short(file: str) -> str:
    return file.removeprefix(os.path.join(os.getcwd(), ""))


# Descriptors


def _descriptors() -> list[tuple[int, str]]:
    """Return the open descriptors with what they point to; [] where the system doesn't tell."""
    found = []
    with suppress(OSError):
        for name in os.listdir(_FDS):
            with suppress(OSError):  # that of the listing itself
                target = os.readlink(f"{_FDS}/{name}")
                if target not in _ANONYMOUS:
                    found.append((int(name), target))
    return found


def _tools_descriptors() -> set[int]:
    """Return the descriptors that Python's own modules keep open until the end of the process."""
    tracker = sys.modules.get("multiprocessing.resource_tracker")
    server = sys.modules.get("multiprocessing.forkserver")
    found = {
        getattr(getattr(tracker, "_resource_tracker", None), "_fd", None),
        getattr(getattr(server, "_forkserver", None), "_forkserver_alive_fd", None),
    }
    return {each for each in found if each is not None}


def _loops_descriptors() -> set[int]:
    """Return the pairs of sockets by which open event loops are woken.

    pytest-asyncio before 1.0 leaves a new loop behind after each test.
    """
    loops = (each for each in gc.get_objects() if issubclass(type(each), asyncio.BaseEventLoop))
    pairs = [(getattr(loop, "_ssock", None), getattr(loop, "_csock", None)) for loop in loops]
    return {sock.fileno() for pair in pairs for sock in pair if sock is not None}


def _descriptor_text(number: int, target: str) -> str:
    try:
        mode = os.fstat(number).st_mode
        if stat.S_ISSOCK(mode):
            return _socket_text(number)
    except OSError:
        return visible(target)
    if stat.S_ISFIFO(mode):
        return "an end of a pipe"
    return f"{'a folder' if stat.S_ISDIR(mode) else 'open on'} {visible(target)}"


def _socket_text(number: int) -> str:
    with socket.socket(fileno=os.dup(number)) as sock:
        kind = {socket.AF_UNIX: "unix", socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6"}
        text = f"a socket ({kind.get(sock.family, sock.family.name)})"
        with suppress(OSError):
            if own := sock.getsockname():
                text += f" at {_address_text(own)}"
        with suppress(OSError):
            if peer := sock.getpeername():
                text += f" connected to {_address_text(peer)}"
        return text


def _address_text(address: Any) -> str:
    if isinstance(address, tuple):
        return f"{address[0]}:{address[1]}"
    return visible(os.fsdecode(address))
