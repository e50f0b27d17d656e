"""Threads for the handlers that don't run on the loop: our own, or the program's.

Everything here runs on the event loop's thread, except `CallSoon` and the work itself.
"""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

from qmpeer import limits
from qmpeer.errors import CommandError
from qmpeer.values import JsonValue

ENDING: Final = (SystemExit, KeyboardInterrupt)
"""Exceptions that end the monitor when a handler raises them."""

CallSoon: TypeAlias = Callable[[Callable[[], None]], object]
"""Calls a function soon, in a thread of the caller's choice, and returns at once."""
Done: TypeAlias = Callable[[JsonValue, BaseException | None], None]
"""Takes a handler's result, or the exception that it raised."""


class Blocking:
    """A command that may block and is still to be run in a thread.

    Call it in that thread. It returns the command's result or raises its error.

    Attributes:
        is_exclusive: True if no other in-band command may start meanwhile.
    """

    __slots__ = ("_work", "is_exclusive")

    def __init__(self, work: Callable[[], JsonValue], is_exclusive: bool) -> None:
        self._work = work
        self.is_exclusive: bool = is_exclusive

    def __call__(self) -> JsonValue:
        """Run the command."""
        return self._work()


class Threads:
    """A pool of threads, with a new thread for each piece of work.

    They are daemon threads, so a handler that never returns doesn't stop the program from ending.

    Attributes:
        is_for_all: True if all sync handlers run here, those that aren't blocking one at a time:
            the program has provided a thread for them.
    """

    def __init__(self) -> None:
        self.is_for_all: bool = False
        self._call: CallSoon | None = None
        self._count = 0
        self._waiting: dict[object, tuple[Callable[[], None], Callable[[Exception], object]]] = {}

    def hand_over(self, call: CallSoon | None) -> None:
        """Run all work through ``call``, in a thread of the program's choice, without a limit."""
        self._call = call
        self.is_for_all = call is not None

    def run(
        self,
        loop: asyncio.AbstractEventLoop,
        owner: object,
        name: str,
        work: Blocking,
        done: Done,
    ) -> None:
        """Run work in a thread, now or when one is free.

        Args:
            loop: The loop in which ``done`` is called.
            owner: The key for `forget` while the work waits; each owner has at most one work.
            name: The command's name, for the thread's name.
            work: The work.
            done: Called with the result.

        Raises:
            CommandError: If too many commands are waiting already.
            RuntimeError: If no thread can be started.
        """
        if self._call is not None:
            self._call(partial(_do, loop, work, done, is_ours=False))
            return
        start = partial(self._start, loop, name, work, done)
        # Work that waits goes first, even if a thread has just become free.
        if self._waiting or self._count >= limits.BLOCKING_THREADS:
            if len(self._waiting) >= limits.BLOCKING_WAITING:
                desc = f"{len(self._waiting)} commands wait for a thread already"
                raise CommandError("GenericError", desc)
            self._waiting[owner] = start, partial(loop.call_soon, partial(done, None))
        else:
            start()

    def forget(self, owner: object, error: CommandError) -> None:
        """Fail the owner's waiting work, if there is any, with an error."""
        if owner in self._waiting:
            _, fail = self._waiting.pop(owner)
            fail(error)

    def forget_all(self, error: CommandError) -> None:
        """Fail all waiting work with an error."""
        for owner in list(self._waiting):
            self.forget(owner, error)

    def _start(
        self, loop: asyncio.AbstractEventLoop, name: str, work: Blocking, done: Done
    ) -> None:
        def ended(value: JsonValue, error: BaseException | None) -> None:
            self._count -= 1
            done(value, error)
            self._start_waiting()

        do = partial(_do, loop, work, ended, is_ours=True)
        threading.Thread(target=do, name=f"{name} handler", daemon=True).start()
        # Counted only now: start() raises if the system allows no further thread.
        self._count += 1

    def _start_waiting(self) -> None:
        while self._waiting and self._count < limits.BLOCKING_THREADS:
            start, fail = self._waiting.pop(next(iter(self._waiting)))
            try:
                start()
            except RuntimeError as error:  # the system allows no further thread
                fail(error)


def _do(loop: asyncio.AbstractEventLoop, work: Blocking, done: Done, *, is_ours: bool) -> None:
    value: JsonValue = None
    failure: BaseException | None = None
    try:
        value = work()
    except BaseException as error:
        failure = error
    try:
        loop.call_soon_threadsafe(done, value, failure)
    except RuntimeError:  # the loop was closed meanwhile
        pass
    if isinstance(failure, ENDING) and not is_ours:
        raise failure  # the program's own thread gets it as well
