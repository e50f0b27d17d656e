"""The human monitors of a `Monitor`: terminals, and lines that come by other ways."""

import asyncio
from collections.abc import Awaitable, Callable
from threading import get_ident
from typing import TYPE_CHECKING

from qmpeer import limits
from qmpeer.monitor.backend import Context
from qmpeer.monitor.ceiling import Ceiling
from qmpeer.monitor.emission import Emission
from qmpeer.monitor.human.commands import HumanCommands
from qmpeer.monitor.human.connection import HumanConnection
from qmpeer.monitor.human.context import HumanState, OneLine
from qmpeer.monitor.human.session import HumanSession, banner, to_lines
from qmpeer.monitor.named_fds import NamedFds
from qmpeer.monitor.registry import ENDING, Blocking
from qmpeer.monitor.rounds import Outcome, Rounds, failure_of, outcome_of
from qmpeer.transport.aio import Stream

if TYPE_CHECKING:
    from qmpeer.monitor.monitor import Monitor

__all__ = ["Terminals"]


class Terminals:
    """Open human monitors, and run single lines.

    Args:
        monitor: Whose they are.
        rounds: Executes lines in their turn.
        emission: Knows the loop's thread.
        commands: The human commands.
    """

    def __init__(
        self, monitor: "Monitor", rounds: Rounds, emission: Emission, commands: HumanCommands
    ) -> None:
        self._monitor = monitor
        self._rounds = rounds
        self._emission = emission
        self._commands = commands

    def factory(
        self,
        greet: Callable[[HumanConnection], None],
        named_fds: NamedFds,
        *,
        prompt: str,
        greeting: str | None,
        is_focused: bool,
    ) -> Callable[[Stream], HumanConnection]:
        """Return what opens one human monitor on a stream, and again on the next."""
        state = HumanState()
        ceiling = Ceiling()

        def connect(stream: Stream) -> HumanConnection:
            text = banner(self._monitor.version) if greeting is None else greeting
            session = HumanSession(
                text,
                prompt,
                state.history,
                self._commands.complete,
                is_focused=is_focused,
                is_over=lambda: self._rounds.is_stopped,
            )
            connection = HumanConnection(
                self._monitor,
                self._rounds,
                stream,
                self._commands,
                state,
                session,
                named_fds,
                ceiling,
            )
            greet(connection)
            return connection

        return connect

    def run(
        self, line: str, context: Context | None, cpu_index: int | None
    ) -> str | Awaitable[str]:
        """Execute a line; see `Monitor.run_human`."""
        here = OneLine(self._monitor, context, cpu_index)
        try:
            outcome = self._commands.run(line, here)
            if isinstance(outcome, str):
                return to_lines(outcome)
            if isinstance(outcome, Blocking):
                if self._emission.thread != get_ident():  # where handlers may block
                    return to_lines(str(outcome()))
                later: Awaitable[Outcome] = self._rounds.run_blocking(
                    outcome, line.partition(" ")[0]
                )
            else:
                later = outcome_of(outcome)
        except ENDING:
            raise
        except BaseException as error:
            return _failure(line, error)
        finish = _finish(line, later)
        loop = self._rounds.loop
        if loop is None or self._emission.thread == get_ident():
            return finish
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
