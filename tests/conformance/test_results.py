"""The cases of a suite and their results."""

from qmpeer.conformance import Case, Level, Outcome, Result


def test_a_result_without_more_is_plain() -> None:
    """A case that passed carries nothing to explain."""
    case = Case("greeting", "R13", Level.MUST, "the server greets first")
    result = Result(case, Outcome.PASSED)
    assert (result.expected, result.found, result.sent) == ("", "", b"")
