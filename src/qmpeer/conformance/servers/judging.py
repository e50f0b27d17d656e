"""The judge: the chosen cases, tried one after the other, each with a result."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Final

from qmpeer import limits
from qmpeer.conformance.report import Report
from qmpeer.conformance.results import Case, Level, Outcome, Result
from qmpeer.conformance.servers.cases import ENTRIES
from qmpeer.conformance.servers.facts import Facts, learn
from qmpeer.conformance.servers.fuzzing import FUZZ, fuzz
from qmpeer.conformance.servers.table import BOTH, TableEntry
from qmpeer.conformance.servers.target import RunningServer, StartedServer, Target
from qmpeer.conformance.servers.trial import Trial, open_connection, why_gone
from qmpeer.conformance.servers.verdicts import Mismatch, NotTried
from qmpeer.transport import AddressLike

_NEEDS_LEAVE: Final = "it changes the machine, which needs --may-change (may_change=True)"
_HAS_ENDED: Final = "the server has ended, as an earlier case had to"


def entries(
    suite: str = "server", level: Level = Level.AS_QEMU, pattern: str = ""
) -> tuple[TableEntry, ...]:
    """Return the cases of a suite, in the order in which they are tried.

    Args:
        suite: "server" or "agent".
        level: The weakest level.
        pattern: A regular expression to find in the name, or a rule: "R9".

    Raises:
        ValueError: If the suite is unknown, or the pattern is malformed.
    """
    if suite not in ("server", "agent"):
        raise ValueError(f"found the suite {suite!r}, expected server or agent")
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"found {pattern!r}, expected a pattern: {error}") from None
    return tuple(
        entry
        for entry in ENTRIES
        if suite in entry.suites
        and level.includes(entry.case.level)
        and (expression.search(entry.case.name) or pattern == entry.case.rule)
    )


def cases(
    suite: str = "server", level: Level = Level.AS_QEMU, pattern: str = ""
) -> tuple[Case, ...]:
    """Return the cases of a suite; the arguments and errors are those of `judge`."""
    return tuple(entry.case for entry in entries(suite, level, pattern))


def judge(
    address: AddressLike | None = None,
    *,
    command: Sequence[str] = (),
    suite: str = "server",
    level: Level = Level.AS_QEMU,
    pattern: str = "",
    timeout: float = limits.CONFORMANCE_TIMEOUT,
    may_change: bool = False,
    fuzz_inputs: int = 0,
    seed: int = 0,
    on_result: Callable[[Result], None] | None = None,
) -> Report:
    """Check whether a QMP server keeps the rules of the protocol.

    Each case has a connection of its own. A case that finds something else than it expects fails;
    nothing is raised for that.

    Args:
        address: The address of a running server.
        command: A command line that starts the server, instead of an address: ``{address}`` or
            ``{path}`` in it stands for a unix socket. It is started anew after it has ended.
        suite: "server"; or "agent" for a guest agent.
        level: The weakest level of the cases to try.
        pattern: Try only cases whose name matches this regular expression, or whose rule it is.
        timeout: The seconds until a reply counts as missing.
        may_change: Try cases that change the machine: they stop it, plug something or end it.
        fuzz_inputs: How many random inputs to try besides.
        seed: The seed of the first random input; the next one has the next number.
        on_result: Called with each result as soon as it is there.

    Raises:
        OSError: If the server can't be reached, or started.
        TimeoutError: If it answers nothing at all.
        ValueError: If neither or both of address and command are given; for an unknown suite, a
            pattern that finds nothing or a malformed address; or if only one connection can be
            made to it.
    """
    chosen = entries(suite, level, pattern)
    if not chosen and not fuzz_inputs:
        raise ValueError(f"found no case for {pattern!r}, expected a part of a name, or a rule")
    if (address is None) == (not command):
        raise ValueError("expected an address or a command, and not both")
    target: Target = RunningServer(address) if address is not None else StartedServer(command)
    began = monotonic()
    try:
        judging = _Judging(target, suite, timeout, may_change)
        results = list[Result]()
        for entry in _with_fuzzing(chosen, seed, fuzz_inputs):
            results.append(judging.result_of(entry))
            if on_result is not None:
                on_result(results[-1])
    finally:
        target.close()
    return Report(suite, str(target), tuple(results), monotonic() - began)


def _with_fuzzing(chosen: Sequence[TableEntry], seed: int, count: int) -> Sequence[TableEntry]:
    """Return cases with that of random inputs, if any, before those that end the server."""
    if not count:
        return chosen
    fuzzing = TableEntry(FUZZ, partial(fuzz, seed=seed, count=count), BOTH, ends=False)
    before = [entry for entry in chosen if not entry.ends]
    return [*before, fuzzing, *chosen[len(before) :]]


class _Judging:
    """One run of the judge.

    Args:
        target: The server.
        suite: The suite.
        timeout: The seconds until a reply counts as missing.
        may_change: True to try cases that change the machine.

    Raises:
        OSError: If the server can't be reached.
        TimeoutError: If it answers nothing at all.
    """

    def __init__(self, target: Target, suite: str, timeout: float, may_change: bool) -> None:
        self._target = target
        self._timeout = timeout
        self._may_change = may_change
        self._gone = ""
        self._facts = learn(suite, lambda: open_connection(target, Facts(suite), timeout))

    def result_of(self, entry: TableEntry) -> Result:
        """Try a case and return its result."""
        case = entry.case
        if case.changes and not self._may_change:
            return Result(case, Outcome.SKIPPED, found=_NEEDS_LEAVE)
        if self._gone:
            return Result(case, Outcome.SKIPPED, found=self._gone)
        began = monotonic()
        trial = Trial(self._target, self._facts, case.rule, self._timeout)
        outcome, expected, found = Outcome.PASSED, "", ""
        try:
            entry.run(trial)
        except Mismatch as mismatch:
            outcome, expected, found = Outcome.FAILED, mismatch.expected, mismatch.found
        except NotTried as reason:
            outcome, found = Outcome.SKIPPED, reason.reason
        except OSError as error:
            outcome, expected = Outcome.FAILED, "a connection"
            found = error.strerror or str(error)
        finally:
            trial.close()
        if outcome is not Outcome.SKIPPED and (entry.ends or outcome is Outcome.FAILED):
            gone = self._revive(entry)
            if gone:
                found = f"{found}; then the server was gone: {gone}"
        seconds = monotonic() - began
        if outcome is Outcome.FAILED:
            sent, came = trial.sent, trial.received
            return Result(case, outcome, seconds, sent, came, expected, found)
        return Result(case, outcome, seconds, found=found)

    def _revive(self, entry: TableEntry) -> str:
        """Make the server ready for the next case; return why it wasn't, though it should be."""
        if entry.ends:
            self._target.restart()
            self._gone = "" if self._target.can_restart else _HAS_ENDED
            return ""
        reason = why_gone(self._target, self._facts, self._timeout)
        if reason:
            self._target.restart()
            if not self._target.can_restart:
                self._gone = f"the server is gone since the case {entry.case.name}: {reason}"
        return reason
