"""The process of a program with monitors: its event loop, its signals, its standard streams."""

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from importlib.machinery import PathFinder

from qmpeer import limits
from qmpeer.monitor import new_event_loop
from qmpeer.options.devices import ShowText
from qmpeer.options.signals import OnSignal, block_signals, watch_signals
from qmpeer.options.start_error import StartError
from qmpeer.transport import raise_fd_limit

CallOnSignal = Callable[[OnSignal], None]
"""Registers a function, which is called from any thread when a signal is to end the program."""


def run_process(run: Callable[[CallOnSignal], Coroutine[None, None, int]], report: ShowText) -> int:
    """Run a program on an event loop of its own.

    Args:
        run: The program, such as a call of `qmpeer.options.running.run_program`; it returns the
            exit status.
        report: Shows a text on standard error.

    Returns:
        The exit status.

    Raises:
        StartError: If the program can't start, or the event loop isn't installed.
        StartHelp: If an option asks for help.
    """
    block_signals()  # before any thread starts: threads inherit the mask
    raise_fd_limit(limits.LISTENER_CLIENTS)
    complaints = _Complaints(report)
    logger = logging.getLogger("qmpeer")
    logger.addHandler(complaints)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(run(watch_signals))
    finally:
        logger.removeHandler(complaints)


class _Complaints(logging.Handler):
    """A log handler that shows warnings on standard error, as QEMU shows its errors."""

    def __init__(self, report: ShowText) -> None:
        super().__init__(logging.WARNING)
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        """Show one log record."""
        try:
            self._report(self.format(record))
        except Exception:
            self.handleError(record)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    wanted = os.environ.get("QMPEER_LOOP", "")
    if wanted not in ("", "asyncio", "uvloop"):
        raise StartError("QMPEER_LOOP", wanted, "expected asyncio or uvloop")
    if wanted == "asyncio":
        return asyncio.new_event_loop
    if wanted == "uvloop" and PathFinder.find_spec("uvloop") is None:
        raise StartError("QMPEER_LOOP", wanted, "uvloop is not installed")
    return new_event_loop


def show_line(line: str) -> None:
    """Show a line on standard output, if there is one."""
    try:
        print(line, flush=True)  # noqa: T201 - QEMU prints the paths of ptys there
    except (OSError, AttributeError):
        pass
