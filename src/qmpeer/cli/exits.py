"""How a subcommand ends: one exit status and, unless all went well, one line on standard error."""

import sys
from typing import Final

from qmpeer.errors import CommandError, CommandInterrupted, QMPError

DONE: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
INTERRUPTED: Final = 130
"""After Ctrl-C, as shells count: 128 and the signal's number."""
BROKEN_PIPE: Final = 141
"""When nobody reads standard output any more; the same count."""

STATUSES: Final = """\
exit status:
  0  done
  1  the server answered with an error
  2  the command line makes no sense
  3  no connection, connection lost, or no answer in time
"""


class UsageError(Exception):
    """Tell that a command line makes no sense: what was found, what was expected."""


def complain(program: str, text: str) -> None:
    """Write one line to standard error, whatever the text holds."""
    line = " ".join(text.splitlines()) or "failed without saying why"
    sys.stderr.write(f"{program}: {line}\n")


def status_of(program: str, error: Exception) -> int:
    """Complain of an error, and say with which status to end.

    Raises:
        Exception: The error itself, if it isn't one that a user can meet.
    """
    if isinstance(error, UsageError):
        complain(program, f"{error}; see {program} --help")
        return USAGE
    if isinstance(error, CommandError):
        complain(program, str(error))
        return REFUSED
    if isinstance(error, CommandInterrupted | TimeoutError):
        complain(program, str(error) or "no answer in time")
        return UNREACHABLE
    if isinstance(error, OSError):
        complain(program, _os_text(error))
        return UNREACHABLE
    if isinstance(error, QMPError):
        complain(program, str(error))
        return UNREACHABLE
    raise error


def _os_text(error: OSError) -> str:
    why = error.strerror or str(error)
    return f"{error.filename}: {why}" if error.filename else why
