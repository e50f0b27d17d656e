"""Rounds: in each, every contestant of a workload runs once, so other load affects all alike."""

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from benchmarks.rows import Quantity, Row

Sample = Mapping[Quantity, float]


class LeftOutError(Exception):
    """The reason why a contestant can't run here."""


@dataclass(slots=True)
class Contest:
    """The samples of one workload.

    Attributes:
        samples: By contestant, one for each round.
        left_out: By contestant, the reason why it has no samples.
    """

    samples: dict[str, list[Sample]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one row.

    Attributes:
        row: The row.
        ours: The median of our samples; None if there are none.
        theirs: The median of theirs; None if there are none, or if nothing is compared with us.
        ratio: The median of ours against theirs, round by round.
        is_met: True if the bar is met; None if there is no bar or no figure.
        left_out: The reason why a side has no samples, or "".
    """

    row: Row
    ours: float | None
    theirs: float | None
    ratio: float | None
    is_met: bool | None
    left_out: str


def play(measure: Callable[[str], Sample], contestants: Iterable[str], rounds: int) -> Contest:
    """Take one sample of every contestant in every round.

    A contestant that fails is left out of all rounds.

    Args:
        measure: Takes one sample of a contestant.
        contestants: Their names.
        rounds: The number of samples for each one.
    """
    contest = Contest(samples={name: [] for name in contestants})
    for _ in range(rounds):
        for name in list(contest.samples):
            try:
                contest.samples[name].append(measure(name))
            except (LeftOutError, OSError, EOFError) as error:
                contest.left_out[name] = f"{name}: {error or type(error).__name__}"
                del contest.samples[name]
    return contest


def judge(row: Row, contest: Contest) -> Result:
    """Compare a row's two sides, pair by pair, and the outcome with its bar."""
    sides = [name for name in (row.ours, row.theirs) if name]
    left_out = "; ".join(contest.left_out[name] for name in sides if name in contest.left_out)
    ours = _values(contest, row.ours, row.quantity)
    theirs = _values(contest, row.theirs, row.quantity)
    ratio = None
    if ours and theirs:
        ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
    judged = ratio if row.theirs else _median(ours)
    is_met = None if judged is None or row.bar is None else row.bar.holds(judged)
    return Result(row, _median(ours), _median(theirs), ratio, is_met, left_out)


def _values(contest: Contest, name: str | None, quantity: Quantity) -> list[float]:
    return [sample[quantity] for sample in contest.samples.get(name or "", ())]


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None
