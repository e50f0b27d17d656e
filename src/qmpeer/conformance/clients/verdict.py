"""The verdict on one case: what the client should have made of the server, and what it did."""

import re
from typing import Final

from qmpeer.conformance.clients.case import ClientCase, Duty, Listening
from qmpeer.conformance.clients.conversation import Record
from qmpeer.conformance.clients.program import Ending
from qmpeer.conformance.results import Outcome, Result
from qmpeer.messages import shown_text

_ERROR: Final = re.compile(r"error|exception|panic", re.IGNORECASE)
_EXPECTED: Final = {
    Duty.SUCCEED: "the client ends with status 0 after a reply",
    Duty.FAIL: "the client ends in time, with a status other than 0",
    Duty.END: "the client ends in time",
}


def judged(case: ClientCase, record: Record, ending: Ending, text: bytes = b"") -> Result:
    """Return the result of a case.

    Args:
        case: The case.
        record: What happened at the server.
        ending: How the client ended.
        text: A text that a client that succeeds has in its output.
    """
    found = _found(case, record, ending, text)
    seconds = ending.seconds
    if found:
        sent, received = bytes(record.sent), bytes(record.received)
        expected = _EXPECTED[case.duty]
        return Result(case.case, Outcome.FAILED, seconds, sent, received, expected, found)
    if case.needs_id and not record.has_happened:
        found = "the client's commands have no id"
        return Result(case.case, Outcome.SKIPPED, seconds, found=found)
    return Result(case.case, Outcome.PASSED, seconds)


def _found(case: ClientCase, record: Record, ending: Ending, text: bytes) -> str:
    """Return what the client did wrong, "" if nothing."""
    status = ending.status
    if status is None:
        return ending.reason
    if status < 0:
        return f"it was ended by signal {-status}{_last_words(ending)}"
    if case.duty is Duty.SUCCEED:
        return _found_instead_of_success(record, ending, text)
    if case.needs_id and not record.sends_ids:
        return ""
    if case.listening is Listening.AT_ONCE and not record.has_happened:
        return f"it ended with status {status} before anything was wrong{_last_words(ending)}"
    if case.duty is Duty.FAIL and status == 0:
        return "it ended with status 0"
    return ""


def _found_instead_of_success(record: Record, ending: Ending, text: bytes) -> str:
    if ending.status:
        return f"it ended with status {ending.status}{_last_words(ending)}"
    if not record.replies:
        return "it ended with status 0, but no command of it was answered"
    if text not in ending.output:
        return f"{shown_text(text.decode(errors='replace'))!r} isn't in its output"
    return "; ".join(record.mistakes)


def _last_words(ending: Ending) -> str:
    """Return the last line of a client's errors that names one, else the last line."""
    lines = ending.errors.decode(errors="replace").strip().splitlines()
    telling = [line for line in lines if _ERROR.search(line)] or lines
    return f": {shown_text(telling[-1].strip())}" if telling else ""
