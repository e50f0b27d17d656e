"""What is shown: nothing raw, in the width that there is."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.client import JobState
from qmpeer.errors import CommandError, ConnectionClosed
from qmpeer.messages import Event, Timestamp
from qmpeer.shell.colours import PLAIN, TERMINAL, palette_for
from qmpeer.shell.event_lines import EventFilter, Pace, event_line
from qmpeer.shell.explaining import Outcome, explanation, outcome_of
from qmpeer.shell.job_watch import progress_bar
from qmpeer.shell.json_text import json_text
from qmpeer.shell.mistakes import Mistake, SourceError, marked
from qmpeer.shell.settings import Settings
from qmpeer.shell.tables import is_tabular, table_text
from qmpeer.shell.visible import (
    columns,
    cut,
    for_encoding,
    one_line,
    visible,
    visible_lines,
    wrapped,
)
from tests.growth import assert_linear

HOSTILE = "\x1b]0;title\x07\x9b2J\r\b\x00\u202e\u2028 é ☃"
OURS = re.compile(r"\x1b\[[0-9;]*m")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


def is_harmless(text: str) -> bool:
    return all(line.isprintable() for line in OURS.sub("", text).split("\n"))


@given(json_values, st.integers(1, 100))
def test_any_value_is_shown_harmlessly_and_in_full(value: Any, width: int) -> None:
    text = json_text(value, width, TERMINAL)

    assert is_harmless(text)
    assert json.loads(OURS.sub("", text)) == value
    assert json.loads(one_line(value)) == value


@given(
    st.lists(
        st.dictionaries(st.text(), json_values, min_size=1, max_size=4), min_size=1, max_size=3
    ),
    st.integers(10, 90),
)
def test_any_table_is_harmless_and_fits(rows: list[dict[str, Any]], width: int) -> None:
    text, _ = table_text(rows, width, PLAIN)

    assert is_harmless(text)
    assert all(columns(line) <= max(width, 20) for line in text.split("\n"))


@given(st.text())
def test_any_text_becomes_visible(text: str) -> None:
    assert visible(text).isprintable()
    assert is_harmless(visible_lines(text))


def test_deep_values_are_shown() -> None:
    value: Any = 1
    for _ in range(1000):
        value = [value]

    assert is_harmless(json_text(value))


@pytest.mark.parametrize(
    ("encoding", "text"), [("ascii", "\\xe9 \\u2603"), ("latin-1", "é \\u2603"), ("utf-8", "é ☃"),
                           ("no-such", "\\xe9 \\u2603"), (None, "é ☃")]
)  # fmt: skip
def test_terminals_that_are_not_utf_8(encoding: str | None, text: str) -> None:
    assert for_encoding("é ☃", encoding) == text


def test_cutting_counts_columns() -> None:
    assert cut("日本語", 4) == "日…"
    assert cut("abc", 3) == "abc"


# --- Tables -------------------------------------------------------------------------------------


def test_a_well_known_command_shows_what_matters() -> None:
    rows: Any = [
        {"cpu-index": 0, "thread-id": 100, "qom-path": "/machine/cpu[0]", "target": "x86_64",
         "props": {"core-id": 0}},
        {"cpu-index": 10, "thread-id": 101, "qom-path": "/machine/cpu[1]", "target": "x86_64"},
    ]  # fmt: skip
    text, says_enough = table_text(rows, 80, PLAIN, "query-cpus-fast")

    assert text.split("\n") == [
        "cpu-index  thread-id  qom-path         target",
        "        0        100  /machine/cpu[0]  x86_64",
        "       10        101  /machine/cpu[1]  x86_64",
        "(also: props.core-id)",
    ]
    assert says_enough


def test_what_does_not_fit_is_told() -> None:
    text, says_enough = table_text([{f"member{n}": "x" * 30 for n in range(5)}], 20)

    assert text.split("\n")[-1] == "(also: member2, mem…"
    assert says_enough


DISKS: list[Any] = [
    {"device": "", "qdev": f"/machine/peripheral/disk{n}/virtio-backend", "locked": False,
     "inserted": {"node-name": f"node{n}", "drv": "raw", "file": f"/srv/disk{n}.raw"}}
    for n in range(2)
]  # fmt: skip


@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_table_lacks_what_matters_least(width: int) -> None:
    text, says_enough = table_text(DISKS, width, PLAIN, "query-block")

    assert says_enough
    assert all(f"node{n}" in line for n, line in enumerate(text.split("\n")[1:3]))


@pytest.mark.parametrize(
    ("row", "width", "answer"),
    [
        ({"a": "x" * 80}, 80, True),
        ({"a": "x" * 80}, 79, False),
        ({"a": "x" * 80, "b": 1}, 80, True),
        ({"a": "x" * 80, "b": 1}, 4, False),
        ({"a": "x", "b": ""}, 80, False),
    ],
)
def test_a_table_that_says_enough(row: dict[str, Any], width: int, answer: bool) -> None:
    assert table_text([row], width)[1] is answer


# --- Lines --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "width", "parts"),
    [
        ("", 20, [""]),
        ("as wide as there is", 19, ["as wide as there is"]),
        ("one more than fits", 17, ["one more than", "    fits"]),
        ("  indented by two more", 18, ["  indented by two", "      more"]),
        ("set [timing on|off]", 18, ["set", "    [timing on|off]"]),
        ("\x1b[1mone\x1b[0m two", 7, ["\x1b[1mone\x1b[0m two"]),
        ("日本 日本", 8, ["日本", "    日本"]),
        ("word-that-is-too-long b", 8, ["word-that-is-too-long", "    b"]),
    ],
)
def test_lines_break_at_blanks(line: str, width: int, parts: list[str]) -> None:
    assert list(wrapped(line, width)) == parts


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ([{"a": 1}], True),
        ([], False),
        ([{}], False),
        ([1], False),
        ({"a": 1}, False),
        (None, False),
    ],
)
def test_what_makes_a_table(value: Any, answer: bool) -> None:
    assert is_tabular(value) is answer


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
    assert list(marked(text, Mistake("", *extent), width)) == lines


@given(st.text(), st.integers(0, 50), st.integers(0, 50), st.integers(5, 60))
def test_any_mark_fits(text: str, start: int, length: int, width: int) -> None:
    start = min(start, len(text))
    for line in marked(text, Mistake("", start, min(start + length, len(text))), width):
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
    pace = Pace(3, 1.0)
    assert sum(pace.take(n / 1000) for n in range(1000)) == 3
    assert (pace.take_left_out(), pace.take_left_out()) == (997, 0)


# --- The rest -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "text", "outcome"),
    [
        (CommandError("GenericError", "no\x1b[2J\nway"), "GenericError: no\\u001b[2J way",
         Outcome.REFUSED),
        (Mistake("wrong", 0, 1, "right?"), "wrong; right?", Outcome.REFUSED),
        (Mistake("wrong", 0, 1, is_syntax=True), "wrong", Outcome.UNREADABLE),
        (ConnectionClosed("gone"), "gone", Outcome.LOST),
        (TimeoutError("too late"), "too late", Outcome.LOST),
        (FileNotFoundError(2, "No such file", "x"), "x: No such file", Outcome.UNREADABLE),
        (SourceError("f:3", "", CommandError("A", "b")), "f:3: A: b", Outcome.REFUSED),
    ],
    ids=repr,
)  # fmt: skip
def test_explanations(error: Exception, text: str, outcome: Outcome) -> None:
    assert (explanation(error), outcome_of(error)) == (text, outcome)


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
        ("output", "xml", "output is one of auto, json, table, raw"),
        ("timing", "1", "timing is one of on, off"),
        ("timeout", "-1", "timeout is a number of seconds, or none"),
        ("timeout", "nan", "timeout is a number of seconds, or none"),
    ],
)
def test_settings_that_can_not_be(name: str, value: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        Settings().set(name, value)


class Stream:
    def __init__(self, is_terminal: bool) -> None:
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.mark.parametrize(
    ("is_terminal", "environment", "is_coloured"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_colours(is_terminal: bool, environment: dict[str, str], is_coloured: bool) -> None:
    palette = palette_for(Stream(is_terminal), environment)  # type: ignore[arg-type]  # enough

    assert palette.is_coloured is is_coloured


@pytest.mark.parametrize("name", ["n", "n{}"])
def test_a_long_table_takes_no_long_time(name: str) -> None:
    assert_linear(lambda size: table_text([{name.format(n): n} for n in range(size)], 80), 4000)
