"""The end of a subcommand: its exit status and, after an error, one line on standard error."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from qmpeer.display.safe_text import visible, visible_lines
from qmpeer.errors import (
    CommandError,
    PolicyError,
    QMPError,
    SchemaError,
    ScriptError,
    TranscriptError,
    ValidationError,
)

DONE: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
INTERRUPTED: Final = 130
"""After Ctrl-C: 128 plus the number of SIGINT, as shells count."""
OUR_FAULT: Final = 70
"""After a bug in this program; sysexits.h calls it EX_SOFTWARE."""
BROKEN_PIPE: Final = 141
"""After the reader of standard output has gone: 128 plus the number of SIGPIPE."""

STATUSES: Final = """\
exit status:
  0  success
  1  the server returned an error, or would refuse the arguments
  2  the command line is wrong, or a file that it names can't be read or written
  3  no connection, connection lost, no reply in time, or output that can't be written
"""


class UsageError(Exception):
    """A command line that is wrong: what was found, what was expected."""


class RefusedError(Exception):
    """Arguments that the connected server would refuse."""


class FileError(UsageError):
    """A file, named on the command line, that can't be read or written."""


@contextmanager
def about_file(path: str) -> Iterator[None]:
    """Re-raise OSError as FileError, naming the file as the user typed it.

    Raises:
        FileError: If an OSError is raised within.
    """
    try:
        yield
    except BrokenPipeError:  # a pipe whose reader has gone; main() ends as for standard output
        raise
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from error


@contextmanager
def checked_address() -> Iterator[None]:
    """Re-raise as UsageError the ValueError that a malformed address causes.

    Raises:
        UsageError: If a ValueError is raised within.
    """
    try:
        yield
    except ValueError as error:
        raise UsageError(str(error)) from error


def complain(program: str, text: str) -> None:
    """Write a text to standard error as one line that can't steer a terminal."""
    # The client's errors advise its own argument; here the advice has to be an option.
    text = text.replace("negotiate=False", "qmpeer ga, or exec --no-negotiate")
    line = visible(" ".join(text.splitlines())) or "failed without a reason"
    try:
        print(f"{program}: {line}", file=sys.stderr, flush=True)
    except OSError:
        pass  # standard error can't be written either


def show_schema_error(program: str, error: SchemaError) -> None:
    """Write all faults of a schema to standard error, each with the lines at fault."""
    before = f"{program}: " if program else ""
    texts = [before + visible_lines(str(each)) for each in (error, *error.others)]
    try:
        print("\n".join(texts), file=sys.stderr, flush=True)
    except OSError:
        pass


def status_of(program: str, error: Exception) -> int:
    """Write an error and its notes to standard error; return the exit status."""
    status = _status_of(program, error)
    for note in getattr(error, "__notes__", ()):
        complain(program, note)
    return status


def _status_of(program: str, error: Exception) -> int:
    # The order matters: FileError is a UsageError, and the first cases are QMPErrors.
    match error:
        case SchemaError():
            show_schema_error(program, error)
            return REFUSED
        case PolicyError():
            for line in str(error).splitlines():
                complain(program, line)
            return REFUSED
        case FileError():
            text, status = str(error), USAGE
        case UsageError():
            text, status = f"{error}; see {program} --help", USAGE
        case (
            CommandError() | ValidationError() | RefusedError() | TranscriptError() | ScriptError()
        ):
            text, status = str(error), REFUSED
        case OSError():
            text, status = os_text(error), UNREACHABLE
        case QMPError() | ModuleNotFoundError():  # its text names the extra that is missing
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
