"""The report of a suite: the result of each case that was chosen."""

from collections.abc import Iterator
from dataclasses import dataclass

from qmpeer import limits
from qmpeer.conformance.results import Outcome, Result
from qmpeer.display.safe_text import visible
from qmpeer.messages.redaction import redact_text


@dataclass(frozen=True, slots=True)
class Report:
    """The results of a suite, in the order in which the cases were tried.

    ``str(report)`` is the text that ``qmpeer conformance`` prints.

    Attributes:
        suite: What was judged: "server", "agent" or "client".
        target: The address or the command line of the program.
        results: The result of each case.
        seconds: How long it all took.
    """

    suite: str
    target: str
    results: tuple[Result, ...]
    seconds: float = 0.0

    @property
    def passed(self) -> tuple[Result, ...]:
        """The results of the cases that passed."""
        return self._of(Outcome.PASSED)

    @property
    def failed(self) -> tuple[Result, ...]:
        """The results of the cases that failed."""
        return self._of(Outcome.FAILED)

    @property
    def skipped(self) -> tuple[Result, ...]:
        """The results of the cases that couldn't be tried."""
        return self._of(Outcome.SKIPPED)

    def _of(self, outcome: Outcome) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.outcome is outcome)

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def _lines(report: Report) -> Iterator[str]:
    for result in report.failed:
        yield from result_lines(result)
        yield ""
    reasons: dict[str, list[str]] = {}
    for result in report.skipped:
        reasons.setdefault(result.found, []).append(result.case.name)
    for reason, names in reasons.items():
        yield f"skipped, {visible(reason)}:"
        yield f"  {', '.join(names)}"
    counts = f"{len(report.passed)} passed, {len(report.failed)} failed"
    if report.skipped:
        counts += f", {len(report.skipped)} skipped"
    yield f"{report.suite} {visible(report.target)}: {counts}, in {report.seconds:.1f} s"


def result_lines(result: Result) -> Iterator[str]:
    """Give the lines about a case that failed: what it tries, and what happened."""
    case = result.case
    yield f"FAILED {case.name} ({case.level.value}, {case.rule}): {case.title}"
    for name, data in (("sent", result.sent), ("came", result.received)):
        before = f"  {name:8}  "
        for line in bytes_text(data).splitlines() or ["nothing"]:
            yield before + line
            before = " " * len(before)
    yield f"  expected  {visible(redact_text(result.expected))}"
    yield f"  found     {visible(redact_text(result.found))}"


def bytes_text(data: bytes) -> str:
    r"""Return bytes as lines of printable ASCII, without secrets, cut in the middle if long.

    All other bytes are escaped, line ends too; each line ends behind an LF.

    Example:
        >>> print(bytes_text(b'{"return": {}}\r\n\xff{"return": 7}\n'))
        {"return": {}}\r\n
        \xff{"return": 7}\n
    """
    most = limits.CONFORMANCE_SHOWN
    if len(data) > most:
        left = len(data) - most
        middle = f"… {left} more bytes …"
        return f"{_escaped(data[: most // 2])}\n{middle}\n{_escaped(data[-most // 2 :])}"
    return _escaped(data)


def _escaped(data: bytes) -> str:
    text = redact_text(data.decode("latin-1"))
    shown = text.encode("unicode_escape").decode("ascii").replace("\\\\", "\\")
    return shown.replace("\\n", "\\n\n").removesuffix("\n")
