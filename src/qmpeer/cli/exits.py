"""How a subcommand ends: one exit status and, unless all went well, one line on standard error."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from qmpeer.display.safe_text import visible, visible_lines
from qmpeer.errors import CommandError, QMPError, SchemaError, ValidationError

DONE: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
INTERRUPTED: Final = 130
"""After Ctrl-C, as shells count: 128 and the signal's number."""
OUR_FAULT: Final = 70
"""An error that no input should cause; sysexits.h calls it EX_SOFTWARE."""
BROKEN_PIPE: Final = 141
"""When nobody reads standard output any more; the same count."""

STATUSES: Final = """\
exit status:
  0  done
  1  the server answered with an error, or would have
  2  the command line makes no sense, or a file of its can't be read or written
  3  no connection, connection lost, no answer in time, or output that can't be written
"""


_FOR_AGENTS: Final = dict.fromkeys(("qmpeer exec", "qmp-shell"), "--no-negotiate")
"""What the programs that can talk to a guest agent call negotiate=False, the clients' argument."""


class UsageError(Exception):
    """A command line that makes no sense: what was found, what was expected."""


class RefusedError(Exception):
    """Arguments that the connected server would refuse."""


class FileError(UsageError):
    """A file of the command line's that can't be read or written."""


@contextmanager
def about_file(path: str) -> Iterator[None]:
    """Re-raise OSError as FileError, naming the file as the user typed it.

    Raises:
        FileError: If an OSError is raised within.
    """
    try:
        yield
    except BrokenPipeError:  # nobody reads it any more, as on standard output
        raise
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from error


def complain(program: str, text: str) -> None:
    """Write one line to standard error, whatever the text holds."""
    text = text.replace("negotiate=False", _FOR_AGENTS.get(program, "qmpeer ga talks to it"))
    line = visible(" ".join(text.splitlines())) or "failed without saying why"
    try:
        print(f"{program}: {line}", file=sys.stderr, flush=True)
    except OSError:
        pass  # nobody is there to be told


def show(program: str, error: SchemaError) -> None:
    """Write what is wrong with a schema to standard error, all of it, with the lines at fault."""
    before = f"{program}: " if program else ""
    texts = [before + visible_lines(str(each)) for each in (error, *error.others)]
    try:
        print("\n".join(texts), file=sys.stderr, flush=True)
    except OSError:
        pass


def status_of(program: str, error: Exception) -> int:
    """Complain of an error, and say with which status to end."""
    status = _status_of(program, error)
    for note in getattr(error, "__notes__", ()):
        complain(program, note)
    return status


def _status_of(program: str, error: Exception) -> int:
    if isinstance(error, FileError):
        complain(program, str(error))
        return USAGE
    if isinstance(error, UsageError):
        complain(program, f"{error}; see {program} --help")
        return USAGE
    if isinstance(error, SchemaError):
        show(program, error)
        return REFUSED
    if isinstance(error, CommandError | ValidationError | RefusedError):
        complain(program, str(error))
        return REFUSED
    if isinstance(error, OSError):
        complain(program, os_text(error))
        return UNREACHABLE
    if isinstance(error, QMPError):
        complain(program, _in_options(str(error)))
        return UNREACHABLE
    if isinstance(error, ModuleNotFoundError):  # of an extra; it says which
        complain(program, str(error))
        return UNREACHABLE
    import logging  # start: 7 ms

    logging.getLogger("qmpeer.cli").debug("an error of our own", exc_info=error)
    complain(program, f"internal error: {type(error).__name__}: {error}")
    return OUR_FAULT


def os_text(error: OSError) -> str:
    """Describe an OSError or a timeout in one line."""
    why = _in_options(error.strerror or str(error))
    return f"{error.filename}: {why}" if error.filename else why


def _in_options(text: str) -> str:
    """Return an error's text with what the command line has for an argument of Python."""
    return text.replace("negotiate=False", "qmpeer ga, or exec --no-negotiate")
