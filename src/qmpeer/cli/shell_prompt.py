"""The prompt of ``qmpeer shell`` at a terminal."""

import argparse
import os
import sys

from prompt_toolkit.output import create_output

from qmpeer.cli.exits import DONE, UNREACHABLE
from qmpeer.display.colours import palette_for
from qmpeer.shell.connection import ShellConnection
from qmpeer.shell.documentation import Documentation
from qmpeer.shell.history import FileHistory, history_path
from qmpeer.shell.outcomes import Outcome
from qmpeer.shell.session import Session
from qmpeer.shell.settings import Settings
from qmpeer.shell.terminal import Terminal
from qmpeer.shell.terminal_modes import eof_as_key
from qmpeer.shell.terminal_screen import TerminalScreen


async def talk(
    namespace: argparse.Namespace, connection: ShellConnection, documentation: Documentation
) -> int:
    """Prompt until the user leaves, and return the exit status.

    Args:
        namespace: The command line.
        connection: The connection, which has been begun.
        documentation: What help reads.
    """
    palette = palette_for(sys.stdout.isatty(), os.environ)
    settings = Settings(timeout=connection.command_timeout)
    output = create_output(sys.stdout)
    screen = TerminalScreen(output, settings, palette, has_pager=sys.stdout.isatty())
    session = Session(connection, screen, settings, documentation)

    def discreet(text: str) -> str | None:
        from qmpeer.shell.secrets import without_secrets  # start: 40 ms

        return without_secrets(text, connection.vocabulary.commands, is_human=namespace.hmp)

    terminal = Terminal(
        session,
        screen,
        FileHistory(None if namespace.no_history else history_path(os.environ), discreet),
        output=output,
        is_human=namespace.hmp,
        reconnects=namespace.reconnect,
        is_coloured=palette.is_coloured,
    )
    try:
        with eof_as_key():
            outcome = await terminal.begin()
            if outcome is not Outcome.DONE:
                return UNREACHABLE
            await terminal.run()
    finally:
        await session.close()
        await screen.close()
    return DONE
