"""What went wrong, with the line at fault, both without their secrets."""

import re
from collections.abc import Iterator
from typing import Final

from qmpeer.messages import REDACTED
from qmpeer.shell.input_errors import InputError, SourceError, marked_lines
from qmpeer.shell.outcomes import error_text
from qmpeer.shell.secrets import redacted_statement

_QUOTED: Final = re.compile(r"'[^']*'")


def error_report(text: str, error: Exception, width: int, start: int = 0) -> Iterator[str]:
    """Give what went wrong, then the line at fault with a mark below, without their secrets.

    Args:
        text: The statement.
        error: Why it failed.
        width: The columns of the line.
        start: Where the statement begins in the text from whose start a mistake counts.
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
    """Return the places of files that lead to an error, the text there, the error and its start."""
    places = ""
    while isinstance(error, SourceError):
        places += f"{error.place}: "
        text, start, error = error.text, error.start, error.error
    return places, text, error, start


def redacted_error(text: str, input_error: InputError, start: int = 0) -> tuple[str, InputError]:
    """Return a text and what is wrong with it, both without secrets.

    Args:
        text: The text.
        input_error: What is wrong.
        start: What the mistake's place has to be reduced by.
    """
    shown = redacted_statement(text, input_error.start - start, input_error.end - start)
    if shown is None:
        return REDACTED, InputError(
            _QUOTED.sub(REDACTED, input_error.reason), 0, 0, input_error.hint
        )
    reason, hint = map(shown.scrubber.text, (input_error.reason, input_error.hint))
    return shown.text, InputError(reason, shown.start, shown.end, hint)
