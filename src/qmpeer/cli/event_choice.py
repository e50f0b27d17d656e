"""Which events are chosen by names and regular expressions."""

import re
from collections.abc import Callable, Sequence

from qmpeer.cli.exits import UsageError
from qmpeer.messages import Event

__all__ = ["choice_of"]

_NAME = re.compile(r"[A-Za-z0-9_.-]*")


def choice_of(words: Sequence[str]) -> tuple[list[str], Callable[[Event], bool] | None]:
    """Return the names that are chosen, or a function of events where a word is no name.

    A name is a regular expression as well, of itself; the whole name of an event has to match.

    Raises:
        UsageError: If a word is neither.

    Example:
        >>> choice_of(["STOP", "RESUME"])
        (['STOP', 'RESUME'], None)
        >>> names, takes = choice_of(["JOB_.*", "STOP"])
        >>> [takes(Event(name, {}, None, 1)) for name in ("JOB_STATUS_CHANGE", "A_STOP")]
        [True, False]
    """
    if all(map(_NAME.fullmatch, words)) and not any("." in word for word in words):
        return list(words), None
    patterns = []
    for word in words:
        try:
            patterns.append(re.compile(word))
        except re.error as error:
            raise UsageError(f"found {word!r}, expected a name or a pattern: {error}") from error
    return [], lambda event: any(pattern.fullmatch(event.name) for pattern in patterns)
