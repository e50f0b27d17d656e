"""The prompt of ``qmpeer shell`` at a terminal."""

import argparse
import os
import sys

from prompt_toolkit.output import create_output

from qmpeer.cli.exits import DONE, UNREACHABLE
from qmpeer.display.colours import palette_for
from qmpeer.shell.documentation import Documentation
from qmpeer.shell.explaining import Outcome
from qmpeer.shell.history import FileHistory, history_path
from qmpeer.shell.link import Link
from qmpeer.shell.session import Session
from qmpeer.shell.settings import Settings
from qmpeer.shell.terminal import Terminal
from qmpeer.shell.terminal_screen import TerminalScreen
from qmpeer.shell.typing_ahead import end_of_file_is_a_key


async def talk(namespace: argparse.Namespace, link: Link, documentation: Documentation) -> int:
    """Prompt until the user leaves, and return the exit status.

    Args:
        namespace: The command line.
        link: The connection, already being made.
        documentation: The documentation that help shows.
    """
    palette = palette_for(sys.stdout.isatty(), os.environ)
    settings = Settings(timeout=link.command_timeout)
    output = create_output(sys.stdout)
    screen = TerminalScreen(output, settings, palette, has_pager=sys.stdout.isatty())
    session = Session(link, screen, settings, documentation)

    def discreet(text: str) -> str | None:
        from qmpeer.shell.secrets import without_secrets  # start: 40 ms

        return without_secrets(text, link.vocabulary.commands, is_human=namespace.hmp)

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
        with end_of_file_is_a_key():
            outcome = await terminal.begin()
            if outcome is not Outcome.DONE:
                return UNREACHABLE
            await terminal.run()
    finally:
        await session.close()
        await screen.close()
    return DONE
