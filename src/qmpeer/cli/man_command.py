"""``qmpeer man``: manual pages, of what --help says."""

import os
import sys
from collections.abc import Sequence
from typing import Final

from qmpeer.cli.command_line import CommandLine
from qmpeer.cli.exits import DONE, STATUSES
from qmpeer.cli.output import write_text

PROGRAM: Final = "qmpeer man"

_AFTER: Final = (
    """\
example:
  $ qmpeer man -o ~/.local/share/man/man1
  13 files in /home/me/.local/share/man/man1
  $ man qmpeer-exec

"""
    + STATUSES
)


def run(words: Sequence[str]) -> int:
    """Write the pages.

    Raises:
        UsageError: If the words make no sense.
        OSError: If they can't be written.
    """
    given = parser().parse_intermixed_args(words)
    from qmpeer.cli.man_pages import man_pages

    pages = man_pages()
    os.makedirs(given.output, exist_ok=True)
    for name, text in pages.items():
        with open(os.path.join(given.output, name), "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    if sys.stdout is not None:
        write_text(f"{len(pages)} files in {given.output}\n")
    return DONE


def parser() -> CommandLine:
    """Return what reads the words."""
    parser = CommandLine(PROGRAM, "Write manual pages.", _AFTER)
    parser.add_argument(
        "-o", dest="output", metavar="DIR", required=True, help="the folder to write to"
    )
    return parser
