"""Error reports: the message, the line with the error, and a mark, all without secrets."""

import re
from collections.abc import Iterator
from typing import Final

from qmpeer.messages import REDACTED
from qmpeer.shell.input_errors import InputError, SourceError, marked_lines
from qmpeer.shell.outcomes import error_text
from qmpeer.shell.secrets import redacted_statement

_QUOTED: Final = re.compile(r"'[^']*'")


def error_report(text: str, error: Exception, width: int, start: int = 0) -> Iterator[str]:
    """Yield the message of an error, then the line with the error and a mark below it.

    Secrets are redacted in all of them.

    Args:
        text: The statement.
        error: The error that ended it.
        width: The columns of a line.
        start: Offset of the statement in the text that an InputError's offsets refer to.
    """
    places, text, error, start = unwrap_source_error(text, error, start)
    if isinstance(error, InputError):
        line, input_error = redacted_error(text, error, start)
        yield places + error_text(input_error)
        yield from marked_lines(line, input_error, width)
    else:
        shown = redacted_statement(text, 0, 0)
        message = error_text(error)
        yield places + (
            _QUOTED.sub(REDACTED, message) if shown is None else shown.scrubber.text(message)
        )


def unwrap_source_error(
    text: str, error: Exception, start: int = 0
) -> tuple[str, str, Exception, int]:
    """Return the files and lines that lead to an error, then the text, error and offset there."""
    places = ""
    while isinstance(error, SourceError):
        places += f"{error.place}: "
        text, start, error = error.text, error.start, error.error
    return places, text, error, start


def redacted_error(text: str, input_error: InputError, start: int = 0) -> tuple[str, InputError]:
    """Return a text and its error, both without secrets.

    Args:
        text: The text.
        input_error: The error.
        start: Offset of the text; it is subtracted from the error's offsets.
    """
    shown = redacted_statement(text, input_error.start - start, input_error.end - start)
    if shown is None:
        return REDACTED, InputError(
            _QUOTED.sub(REDACTED, input_error.reason), 0, 0, input_error.hint
        )
    reason, hint = map(shown.scrubber.text, (input_error.reason, input_error.hint))
    return shown.text, InputError(reason, shown.start, shown.end, hint)
