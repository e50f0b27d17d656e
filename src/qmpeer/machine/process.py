"""The process of ``qmpeer serve``, from opening the monitors to the end of the machine."""

import asyncio
import logging
import os
from collections.abc import Callable
from functools import partial
from importlib.machinery import PathFinder

from qmpeer import limits
from qmpeer.machine.machine import Machine, ShowText
from qmpeer.machine.options import Options
from qmpeer.machine.signals import OnSignal, block_signals, watch_signals
from qmpeer.machine.start_error import StartError
from qmpeer.machine.startup import open_all
from qmpeer.monitor import new_event_loop
from qmpeer.transport import raise_fd_limit


def run_process(options: Options, report: ShowText, when_ready: Callable[[], None]) -> int:
    """Run a machine until quit or a signal.

    Args:
        options: The parsed command line.
        report: Shows a text on standard error.
        when_ready: Called when all monitors are open.

    Returns:
        The exit status.

    Raises:
        StartError: If a monitor can't be opened, or the event loop isn't installed.
        StartHelp: If an option asks for help.
    """
    block_signals()  # before any thread starts: threads inherit the mask
    raise_fd_limit(limits.LISTENER_CLIENTS)
    complaints = _Complaints(report)
    logger = logging.getLogger("qmpeer")
    logger.addHandler(complaints)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(run_machine(options, report, when_ready, watch_signals))
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


async def run_machine(
    options: Options,
    report: ShowText,
    when_ready: Callable[[], None],
    call_on_signal: Callable[[OnSignal], None],
) -> None:
    """Run a machine until quit or a signal, on the running loop.

    Args:
        options: The parsed command line.
        report: Shows a text on standard error.
        when_ready: Called when all monitors are open.
        call_on_signal: Registers a function, which is called from any thread when a signal is to
            end the machine.

    Raises:
        StartError: If a monitor can't be opened.
        StartHelp: If an option asks for help.
    """
    machine = Machine(options, _print, report)
    machine.monitor.human.later(partial(_register_human_commands, machine))
    call_on_signal(_ending(machine, report))
    # Opening may wait for clients (wait=on); a signal must be able to end the machine meanwhile.
    closed = asyncio.create_task(machine.monitor.wait_closed())
    opening = asyncio.create_task(_open(machine, options, report, when_ready))
    try:
        await asyncio.wait((closed, opening), return_when=asyncio.FIRST_COMPLETED)
        if opening.done():
            opening.result()
        await closed
    finally:
        closed.cancel()
        opening.cancel()
        machine.chardevs.close()
        machine.close()


def _register_human_commands(machine: Machine) -> None:
    from qmpeer.machine.human import register_human_commands  # start: 20 ms

    register_human_commands(machine)


async def _open(
    machine: Machine, options: Options, report: ShowText, when_ready: Callable[[], None]
) -> None:
    """Open everything, then start the guest before any monitor executes a command.

    Spec: QEMU executes no command before the guest has started, so no client sees its RESUME event.
    """
    await open_all(machine, options, report)
    # No await from here to start(): a client could get its first command in between.
    if not machine.is_shutting_down:
        machine.start()
        when_ready()


def _print(line: str) -> None:
    """Show a line on standard output, if there is one."""
    try:
        print(line, flush=True)  # noqa: T201 - QEMU prints the paths of ptys there
    except (OSError, AttributeError):
        pass


def _ending(machine: Machine, report: ShowText) -> OnSignal:
    """Return a function that ends the machine; any thread may call it with a signal's details."""
    loop = asyncio.get_running_loop()

    def end(number: int, sender: str) -> None:
        report(f"terminating on signal {number}{sender}")
        machine.shut_down("host-signal")

    def end_from_thread(number: int, sender: str) -> None:
        try:
            loop.call_soon_threadsafe(end, number, sender)
        except RuntimeError:  # the loop is closed: the machine has already ended
            pass

    return end_from_thread
