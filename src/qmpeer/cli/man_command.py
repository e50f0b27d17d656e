"""``qmpeer man``: manual pages, of what --help says."""

import os
from collections.abc import Sequence
from typing import Final

from qmpeer.cli.command_line import CommandLine
from qmpeer.cli.exits import DONE, STATUSES, about_file
from qmpeer.cli.output import write_text

PROGRAM: Final = "qmpeer man"

_EXAMPLE: Final = """\
example:
  $ qmpeer man -o ~/.local/share/man/man1
  {count} files in /home/me/.local/share/man/man1
  $ man qmpeer-exec

"""


def run(words: Sequence[str]) -> int:
    """Write the pages.

    Raises:
        UsageError: If the words make no sense, or the pages can't be written.
    """
    given = parser().parse_intermixed_args(words)
    from qmpeer.cli.man_pages import man_pages

    pages = man_pages()
    with about_file(given.output):
        os.makedirs(given.output, exist_ok=True)
        for name, text in pages.items():
            path = os.path.join(given.output, name)
            with open(path, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
    write_text(f"{len(pages)} files in {given.output}\n")
    return DONE


def parser() -> CommandLine:
    """Return what reads the words."""
    from qmpeer.cli.main import SUBCOMMANDS

    example = _EXAMPLE.format(count=1 + len(SUBCOMMANDS))  # a page for each, and qmpeer's own
    parser = CommandLine(PROGRAM, "Write manual pages.", example + STATUSES)
    parser.add_argument(
        "-o", dest="output", metavar="DIR", required=True, help="the folder to write to"
    )
    return parser
