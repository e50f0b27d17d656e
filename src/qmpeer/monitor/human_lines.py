"""Execution of single human-monitor lines that don't come from a terminal."""

import asyncio
from collections.abc import Awaitable

from qmpeer import limits
from qmpeer.monitor.backend import Context, ContextMonitor
from qmpeer.monitor.human.commands import HumanCommands
from qmpeer.monitor.human.context import OneLine
from qmpeer.monitor.human.session import to_lines
from qmpeer.monitor.loop import MonitorLoop
from qmpeer.monitor.threads import ENDING, Blocking
from qmpeer.monitor.turns import Outcome, Turns, failure_of, outcome_of


class HumanLines:
    """An executor of single lines, for QMP's human-monitor-command.

    Args:
        monitor: The monitor.
        loop: The monitor's loop.
        turns: Runs blocking handlers.
        commands: The human commands.
    """

    def __init__(
        self, monitor: ContextMonitor, loop: MonitorLoop, turns: Turns, commands: HumanCommands
    ) -> None:
        self._monitor = monitor
        self._loop = loop
        self._turns = turns
        self._commands = commands

    def run(
        self, line: str, context: Context | None, cpu_index: int | None
    ) -> str | Awaitable[str]:
        """Execute a line; see `Monitor.run_human`."""
        line_context = OneLine(self._monitor, context, cpu_index)
        try:
            outcome = self._commands.run(line, line_context)
            if isinstance(outcome, str):
                return to_lines(outcome)
            if isinstance(outcome, Blocking):
                if not self._loop.is_here:  # this thread isn't the loop's and may block
                    return to_lines(str(outcome()))
                later: Awaitable[Outcome] = self._turns.run_blocking(
                    outcome, line.partition(" ")[0]
                )
            else:
                later = outcome_of(outcome)
        except ENDING:
            raise
        except BaseException as error:
            return _failure(line, error)
        finish = _finish(line, later)
        loop = self._loop.loop
        if loop is None or self._loop.is_here:
            return finish
        # Another thread can't await: it waits for the loop to finish the command.
        waiting = asyncio.run_coroutine_threadsafe(outcome_of(finish), loop)
        text, failure = waiting.result(limits.COMMAND_TIMEOUT)
        if failure is not None:
            raise failure
        return str(text)


async def _finish(line: str, later: Awaitable[Outcome]) -> str:
    value, error = await later
    if error is None:
        return to_lines(str(value))
    task = asyncio.current_task()
    if isinstance(error, ENDING) or (task is not None and task.cancelling()):
        raise error
    return _failure(line, error)


def _failure(line: str, error: BaseException) -> str:
    _, desc = failure_of(line.split(maxsplit=1)[0], error)
    return to_lines(f"Error: {desc}\n")
