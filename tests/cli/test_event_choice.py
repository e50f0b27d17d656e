"""Events chosen by names and by regular expressions."""

import re

import pytest

from qmpeer.cli.events_command import choice_of
from qmpeer.cli.exits import UsageError
from qmpeer.messages import Event


@pytest.mark.parametrize("words", [[], ["STOP"], ["STOP", "guest-x"]], ids=str)
def test_names(words: list[str]) -> None:
    assert choice_of(words) == (words, None)


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        (["JOB_.*"], ["JOB_STATUS_CHANGE"]),
        (["JOB"], []),
        ([".*JOB.*"], ["BLOCK_JOB_READY", "JOB_STATUS_CHANGE"]),
        (["STOP|RESUME"], ["STOP"]),
        (["(?i)stop", "JOB.+"], ["JOB_STATUS_CHANGE", "STOP"]),
    ],
    ids=str,
)
def test_patterns(words: list[str], chosen: list[str]) -> None:
    names, takes = choice_of(words)
    takes = takes or (lambda event: event.name in names)
    there = ("BLOCK_JOB_READY", "JOB_STATUS_CHANGE", "STOP", "STOPPED")
    assert [name for name in there if takes(Event(name, {}))] == chosen


def test_neither() -> None:
    with pytest.raises(UsageError, match=re.escape("found '(', expected a name or a pattern: ")):
        choice_of(["("])
