"""``qmpeer man``: manual pages, of what --help says."""

import argparse
from typing import Final

from qmpeer.cli.command_line import Subcommand, argument
from qmpeer.cli.exits import DONE, STATUSES
from qmpeer.cli.main import SUBCOMMANDS
from qmpeer.cli.man_pages import man_pages
from qmpeer.cli.output import write_files, write_text

_EXAMPLE: Final = """\
example:
  $ qmpeer man -o ~/.local/share/man/man1
  {count} files in /home/me/.local/share/man/man1
  $ man qmpeer-exec

"""


def _run(given: argparse.Namespace) -> int:
    pages = man_pages()
    write_files(pages, given.output)
    write_text(f"{len(pages)} files in {given.output}\n")
    return DONE


COMMAND: Final = Subcommand(
    "qmpeer man",
    "Write manual pages.",
    _EXAMPLE.format(count=1 + len(SUBCOMMANDS)) + STATUSES,  # a page for each, and qmpeer's own
    (argument("-o", "DIR", "the folder to write to", dest="output", required=True),),
    _run,
)
