"""Group commit: what waits until records are on the disk goes on, many at a time, in order.

One thread syncs. While it does, further records come together, and the next sync is for all of
them. It begins at the end of the loop's turn, so that all commands of one read share it.
"""

import asyncio
import errno
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from queue import SimpleQueue
from typing import Final, Protocol

_Job = tuple[int, tuple[int, ...]]
"""The number of the last record that a sync is for, and the files."""


class Written(Protocol):
    """The file that is synced.

    Attributes:
        last: The number of the last record in it.
        fd: Its descriptor.
    """

    last: int
    fd: int


class Commits:
    """The syncs of one log, on one event loop.

    Args:
        written: The file.
        sync: Writes a file's data to the disk, as os.fdatasync does, or raises OSError.
        pause: Seconds between a record that nothing waits for and its sync.
        on_error: Called with the first error of a row. The records since the last sync may not be
            on the disk then.
    """

    def __init__(
        self,
        written: Written,
        sync: Callable[[int], None],
        pause: float,
        on_error: Callable[[OSError], None],
    ) -> None:
        self._written = written
        self._sync = sync
        self._pause = pause
        self._on_error = on_error
        self._is_failing = False
        self._is_closed = False
        self._waiting: deque[tuple[int, Callable[[], None], Callable[[OSError], None]]] = deque()
        self._synced = 0
        self._is_due = False  # a sync is running, or is about to begin
        self._timer: asyncio.TimerHandle | None = None
        self._full: list[int] = []  # rotated files that aren't synced yet
        self._jobs: Final[SimpleQueue[_Job | None]] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def wait(
        self, number: int, go_on: Callable[[], None], give_up: Callable[[OSError], None]
    ) -> None:
        """Call one of two functions once a record is on the disk, or can't be brought there."""
        if number <= self._synced and not self._waiting:
            go_on()
            return
        self._waiting.append((number, go_on, give_up))
        self._soon()

    def touch(self) -> None:
        """Note that a record was written for which nothing waits."""
        if self._timer is None and not self._is_due:
            self._timer = asyncio.get_running_loop().call_later(self._pause, self._soon)

    def retire(self, fd: int) -> None:
        """Sync a file to which nothing more is written, and close it."""
        self._full.append(fd)
        self._soon()

    def _soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        if self._is_closed:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            thread = threading.Thread(target=self._run, name="qmpeer-audit", daemon=True)
            try:
                thread.start()
            except RuntimeError as failure:  # no more threads; the next record tries again
                self._done(self._written.last, (), OSError(errno.EAGAIN, str(failure)))
                return
            self._thread = thread
        self._jobs.put((self._written.last, (*self._full, self._written.fd)))

    def _run(self) -> None:
        assert self._loop is not None
        while (job := self._jobs.get()) is not None:
            number, files = job
            error = None
            try:
                for fd in files:
                    self._sync(fd)
            except OSError as failure:
                error = failure
            with suppress(RuntimeError):  # the loop was closed meanwhile
                self._loop.call_soon_threadsafe(self._done, number, files[:-1], error)

    def _done(self, number: int, full: tuple[int, ...], error: OSError | None) -> None:
        self._is_due = False
        for fd in full:  # also after an error: Linux reports it once, and drops the data
            if fd in self._full:
                self._full.remove(fd)
                close_quietly(fd)
        if error is None:
            self._synced = max(self._synced, number)
        try:
            self._note(error)
        finally:
            self._let_go(number, error)

    def _let_go(self, number: int, error: OSError | None) -> None:
        """Let go what waits for the records up to this one; then see to later ones."""
        try:
            while self._waiting and self._waiting[0][0] <= number:
                _, go_on, give_up = self._waiting.popleft()
                go_on() if error is None else give_up(error)
        finally:
            # One that raises holds up no others. They get this result, not that of the next sync:
            # Linux tells of an error once.
            if self._waiting and self._waiting[0][0] <= number:
                asyncio.get_running_loop().call_soon(self._let_go, number, error)
            elif self._waiting:
                self._soon()
            elif self._written.last > number:
                self.touch()

    def _note(self, error: OSError | None) -> None:
        was_failing, self._is_failing = self._is_failing, error is not None
        if error is not None and not was_failing:
            self._on_error(error)

    def close(self) -> None:
        """Sync what was written, and let go what waits; blocks for two syncs at most."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
        error = None
        try:
            for fd in (*self._full, self._written.fd):
                self._sync(fd)
        except OSError as failure:
            error = failure
        full, self._full = self._full, []
        for fd in full:
            close_quietly(fd)
        waiting, self._waiting = self._waiting, deque()
        with ExitStack() as stack:  # calls all, also if one raises, from the last one added
            for _, go_on, give_up in reversed(waiting):
                if error is None:
                    stack.callback(go_on)
                else:
                    stack.callback(give_up, error)
            self._note(error)


def close_quietly(fd: int) -> None:
    """Close a file; there is nothing to do about an error."""
    with suppress(OSError):
        os.close(fd)
