"""The process of a program with monitors, from opening them to its end by a signal."""

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from importlib.machinery import PathFinder
from typing import Protocol

from qmpeer import limits
from qmpeer.monitor import new_event_loop
from qmpeer.options.devices import ShowText
from qmpeer.options.signals import OnSignal, block_signals, watch_signals
from qmpeer.options.start_error import StartError
from qmpeer.transport import raise_fd_limit

CallOnSignal = Callable[[OnSignal], None]
"""Registers a function, which is called from any thread when a signal is to end the program."""


class Program(Protocol):
    """A program with monitors, which runs on one event loop until it ends or is ended."""

    async def open(self) -> None:
        """Open all monitors, which may wait for clients.

        Raises:
            StartError: If one can't be opened.
            StartHelp: If an option asks for help.
        """

    async def wait_ended(self) -> None:
        """Wait for the end of the program."""

    def end_by_signal(self) -> None:
        """Begin to end the program."""

    def close(self) -> None:
        """Close what is still open."""


def run_process(
    run: Callable[[CallOnSignal], Coroutine[None, None, None]], report: ShowText
) -> int:
    """Run a program on an event loop of its own.

    Args:
        run: The program, such as a call of `run_program`.
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
            runner.run(run(watch_signals))
    finally:
        logger.removeHandler(complaints)
    return 0


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


async def run_program(program: Program, report: ShowText, call_on_signal: CallOnSignal) -> None:
    """Run a program until it ends or a signal ends it, on the running loop.

    Args:
        program: The program.
        report: Shows a text on standard error.
        call_on_signal: Registers the function that ends it.

    Raises:
        StartError: If a monitor can't be opened.
        StartHelp: If an option asks for help.
    """
    call_on_signal(_ending(program, report))
    # Opening may wait for clients (wait=on); a signal must be able to end the program meanwhile.
    ended = asyncio.create_task(program.wait_ended())
    opening = asyncio.create_task(program.open())
    try:
        await asyncio.wait((ended, opening), return_when=asyncio.FIRST_COMPLETED)
        if opening.done():
            opening.result()
        await ended
    finally:
        ended.cancel()
        opening.cancel()
        program.close()


def _ending(program: Program, report: ShowText) -> OnSignal:
    """Return a function that ends a program; any thread may call it with a signal's details."""
    loop = asyncio.get_running_loop()

    def end(number: int, sender: str) -> None:
        report(f"terminating on signal {number}{sender}")
        program.end_by_signal()

    def end_from_thread(number: int, sender: str) -> None:
        try:
            loop.call_soon_threadsafe(end, number, sender)
        except RuntimeError:  # the loop is closed: the program has already ended
            pass

    return end_from_thread


def show_line(line: str) -> None:
    """Show a line on standard output, if there is one."""
    try:
        print(line, flush=True)  # noqa: T201 - QEMU prints the paths of ptys there
    except (OSError, AttributeError):
        pass
