"""The command that a program runs beside itself: its start, the signals for it, its status."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from qmpeer import limits
from qmpeer.options.command_line import END_OF_OPTIONS
from qmpeer.options.start_error import StartError

_IGNORED_BY_PYTHON: Final = (signal.SIGPIPE, signal.SIGXFSZ)


class ChildCommand:
    """A command that runs in a process of its own, and is waited for.

    Its methods belong to the thread of the running loop.

    Args:
        words: The command and its arguments.
        when_ended: Called when it has ended.
    """

    def __init__(self, words: Sequence[str], when_ended: Callable[[], None]) -> None:
        self._words = words
        self._when_ended = when_ended
        self._loop = asyncio.get_running_loop()
        self._pid: int | None = None
        self._killing: asyncio.TimerHandle | None = None
        self._status: asyncio.Future[int] = self._loop.create_future()

    @property
    def is_started(self) -> bool:
        """True from its start."""
        return self._pid is not None

    @property
    def is_running(self) -> bool:
        """True from its start to its end."""
        return self._pid is not None and not self._status.done()

    def start(self, variables: Mapping[str, str]) -> None:
        """Start it.

        Args:
            variables: Variables for its environment, besides those of this process.

        Raises:
            StartError: If there is no such program, or it can't be run.
        """
        # As posix_spawn starts a process, it has neither the signals that we block, which we wait
        # for in a thread, nor those that Python ignores.
        try:
            self._pid = os.posix_spawnp(
                self._words[0],
                list(self._words),
                {**os.environ, **variables},
                setsigmask=(),
                setsigdef=_IGNORED_BY_PYTHON,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise StartError(END_OF_OPTIONS, self._words[0], f"can't be run: {reason}") from error
        name = f"wait for {self._pid}"
        threading.Thread(target=self._watch, args=(self._pid,), name=name, daemon=True).start()

    async def wait(self) -> int:
        """Wait for its end; return its status, 128 + N after signal N."""
        return await self._status

    def forward(self, number: int, sender: str) -> None:
        """Pass a signal on, unless it has got that itself; it then has a bounded time to end.

        Args:
            number: The signal.
            sender: What `qmpeer.options.signals` says of its sender; "" for the kernel.
        """
        # The keys of a terminal, and its end, are signals for all processes in the foreground.
        if not self.is_running or (number != signal.SIGTERM and not sender):
            return
        self._send(number)
        if self._killing is None:
            self._killing = self._loop.call_later(limits.COMMAND_END, self.kill)

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self.is_running:
            self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        assert self._pid is not None
        try:
            os.kill(self._pid, number)
        except OSError:
            pass  # it has just ended

    def _watch(self, pid: int) -> None:
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        try:
            self._loop.call_soon_threadsafe(self._end, code if code >= 0 else 128 - code)
        except RuntimeError:
            pass  # the loop is closed: nobody waits any longer

    def _end(self, status: int) -> None:
        if self._killing is not None:
            self._killing.cancel()
        if not self._status.done():
            self._status.set_result(status)
            self._when_ended()
