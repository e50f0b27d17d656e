"""Output: no control characters, and no line wider than the terminal."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.client import JobState
from qmpeer.display.colours import TERMINAL
from qmpeer.display.safe_text import (
    columns,
)
from qmpeer.errors import CommandError, ConnectionClosed
from qmpeer.messages import Event, Timestamp
from qmpeer.shell.event_lines import EventFilter, EventRateLimit, event_line
from qmpeer.shell.input_errors import InputError, SourceError, marked_lines
from qmpeer.shell.job_watch import progress_bar
from qmpeer.shell.outcomes import Outcome, error_text, outcome_of
from qmpeer.shell.settings import Settings
from tests.display.harmless import HOSTILE, is_harmless

# --- Marks --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "extent", "width", "lines"),
    [
        ("stop now=1", (5, 8), 80, ["stop now=1", "     ^^^"]),
        ("stop", (4, 4), 80, ["stop", "    ^"]),
        ("a\nstop now=1\nb", (7, 10), 80, ["stop now=1", "     ^^^"]),
        ("é☃ 日本 x", (6, 7), 80, ["é☃ 日本 x", "        ^"]),
        ("a\tb", (2, 3), 80, ["a\\u0009b", "       ^"]),
        ("x" * 50 + " now=1 " + "y" * 50, (51, 54), 30,
         ["…xxxxxxxx now=1 yyyyyyyyyyyyy…", "          ^^^"]),
        ("a " + "b" * 500, (2, 502), 20, ["a bbbbbbbbbbbbbbbbb…", "  " + "^" * 18]),
    ],
)  # fmt: skip
def test_marks(text: str, extent: tuple[int, int], width: int, lines: list[str]) -> None:
    assert list(marked_lines(text, InputError("", *extent), width)) == lines


@given(st.text(), st.integers(0, 50), st.integers(0, 50), st.integers(5, 60))
def test_any_mark_fits(text: str, start: int, length: int, width: int) -> None:
    start = min(start, len(text))
    for line in marked_lines(text, InputError("", start, min(start + length, len(text))), width):
        assert columns(line) <= width + 1
        assert line.isprintable()


# --- Events -------------------------------------------------------------------------------------


def test_an_event_is_one_harmless_line() -> None:
    line = event_line(Event(HOSTILE, {HOSTILE: HOSTILE}, Timestamp(10**30, 1)), TERMINAL)

    assert is_harmless(line)
    assert "\n" not in line
    assert event_line(Event("STOP", {}, None)) == "STOP"
    assert event_line(Event("A", {"b": 1}, Timestamp(-1, -1))) == 'A {"b": 1}'
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.042 STOP", event_line(Event("STOP", {}, Timestamp(9, 42_000)))
    )


def test_a_long_event_is_cut() -> None:
    assert len(event_line(Event("A", {"b": "x" * 1_000_000}))) < 1100


def test_the_filter() -> None:
    stop, change = Event("STOP", {}), Event("CHANGED", {"id": "vnc0"})
    events = EventFilter()
    assert events.takes(stop)
    events.set("off")
    assert not events.takes(stop)
    events.set("vnc|RESUME")
    assert (events.takes(stop), events.takes(change)) == (False, True)
    assert str(events) == "those that match vnc|RESUME"
    events.set("on")
    assert events.takes(stop)
    with pytest.raises(re.error):
        events.set("(")


def test_the_pace() -> None:
    rate_limit = EventRateLimit(3, 1.0)
    assert sum(rate_limit.take(n / 1000) for n in range(1000)) == 3
    assert (rate_limit.take_omitted(), rate_limit.take_omitted()) == (997, 0)


# --- The rest -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "text", "outcome"),
    [
        (CommandError("GenericError", "no\x1b[2J\nway"), "GenericError: no\\u001b[2J way",
         Outcome.REFUSED),
        (InputError("wrong", 0, 1, "right?"), "wrong; right?", Outcome.REFUSED),
        (InputError("wrong", 0, 1, is_syntax=True), "wrong", Outcome.UNREADABLE),
        (ConnectionClosed("gone"), "gone", Outcome.LOST),
        (TimeoutError("too late"), "too late", Outcome.LOST),
        (FileNotFoundError(2, "No such file", "x"), "x: No such file", Outcome.UNREADABLE),
        (SourceError("f:3", "", CommandError("A", "b")), "f:3: A: b", Outcome.REFUSED),
    ],
    ids=repr,
)  # fmt: skip
def test_explanations(error: Exception, text: str, outcome: Outcome) -> None:
    assert (error_text(error), outcome_of(error)) == (text, outcome)


@pytest.mark.parametrize("width", [1, 10, 20, 80])
def test_a_bar_fits(width: int) -> None:
    bar = progress_bar(JobState("job0", "running", "backup", 5, 10), width)

    assert "50%" in bar
    assert len(bar) <= max(width, 16)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        (
            "colour",
            "on",
            "there is no setting 'colour', expected one of output, timing, pager, timeout",
        ),
        ("output", "xml", "output must be one of auto, json, table, raw"),
        ("timing", "1", "timing must be one of on, off"),
        ("timeout", "-1", "timeout must be a number of seconds, or none"),
        ("timeout", "nan", "timeout must be a number of seconds, or none"),
    ],
)
def test_settings_that_can_not_be(name: str, value: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        Settings().set(name, value)
