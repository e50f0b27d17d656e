"""The human monitors of a `Monitor`: terminals, and lines that come by other ways."""

import asyncio
from collections.abc import Awaitable, Callable
from threading import get_ident
from typing import TYPE_CHECKING

from qmpeer import limits
from qmpeer.errors import CommandError
from qmpeer.monitor.backend import Context
from qmpeer.monitor.ceiling import Ceiling
from qmpeer.monitor.emission import Emission
from qmpeer.monitor.human.commands import HumanCommands
from qmpeer.monitor.human.connection import HumanConnection
from qmpeer.monitor.human.context import HumanState, OneLine
from qmpeer.monitor.human.session import HumanSession, banner, to_lines
from qmpeer.monitor.named_fds import NamedFds
from qmpeer.monitor.registry import Blocking
from qmpeer.monitor.rounds import Rounds, note_failure
from qmpeer.transport.aio import Stream
from qmpeer.values import JsonValue

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
                later: Awaitable[JsonValue] = self._rounds.run_blocking(
                    outcome, line.partition(" ")[0]
                )
            else:
                later = outcome
        except Exception as error:
            return _failure(line, error)
        finish = _finish(line, later)
        loop = self._rounds.loop
        if loop is None or self._emission.thread == get_ident():
            return finish
        return asyncio.run_coroutine_threadsafe(finish, loop).result(limits.COMMAND_TIMEOUT)


async def _finish(line: str, outcome: Awaitable[JsonValue]) -> str:
    try:
        return to_lines(str(await outcome))
    except Exception as error:
        return _failure(line, error)


def _failure(line: str, error: Exception) -> str:
    if isinstance(error, CommandError):
        return to_lines(f"Error: {error.desc}\n")
    return to_lines(f"Error: {note_failure(line.split(maxsplit=1)[0], error)}\n")
