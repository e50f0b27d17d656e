"""``qmpeer man``: manual pages made of the --help texts."""

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


def _run(namespace: argparse.Namespace) -> int:
    pages = man_pages()
    write_files(pages, namespace.output)
    write_text(f"{len(pages)} files in {namespace.output}\n")
    return DONE


COMMAND: Final = Subcommand(
    "qmpeer man",
    "Write manual pages.",
    _EXAMPLE.format(count=1 + len(SUBCOMMANDS)) + STATUSES,  # one for each, and one for qmpeer
    (argument("-o", "DIR", "the folder to write to", dest="output", required=True),),
    _run,
)
