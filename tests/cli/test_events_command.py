"""``qmpeer events`` for people: filtered, with times, on a terminal."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qmpeer.cli.events_command import _time
from qmpeer.messages import Event, Timestamp
from tests.cli.programs import at_terminal, run_here
from tests.cli.scripted_server import Scripted


@contextmanager
def emitting(server: Scripted, *names: str, **data: str) -> Iterator[None]:
    """Send events all the time, as no one can see when a client begins to listen for them."""
    is_over = threading.Event()

    def emit() -> None:
        while not is_over.wait(0.005):
            for name in names:
                server.emit(name, data)

    thread = threading.Thread(target=emit)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Scripted]:
    with Scripted(tmp_path / "q", {}) as server:
        yield server


def test_at_a_terminal(server: Scripted) -> None:
    with emitting(server, "CHANGED", "OTHER", text="\x1b[2J\x9b1m é"):
        shown = at_terminal("events", server.address, "CHA.*", "--count", "2", columns=100)
    assert shown.status == 0
    for line in shown.lines:
        assert re.fullmatch(
            r'\d\d:\d\d:\d\d\.\d\d\d CHANGED \{"text": "\\u001b\[2J\\u009b1m é"\}', line
        )
    assert len(shown.lines) == 2
    assert b"\x1b[33;1mCHANGED\x1b[0m" in shown.raw
    assert b"\x1b[2J" not in shown.raw


def test_at_a_terminal_without_colours(server: Scripted) -> None:
    with emitting(server, "CHANGED"):
        words = ("events", server.address, "--count", "1", "--time", "none")
        shown = at_terminal(*words, NO_COLOR="1")
    assert shown.raw == b"CHANGED\r\n"


@pytest.mark.parametrize("is_json", [True, False])
def test_forms_can_be_chosen(server: Scripted, is_json: bool) -> None:
    """Outside terminals JSON is written unless --text is given; on a terminal it is the reverse."""
    words = ["events", server.address, "CHANGED", "--count", "1", "--time", "full"]
    with emitting(server, "OTHER", "CHANGED", a="b"):
        if is_json:
            (line,) = at_terminal(*words, "--json", columns=200).lines
            assert json.loads(line)["data"] == {"a": "b"}
        else:
            done = run_here(*words, "--text")
            form = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d CHANGED \{\"a\": \"b\"\}\n"
            assert re.fullmatch(form, done.out.decode())


def test_a_pattern_and_too_few(server: Scripted) -> None:
    words = ["events", server.address, "NO.*", "--count", "1", "--timeout", "1"]
    with emitting(server, "CHANGED"):
        done = run_here(*words)
    assert done == (3, b"", b"qmpeer events: found 0 events in 1 s, expected 1\n")


def test_times() -> None:
    before: list[float] = []
    event = Event("X", {}, Timestamp(100, 250_000))
    assert _time(event, "clock", before) is None
    assert _time(event, "none", before) == ""
    assert _time(event, "since", before) == "+0.000000"
    assert _time(Event("X", {}, Timestamp(101, 0)), "since", before) == "+0.750000"
    assert str(_time(event, "full", before)).startswith("19")
    for odd in (None, Timestamp(-1, -1), Timestamp(1 << 62, 0)):
        assert _time(Event("X", {}, odd), "full", before) is None
