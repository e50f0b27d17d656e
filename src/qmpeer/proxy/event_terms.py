"""The terms on which a client gets events: which ones, and whether with their numbers."""

from collections.abc import Sequence
from typing import Final
from weakref import WeakValueDictionary

from qmpeer import limits
from qmpeer.messages.globs import Glob

_CHARACTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-*")
OWN_EVENTS: Final = "__QMPEER_"
"""The beginning of the names of the proxy's own events, which no policy holds back."""
Patterns = tuple[str, ...] | None
"""Names of events, in which * stands for any text; None for all events."""
_Key = tuple[Patterns, Patterns, bool, frozenset[str] | None]


def read_patterns(patterns: Sequence[str]) -> tuple[str, ...]:
    """Return patterns for names of events, checked.

    Raises:
        ValueError: If there are too many, or one can't be a pattern.

    Example:
        >>> read_patterns(["STOP", "JOB_*", "STOP"])
        ('JOB_*', 'STOP')
    """
    if len(patterns) > limits.PROXY_EVENT_PATTERNS:
        most = limits.PROXY_EVENT_PATTERNS
        raise ValueError(f"found {len(patterns)} patterns of events, expected at most {most}")
    for pattern in patterns:
        if len(pattern) > limits.PROXY_EVENT_PATTERN:
            raise ValueError(
                f"found a pattern of {len(pattern)} characters for names of events, expected at "
                f"most {limits.PROXY_EVENT_PATTERN}"
            )
        if not pattern or not _CHARACTERS.issuperset(pattern):
            raise ValueError(
                f"found {pattern!r}, expected the name of an event, in which * stands for any text"
            )
    return tuple(sorted(set(patterns)))


class EventFilter:
    """A filter of events by name.

    Args:
        patterns: The names that pass, checked by `read_patterns`.

    Example:
        >>> jobs = EventFilter(("JOB_*", "STOP"))
        >>> [jobs.passes(name) for name in ("STOP", "JOB_STATUS_CHANGE", "RESUME")]
        [True, True, False]
    """

    __slots__ = ("_globs", "_names")

    def __init__(self, patterns: Sequence[str]) -> None:
        self._names = frozenset(pattern for pattern in patterns if "*" not in pattern)
        self._globs = [Glob(pattern) for pattern in patterns if "*" in pattern]

    def passes(self, name: str) -> bool:
        """Return True if an event of this name passes."""
        return name in self._names or any(glob(name) for glob in self._globs)


class EventTerms:
    """The terms of one client, or of many whose terms are the same.

    Args:
        allowed: The events that its listener allows.
        chosen: Those that the client has chosen.
        has_numbers: True if its events have their numbers.
        permitted: The names of those that the policy permits; None for all.

    Attributes:
        chosen: The same.
        has_numbers: The same.
    """

    __slots__ = ("__weakref__", "_filters", "_known", "_permitted", "chosen", "has_numbers")

    def __init__(
        self,
        allowed: Patterns,
        chosen: Patterns,
        has_numbers: bool,
        permitted: frozenset[str] | None = None,
    ) -> None:
        self.chosen: Patterns = chosen
        self.has_numbers: bool = has_numbers
        self._permitted = permitted
        both = (allowed, chosen)
        self._filters = [EventFilter(patterns) for patterns in both if patterns is not None]
        self._known: dict[str, bool] = {}

    def allows(self, name: str) -> bool:
        """Return True if the client gets events of this name."""
        permitted = self._permitted
        if permitted is not None and name not in permitted and not name.startswith(OWN_EVENTS):
            return False
        if not self._filters:
            return True
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= limits.PROXY_EVENT_NAMES:
                self._known.clear()
            known = self._known[name] = all(each.passes(name) for each in self._filters)
        return known


class TermsTable:
    """The terms of all clients; those that are the same are one object."""

    __slots__ = ("_terms",)

    def __init__(self) -> None:
        self._terms: WeakValueDictionary[_Key, EventTerms] = WeakValueDictionary()

    def get(
        self,
        allowed: Patterns,
        chosen: Patterns,
        has_numbers: bool,
        permitted: frozenset[str] | None = None,
    ) -> EventTerms:
        """Return the terms with these values; see `EventTerms`."""
        key = (allowed, chosen, has_numbers, permitted)
        terms = self._terms.get(key)
        if terms is None:
            terms = self._terms[key] = EventTerms(*key)
        return terms
