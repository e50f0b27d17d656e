"""Outcomes of statements, and their errors as one line of text."""

from enum import Enum

from qmpeer.display.safe_text import visible
from qmpeer.errors import CommandError, ValidationError
from qmpeer.shell.input_errors import InputError, SourceError


class Outcome(Enum):
    """The outcome of a statement or a script."""

    DONE = "done"
    REFUSED = "the server refused it, or would have"
    UNREADABLE = "it can't be read"
    LOST = "no connection, or no reply in time"


def outcome_of(error: Exception) -> Outcome:
    """Return the outcome of a statement that raised an error."""
    match error:
        case SourceError():
            return outcome_of(error.error)
        case InputError():
            return Outcome.UNREADABLE if error.is_syntax else Outcome.REFUSED
        case CommandError() | ValidationError():
            return Outcome.REFUSED
        case OSError() if error.filename is not None:
            return Outcome.UNREADABLE
        case _:
            return Outcome.LOST


def error_text(error: Exception) -> str:
    """Return an error as one line that is safe for a terminal."""
    match error:
        case SourceError():
            return f"{error.place}: {error_text(error.error)}"
        case OSError():
            why = error.strerror or str(error)
            text = f"{error.filename}: {why}" if error.filename else why
        case _:
            text = str(error)
    return visible(" ".join(text.split("\n"))) or type(error).__name__
