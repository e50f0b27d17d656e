"""The table of cases: what each is called, which rule it cites, how it is tried."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from qmpeer.conformance.results import Case, Level
from qmpeer.conformance.servers.answers import Answer
from qmpeer.conformance.servers.connection import Connection
from qmpeer.conformance.servers.trial import Trial

Try = Callable[[Trial], None]
"""Tries a case; raises Mismatch or NotTried."""

SERVERS: Final = frozenset({"server"})
AGENTS: Final = frozenset({"agent"})
BOTH: Final = SERVERS | AGENTS


class TableEntry(NamedTuple):
    """A case with the function that tries it.

    Attributes:
        case: The case.
        run: The function.
        suites: The suites that have it.
        ends: True if it ends the server.
    """

    case: Case
    run: Try
    suites: frozenset[str]
    ends: bool


class Table:
    """The cases of one subject, in the order in which they are tried.

    Args:
        suites: The suites that have a case, unless the case says otherwise.
    """

    def __init__(self, suites: frozenset[str] = SERVERS) -> None:
        self._suites = suites
        self._entries: list[TableEntry] = []

    def __iter__(self) -> Iterator[TableEntry]:
        return iter(self._entries)

    def case(
        self,
        name: str,
        rule: str,
        level: Level,
        title: str,
        *,
        suites: frozenset[str] | None = None,
        changes: bool = False,
        ends: bool = False,
    ) -> Callable[[Try], Try]:
        """Add a case that the decorated function tries.

        Args:
            name: As in `Case`, and so are the next three.
            rule: The rule.
            level: The level.
            title: The title.
            suites: The suites that have it; None for those of the table.
            changes: True if it changes the machine.
            ends: True if it ends the server.
        """

        def add(run: Try) -> Try:
            case = Case(name, rule, level, title, changes)
            self._entries.append(TableEntry(case, run, suites or self._suites, ends))
            return run

        return add

    def exchange(
        self,
        name: str,
        rule: str,
        level: Level,
        title: str,
        sent: bytes,
        *expected: Answer,
        suites: frozenset[str] | None = None,
        state: str = "ready",
    ) -> None:
        """Add a case of bytes that have to be answered with certain replies.

        Args:
            name: As in `Case`, and so are the next three.
            rule: The rule.
            level: The level.
            title: The title.
            sent: The bytes, with PING for the command without effect.
            expected: The replies.
            suites: The suites that have it; None for those of the table.
            state: The state of the connection: "ready", "oob" with out-of-band execution, or
                "greeted" before negotiation.
        """

        def run(trial: Trial) -> None:
            trial.exchange(in_state(trial, state), sent, *expected)

        self.case(name, rule, level, title, suites=suites)(run)


def in_state(trial: Trial, state: str) -> Connection:
    """Return a new connection in a state that `Table.exchange` names."""
    if state == "greeted":
        return trial.greeted()
    return trial.ready("oob") if state == "oob" else trial.ready()
