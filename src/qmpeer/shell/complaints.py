"""What went wrong, with the line at fault, both without their secrets."""

import re
from collections.abc import Iterator
from typing import Final

from qmpeer.messages import REDACTED
from qmpeer.shell.explaining import explanation
from qmpeer.shell.mistakes import Mistake, SourceError, marked
from qmpeer.shell.secrets import shown_text

_QUOTED: Final = re.compile(r"'[^']*'")


def complaint(text: str, error: Exception, width: int, start: int = 0) -> Iterator[str]:
    """Give what went wrong, then the line at fault with a mark below, without their secrets.

    Args:
        text: The statement.
        error: Why it failed.
        width: The columns of the line.
        start: Where the statement begins in the text from whose start a mistake counts.
    """
    places, text, error, start = innermost(text, error, start)
    if isinstance(error, Mistake):
        line, mistake = shown_mistake(text, error, start)
        yield places + explanation(mistake)
        yield from marked(line, mistake, width)
    else:
        shown = shown_text(text, 0, 0)
        said = explanation(error)
        yield places + (_QUOTED.sub(REDACTED, said) if shown is None else shown.scrubber.text(said))


def innermost(text: str, error: Exception, start: int = 0) -> tuple[str, str, Exception, int]:
    """Return the places of files that lead to an error, the text there, the error and its start."""
    places = ""
    while isinstance(error, SourceError):
        places += f"{error.place}: "
        text, start, error = error.text, error.start, error.error
    return places, text, error, start


def shown_mistake(text: str, mistake: Mistake, start: int = 0) -> tuple[str, Mistake]:
    """Return a text and what is wrong with it, both without secrets.

    Args:
        text: The text.
        mistake: What is wrong.
        start: What the mistake's place has to be reduced by.
    """
    shown = shown_text(text, mistake.start - start, mistake.end - start)
    if shown is None:
        return REDACTED, Mistake(_QUOTED.sub(REDACTED, mistake.reason), 0, 0, mistake.hint)
    reason, hint = map(shown.scrubber.text, (mistake.reason, mistake.hint))
    return shown.text, Mistake(reason, shown.start, shown.end, hint)
