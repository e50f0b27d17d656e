"""The schema of a running monitor: its answer, and other replies."""

import json
from pathlib import Path

import pytest

from qmpeer import CommandError, CommandInterrupted, Monitor, QMPError, limits
from qmpeer.errors import ConnectionClosed, SchemaSyntaxError
from qmpeer.schema import schema_from_introspection
from qmpeer.sources.live import ask
from tests.corpus import recorded_introspection
from tests.patience import PATIENCE
from tests.sources.scripted import DONE, GREETING, LEAVE, Serve


def test_our_own_monitor_answers(tmp_path: Path) -> None:
    monitor = Monitor(name="vm")
    monitor.command("pause")(lambda: None)
    monitor.start(f"unix:{tmp_path / 'qmp'}")
    try:
        answer = ask(f"unix:{tmp_path / 'qmp'}", PATIENCE)
    finally:
        monitor.stop()
    assert "pause" in [command.name for command in schema_from_introspection(answer).commands()]


@pytest.mark.parametrize("websocket", [False, True], ids=["unix", "ws"])
def test_events_before_the_answer_are_passed_over(serve: Serve, websocket: bool) -> None:
    event = b'{"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 2}}\n'
    answer = recorded_introspection("small-9.2")
    reply = json.dumps({"return": answer}).encode() + b"\n"
    address = serve(GREETING + event, DONE + event, event + reply, websocket=websocket)
    assert ask(address, PATIENCE) == answer


REFUSALS: list[tuple[str, bytes, type[Exception], str]] = [
    (
        "older than the command",
        b'{"error": {"class": "CommandNotFound", "desc": "The command ... has not been found"}}\n',
        CommandError,
        "{} has no query-qmp-schema; QEMU has it since 2.5",
    ),
    (
        "another error",
        b'{"error": {"class": "GenericError", "desc": "not now"}}\n',
        CommandError,
        "not now",
    ),
    ("no JSON", b"hello\n", QMPError, ""),
    ("nested deeply", b'{"return": %b%b}\n' % (b"[" * 9999, b"]" * 9999), QMPError, "nesting"),
]


@pytest.mark.parametrize(
    ("reply", "kind", "expected"),
    [pytest.param(*case, id=name) for name, *case in REFUSALS],
)
def test_a_monitor_without_an_answer(
    reply: bytes, kind: type[Exception], expected: str, serve: Serve
) -> None:
    address = serve(GREETING, DONE, reply)
    with pytest.raises(kind) as caught:
        ask(address, PATIENCE)
    cause = caught.value.__cause__
    assert expected.format(address) in f"{caught.value} {cause}"


def test_an_error_of_the_monitor_keeps_its_class(serve: Serve) -> None:
    for name in ("CommandNotFound", "GenericError"):
        reply = json.dumps({"error": {"class": name, "desc": ""}}).encode() + b"\n"
        with pytest.raises(CommandError) as caught:
            ask(serve(GREETING, DONE, reply), PATIENCE)
        assert caught.value.error_class == name
        assert caught.value.command == "query-qmp-schema"


def test_a_guest_agent_has_no_greeting(serve: Serve) -> None:
    """An agent sends nothing on its own; the timeout for the greeting ends the wait."""
    with pytest.raises(TimeoutError, match=r"hasn't greeted in 0\.05 s"):
        ask(serve(b""), 0.05)


def test_a_monitor_that_does_not_answer_in_time(serve: Serve) -> None:
    with pytest.raises(TimeoutError, match="query-qmp-schema"):
        ask(serve(GREETING, DONE, b""), 0.3)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [((GREETING, LEAVE), ConnectionClosed), ((GREETING, DONE, LEAVE), CommandInterrupted)],
    ids=["while negotiating", "while asked"],
)
def test_a_monitor_that_leaves(
    texts: tuple[bytes, ...], expected: type[QMPError], serve: Serve
) -> None:
    with pytest.raises(expected, match="closed the connection"):
        ask(serve(*texts), PATIENCE)


@pytest.mark.parametrize("websocket", [False, True], ids=["unix", "ws"])
@pytest.mark.parametrize(
    "texts",
    [(GREETING, DONE, b'{"return": [' + b"1, " * 700), (GREETING, DONE, b"\n" * 2000)],
    ids=["answer", "blank lines"],
)
def test_a_monitor_whose_answer_has_no_end(
    texts: tuple[bytes, ...],
    websocket: bool,
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "SCHEMA_SIZE", 1000)
    address = serve(*texts, websocket=websocket)
    with pytest.raises(SchemaSyntaxError) as caught:
        ask(address, PATIENCE)
    assert str(caught.value) == f"{address} sends too much: at most 1000 bytes are read"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("unix:/nowhere/at/all", FileNotFoundError),
        ("tcp:", ValueError),
        ("ftp://localhost/", ValueError),
    ],
)
def test_an_address_where_nobody_is(address: str, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        ask(address, PATIENCE)
