"""The end of a connection: who caused it, the reason, and the commands that it cuts off."""

import pytest

from qmpeer.errors import CommandInterrupted, ConnectionClosed
from qmpeer.protocol import CLOSED_BY_US, ClientSession, closing_error, cut_off, server_has_left


@pytest.fixture
def session() -> ClientSession[str]:
    return ClientSession(negotiate=False)


@pytest.mark.parametrize(
    ("error", "has_left"),
    [
        (None, True),
        (ConnectionResetError(), True),
        (BrokenPipeError(), True),
        (TimeoutError(), False),
        (OSError("out of memory"), False),
        (ConnectionClosed(CLOSED_BY_US), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whose_doing_it_was(error: Exception | None, has_left: bool) -> None:
    assert server_has_left(error) is has_left


def test_the_reason(session: ClientSession[str]) -> None:
    reset = ConnectionResetError("gone")
    assert closing_error(session, None, None).reason == "the server closed the connection"
    assert closing_error(session, reset, None).reason == "gone"
    assert closing_error(session, reset, None).__cause__ is reset
    assert closing_error(session, reset, "qemu ended with signal 9").reason.endswith("signal 9")


def test_the_reason_of_what_the_peer_did_wrong(session: ClientSession[str]) -> None:
    session.receive_data(b"SSH-2.0-OpenSSH\r\n")
    closed = closing_error(session, session.failure, None)
    assert "SSH-2.0" in closed.reason
    assert closed.__cause__ is session.failure


def test_commands_under_way_are_interrupted(session: ClientSession[str]) -> None:
    session.execute("stop", None, "a")
    session.execute("cont", None, "b")
    reset = ConnectionResetError()
    cut = cut_off(session, "gone", reset)
    assert cut.interrupted == ("stop", "cont")
    assert [outcome.token for outcome in cut.outcomes] == ["a", "b"]
    for outcome in cut.outcomes:
        assert isinstance(outcome.error, CommandInterrupted)
        assert outcome.error.reason == "gone"
        assert outcome.error.__cause__ is reset


@pytest.mark.parametrize(
    ("error", "interrupted"), [(None, ()), (ConnectionClosed(CLOSED_BY_US), ("quit",))]
)
def test_quit_has_succeeded_if_the_server_leaves(
    session: ClientSession[str], error: Exception | None, interrupted: tuple[str, ...]
) -> None:
    session.execute("quit", None, "a")
    assert cut_off(session, "gone", error).interrupted == interrupted


def test_it_may_be_done_twice(session: ClientSession[str]) -> None:
    session.execute("stop", None, "a")
    assert cut_off(session, "gone", None).interrupted == ("stop",)
    assert cut_off(session, "gone", None).interrupted == ("stop",)
