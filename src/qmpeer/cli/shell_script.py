"""``qmpeer shell`` without a prompt: statements from the command line, from files, from a pipe."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final

from qmpeer import limits
from qmpeer.cli.exits import DONE, REFUSED, UNREACHABLE, USAGE, about_file, status_of
from qmpeer.errors import QMPError
from qmpeer.shell.connection import ShellConnection
from qmpeer.shell.documentation import Documentation
from qmpeer.shell.outcomes import Outcome
from qmpeer.shell.script import (
    Piece,
    ScriptScreen,
    file_pieces,
    run_script,
    stream_pieces,
    word_pieces,
)
from qmpeer.shell.session import Session
from qmpeer.shell.settings import Settings

_STATUSES: Final = {
    Outcome.DONE: DONE,
    Outcome.REFUSED: REFUSED,
    Outcome.UNREADABLE: USAGE,
    Outcome.LOST: UNREACHABLE,
}


def run_statements(
    namespace: argparse.Namespace, program: str, documentation: Documentation
) -> int:
    """Execute the statements of a command line, and return the exit status.

    Args:
        namespace: The command line.
        program: The program's name in errors.
        documentation: The documentation that help shows.
    """
    return asyncio.run(_interruptible(_run(namespace, program, documentation)))


async def _interruptible(work: Coroutine[Any, Any, int]) -> int:
    """Await some work, and cancel it at C-c.

    The loop's own signal handler is needed for that. Without it, a signal that arrives just before
    the loop sleeps would not wake the loop.

    Raises:
        KeyboardInterrupt: If the work was cancelled.
    """
    task = asyncio.current_task()
    assert task is not None
    with contextlib.suppress(ValueError, RuntimeError):  # this isn't the main thread
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
    try:
        return await work
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _run(namespace: argparse.Namespace, program: str, documentation: Documentation) -> int:
    connection = ShellConnection(
        namespace.address,
        negotiate=not namespace.no_negotiate,
        connect_timeout=namespace.timeout or limits.CONNECT_TIMEOUT,
        command_timeout=namespace.timeout or limits.COMMAND_TIMEOUT,
        wait_for_socket=namespace.wait_for_socket,
    )
    screen = ScriptScreen(sys.stdout.buffer, sys.stderr)
    settings = Settings(is_interactive=False, timeout=connection.command_timeout)
    session = Session(connection, screen, settings, documentation)
    try:
        try:
            await session.connect()
        except (QMPError, OSError) as error:
            return status_of(program, error)
        outcome = await run_script(
            session,
            screen,
            _pieces(namespace),
            keep_going=namespace.keep_going,
            is_human=namespace.hmp,
        )
    finally:
        await session.close()
    return _STATUSES[outcome]


async def _pieces(namespace: argparse.Namespace) -> AsyncIterator[Piece]:
    if namespace.commands:
        async for piece in word_pieces(namespace.commands):
            yield piece
    for path in namespace.files or ([] if namespace.commands else ["-"]):
        if path != "-":
            with about_file(path):
                async for piece in file_pieces(path):
                    yield piece
        elif sys.stdin is not None:
            async for piece in stream_pieces(sys.stdin.buffer):
                yield piece
