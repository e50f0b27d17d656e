"""The cases of a conformance suite, and the result of each."""

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """The weight of a case.

    Attributes:
        MUST: The specification says so.
        SHOULD: Clients in the field rely on it.
        AS_QEMU: QEMU does it: its dialect of JSON, its recovery from errors, its limits.
    """

    MUST = "must"
    SHOULD = "should"
    AS_QEMU = "as-qemu"

    def includes(self, other: "Level") -> bool:
        """Return True if a run of this level has the cases of another one, a stronger one too.

        Example:
            >>> Level.SHOULD.includes(Level.MUST), Level.SHOULD.includes(Level.AS_QEMU)
            (True, False)
        """
        order = list(Level)
        return order.index(other) <= order.index(self)


class Outcome(Enum):
    """The outcome of a case.

    Attributes:
        PASSED: The program did what was expected.
        FAILED: It did something else.
        SKIPPED: The case can't be tried here; the result has the reason.
    """

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a suite.

    Attributes:
        name: Its name, unique in the suite: lower case, with dashes.
        rule: The rule of the protocol that it holds the program to, such as "R9"; of a client's
            suite, what the server does.
        level: Its weight.
        title: What it tries, in one line.
        changes: True if it changes the state of the program, so that it is tried on request only.
    """

    name: str
    rule: str
    level: Level
    title: str
    changes: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one case.

    Attributes:
        case: The case.
        outcome: Its outcome.
        seconds: How long it took.
        sent: What the suite sent to the program.
        received: What came back.
        expected: What was expected, as a sentence without a full stop; empty if it passed.
        found: What was found instead, or the reason for which it was skipped; empty if it passed.
    """

    case: Case
    outcome: Outcome
    seconds: float = 0.0
    sent: bytes = b""
    received: bytes = b""
    expected: str = ""
    found: str = ""
