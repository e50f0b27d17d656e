"""The differences between a script and what happened."""

from collections.abc import Iterator
from enum import Enum
from math import inf

import msgspec

from qmpeer.display.safe_text import visible
from qmpeer.messages.shown_values import shown_value
from qmpeer.replay.differences import Difference
from qmpeer.replay.report import ReportedCommand
from qmpeer.values import UnsetType


class Kind(Enum):
    """The kinds of mismatches, as a report names them.

    Attributes:
        UNEXPECTED: A command came that no rule answers.
        TOO_OFTEN: A command came more often than its rule answers.
        OUT_OF_ORDER: A command came before others that were expected first.
        NOT_MET: A rule wasn't asked as often as it must be.
        DRIFT: Something doesn't fit the schema: what came, or what the script says.
        DEPRECATED: A command came that uses something deprecated.
        FAILED: A function of the script raised an error.
    """

    UNEXPECTED = "unexpected"
    TOO_OFTEN = "too often"
    OUT_OF_ORDER = "out of order"
    NOT_MET = "not met"
    DRIFT = "not in the schema"
    DEPRECATED = "deprecated"
    FAILED = "failed"


def waived_kinds(*, allow_unexpected: bool, allow_unmet: bool) -> frozenset[Kind]:
    """Return the kinds of mismatches that are allowed.

    Args:
        allow_unexpected: Allow commands that no rule answers, or not again, or not yet.
        allow_unmet: Allow rules that weren't asked as often as they must be.
    """
    unexpected = (Kind.UNEXPECTED, Kind.TOO_OFTEN, Kind.OUT_OF_ORDER) if allow_unexpected else ()
    return frozenset((*unexpected, *((Kind.NOT_MET,) if allow_unmet else ())))


class Mismatch(msgspec.Struct, frozen=True):
    """One difference between a script and what happened.

    Attributes:
        kind: Its kind.
        command: The command that came, or the rule that wasn't met.
        nearest: The nearest rule; None if there is none.
        differences: The differences between the command's arguments and the expected ones.
        note: A sentence about it; "" for none.
        more: The mismatches after this one that aren't listed.
    """

    kind: Kind
    command: ReportedCommand
    nearest: ReportedCommand | None = None
    differences: tuple[Difference, ...] = ()
    note: str = ""
    more: int = 0

    def __str__(self) -> str:
        return "\n  ".join(self.lines())

    def lines(self) -> Iterator[str]:
        """Give the lines of its text: the command, the nearest rule, the differences."""
        yield f"{self.kind.value}: {self.command}"
        if self.note:
            yield visible(self.note)
        if self.nearest is not None:
            yield f"nearest: {self.nearest}"
        for each in self.differences:
            yield visible(_text(each))
        if self.more:
            yield f"… and {self.more} more"


def _text(difference: Difference) -> str:
    found, expected = difference.found, difference.recorded
    if isinstance(found, UnsetType):
        return f"{difference.path}: missing, expected {shown_value(expected)}"
    if isinstance(expected, UnsetType):
        return f"{difference.path}: found {shown_value(found)}, expected none"
    return f"{difference.path}: found {shown_value(found)}, expected {shown_value(expected)}"


def times_text(least: int, most: float) -> str:
    """Return how often a rule is to be asked.

    Example:
        >>> times_text(1, 1), times_text(2, 3), times_text(1, inf)
        ('once', '2 to 3 times', 'at least once')
    """
    if least == most:
        return _count(least)
    if most == inf:
        return f"at least {_count(least)}" if least else "any number of times"
    return f"{least} to {most:g} times" if least else f"at most {_count(int(most))}"


def _count(number: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number} times")


def asked_text(asked: int) -> str:
    """Return how often a rule was asked."""
    return f"was asked {_count(asked)}" if asked else "was never asked"
