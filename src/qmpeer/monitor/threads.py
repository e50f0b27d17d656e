"""Where handlers run that don't run on the loop: threads of ours, or the program's own thread.

All but `Call` and the work itself runs on one event loop's thread.
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
"""What ends the monitor when a handler raises it."""

Call: TypeAlias = Callable[[Callable[[], None]], object]
"""Calls a function soon, in a thread of the caller's choice, and returns at once."""
Done: TypeAlias = Callable[[JsonValue, BaseException | None], None]
"""Take what a handler returned, or what it raised."""


class Blocking:
    """A command that is yet to be run, in a thread: it may block.

    Call it there; what it returns or raises is the command's outcome.

    Attributes:
        is_exclusive: No other in-band command goes ahead meanwhile.
    """

    __slots__ = ("_work", "is_exclusive")

    def __init__(self, work: Callable[[], JsonValue], is_exclusive: bool) -> None:
        self._work = work
        self.is_exclusive: bool = is_exclusive

    def __call__(self) -> JsonValue:
        """Run the command."""
        return self._work()


class Threads:
    """A pool of threads, each of which ends with its work.

    They are daemons: a handler that never returns doesn't keep the program from its end.

    Attributes:
        is_for_all: Sync handlers that aren't blocking run here too, one at a time: the program
            has a thread for them.
    """

    def __init__(self) -> None:
        self.is_for_all: bool = False
        self._call: Call | None = None
        self._count = 0
        self._waiting: dict[object, tuple[Callable[[], None], Callable[[Exception], object]]] = {}

    def hand_over(self, call: Call | None) -> None:
        """Have all work done in a thread of the program's choice, where no number limits it."""
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
            loop: Where ``done`` is called.
            owner: By whom it is found while it waits; nobody has two.
            name: The command's, for the thread's.
            work: What is to be done.
            done: Takes the outcome.

        Raises:
            CommandError: If too much waits already.
            RuntimeError: If no thread can be started.
        """
        if self._call is not None:
            self._call(partial(_do, loop, work, done, is_ours=False))
            return
        start = partial(self._start, loop, name, work, done)
        if self._waiting or self._count >= limits.BLOCKING_THREADS:
            if len(self._waiting) >= limits.BLOCKING_WAITING:
                desc = f"{len(self._waiting)} commands wait for a thread already"
                raise CommandError("GenericError", desc)
            self._waiting[owner] = start, partial(loop.call_soon, partial(done, None))
        else:
            start()

    def forget(self, owner: object, error: CommandError) -> None:
        """Give up what waits for a thread, if something of this owner does."""
        if owner in self._waiting:
            _, fail = self._waiting.pop(owner)
            fail(error)

    def forget_all(self, error: CommandError) -> None:
        """Give up all that waits for a thread."""
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
        self._count += 1

    def _start_waiting(self) -> None:
        while self._waiting and self._count < limits.BLOCKING_THREADS:
            start, fail = self._waiting.pop(next(iter(self._waiting)))
            try:
                start()
            except RuntimeError as error:  # the system has no thread left
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
    except RuntimeError:  # the loop has gone meanwhile
        pass
    if isinstance(failure, ENDING) and not is_ours:
        raise failure  # in a thread of the program's own, it is the program's as well
