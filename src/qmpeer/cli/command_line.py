"""Reading the words of a client subcommand, its options anywhere among them."""

import argparse
from typing import NoReturn

from qmpeer.cli.exits import UsageError


class CommandLine(argparse.ArgumentParser):
    """Be argparse, with errors of one line that the subcommand itself reports."""

    def __init__(self, program: str, description: str, after: str) -> None:
        super().__init__(
            prog=program,
            description=description,
            epilog=after,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def actions(self) -> list[argparse.Action]:
        """Return all options and arguments, in the order in which --help shows them."""
        return list(self._actions)

    def help_of(self, action: argparse.Action) -> str:
        """Return what --help says of one."""
        return self._get_formatter()._expand_help(action) if action.help else ""

    def error(self, message: str) -> NoReturn:
        """Report a command line that makes no sense."""
        raise UsageError(message)


def seconds(text: str) -> float:
    """Read a number of seconds: positive, and small enough for a clock."""
    value = float(text)
    if not 0 < value <= 1e9:
        raise ValueError
    return value


def count(text: str) -> int:
    """Read a number of things: 1 or more."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def natural(text: str) -> int:
    """Read a number that may be 0."""
    value = int(text)
    if value < 0:
        raise ValueError
    return value
