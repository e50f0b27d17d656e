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


@contextmanager
def checked_address() -> Iterator[None]:
    """Re-raise ValueError, which an address of no known form raises, as UsageError.

    Raises:
        UsageError: If a ValueError is raised within.
    """
    try:
        yield
    except ValueError as error:
        raise UsageError(str(error)) from error


def complain(program: str, text: str) -> None:
    """Write one line to standard error, whatever the text holds."""
    # The clients' argument, by what the command line has in its place.
    text = text.replace("negotiate=False", "qmpeer ga, or exec --no-negotiate")
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
    match error:
        case SchemaError():
            show(program, error)
            return REFUSED
        case FileError():
            text, status = str(error), USAGE
        case UsageError():
            text, status = f"{error}; see {program} --help", USAGE
        case CommandError() | ValidationError() | RefusedError():
            text, status = str(error), REFUSED
        case OSError():
            text, status = os_text(error), UNREACHABLE
        case QMPError() | ModuleNotFoundError():  # of an extra; it says which
            text, status = str(error), UNREACHABLE
        case _:
            import logging  # start: 7 ms

            logging.getLogger("qmpeer.cli").debug("an error of our own", exc_info=error)
            text, status = f"internal error: {type(error).__name__}: {error}", OUR_FAULT
    complain(program, text)
    return status


def os_text(error: OSError) -> str:
    """Describe an OSError or a timeout in one line."""
    why = error.strerror or str(error)
    return f"{error.filename}: {why}" if error.filename else why
