"""The client's session with a guest agent: synchronizing, and silent commands."""

import json
from typing import Any

import pytest

from qmpeer.errors import CommandError, CommandInterrupted
from qmpeer.protocol import AgentSession, Completion

Session = AgentSession[str]
FF = b"\xff"
STRAY = b'{"error": {"class": "GenericError", "desc": "JSON parse error, stray \'\\uFFFD\'"}}\n'
OLD_STRAY = b'{"error": {"class": "GenericError", "desc": "Invalid JSON syntax"}}\n'


@pytest.fixture
def session() -> Session:
    return Session(negotiate=False)


def sent_by(session: Session) -> list[dict[str, Any]]:
    data, _ = session.data_to_send()
    return [json.loads(line.removeprefix(FF)) for line in data.splitlines()]


def outcomes(session: Session, data: bytes) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for happened in session.receive_data(data):
        assert isinstance(happened, Completion)
        found.append((happened.token, happened.error or happened.value))
    assert session.failure is None
    return found


def line(value: Any, **more: Any) -> bytes:
    return json.dumps({"return": value, **more}).encode() + b"\n"


def test_the_mark_goes_before(session: Session) -> None:
    session.synchronize("guest-sync-delimited", 77, "sync")
    data, fds = session.data_to_send()
    assert data[:1] == FF
    command = json.loads(data[1:])
    assert (command["execute"], command["arguments"], fds) == (
        "guest-sync-delimited",
        {"id": 77},
        (),
    )


@pytest.mark.parametrize("stray", [STRAY, OLD_STRAY, b""], ids=["7.2", "old", "silent"])
@pytest.mark.parametrize("echoes", [True, False], ids=["ids", "no ids"])
def test_its_own_value_answers_it(session: Session, stray: bytes, echoes: bool) -> None:
    session.synchronize("guest-sync-delimited", 77, "sync")
    (command,) = sent_by(session)
    more = {"id": command["id"]} if echoes else {}
    assert outcomes(session, stray + FF + line(77, **more)) == [("sync", 77)]


def test_late_replies_without_ids_are_passed_over(session: Session) -> None:
    given_up = [session.execute("guest-exec-status", {"pid": n}, f"{n}") for n in range(3)]
    sent_by(session)
    for each in given_up:
        session.give_up(each)
    session.synchronize("guest-sync-delimited", 77, "sync")
    late = line({"exited": False}) + line({}) + line(76)
    late += b'{"error": {"class": "GenericError", "desc": "late"}}\n'
    assert outcomes(session, late) == []
    assert outcomes(session, FF + line(77)) == [("sync", 77)]
    session.execute("guest-ping", None, "ping")
    assert outcomes(session, line({})) == [("ping", {})]


def test_replies_that_will_never_come_are_not_waited_for(session: Session) -> None:
    """The agent was restarted while the connection stayed open."""
    given_up = [session.execute("guest-info", None, f"{n}") for n in range(3)]
    sent_by(session)
    for each in given_up:
        session.give_up(each)
    session.synchronize("guest-sync-delimited", 77, "sync")
    assert outcomes(session, FF + line(77)) == [("sync", 77)]
    assert session.commands_in_flight == 0


@pytest.mark.parametrize("echoes", [True, False], ids=["ids", "no ids"])
def test_an_agent_that_does_not_have_it(session: Session, echoes: bool) -> None:
    session.synchronize("guest-sync-delimited", 77, "sync")
    (command,) = sent_by(session)
    message: dict[str, Any] = {"error": {"class": "CommandNotFound", "desc": "no"}}
    if echoes:
        message["id"] = command["id"]
    ((token, error),) = outcomes(session, STRAY + json.dumps(message).encode() + b"\n")
    assert token == "sync"
    assert isinstance(error, CommandError)
    session.synchronize("guest-sync", 78, "again")
    (command,) = sent_by(session)
    more = {"id": command["id"]} if echoes else {}
    assert outcomes(session, line(77) + line(78, **more)) == [("again", 78)]


REPLY = b'{"return": {"count": 3, "buf-b64": "QUJD", "eof": false}, "id": 1}\r\n'


@pytest.mark.parametrize("stray", [STRAY, OLD_STRAY, b""], ids=["7.2", "old", "silent"])
@pytest.mark.parametrize("length", range(len(REPLY)))
def test_a_reply_that_was_broken_off(session: Session, length: int, stray: bytes) -> None:
    """The agent was restarted in the middle of the reply."""
    given_up = session.execute("guest-file-read", {"handle": 1}, "read")
    sent_by(session)
    session.give_up(given_up)
    session.synchronize("guest-sync-delimited", 77, "sync")
    assert outcomes(session, REPLY[:length] + stray) == []
    assert outcomes(session, FF + line(77)) == [("sync", 77)]
    session.execute("guest-ping", None, "ping")
    assert outcomes(session, line({})) == [("ping", {})]


def test_a_broken_reply_is_a_failure_all_the_same(session: Session) -> None:
    session.execute("guest-file-read", {"handle": 1}, "read")
    session.receive_data(b'{"return": {"buf-b64": "QUJD' + FF + line(1))
    assert session.failure is not None


@pytest.mark.parametrize("echoes", [True, False], ids=["ids", "no ids"])
def test_what_succeeds_in_silence(session: Session, echoes: bool) -> None:
    session.execute_silently("guest-shutdown", {"mode": "halt"}, "shutdown")
    shutdown, ping = sent_by(session)
    assert (shutdown["execute"], ping["execute"]) == ("guest-shutdown", "guest-ping")
    more = {"id": ping["id"]} if echoes else {}
    assert outcomes(session, line({}, **more)) == [("shutdown", {})]
    assert session.commands_in_flight == 0


@pytest.mark.parametrize("echoes", [True, False], ids=["ids", "no ids"])
def test_what_is_refused_is_answered(session: Session, echoes: bool) -> None:
    session.execute_silently("guest-suspend-ram", None, "suspend")
    suspend, ping = sent_by(session)
    message: dict[str, Any] = {"error": {"class": "GenericError", "desc": "no suspend"}}
    more = {"id": ping["id"]} if echoes else {}
    if echoes:
        message["id"] = suspend["id"]
    said = json.dumps(message).encode() + b"\n" + line({}, **more)
    ((token, error),) = outcomes(session, said)
    assert (token, str(error)) == ("suspend", "GenericError: no suspend")
    assert session.commands_in_flight == 0


def test_a_guest_that_goes_down_at_once(session: Session) -> None:
    session.execute_silently("guest-shutdown", None, "shutdown")
    session.execute("guest-info", None, "info")
    session.receive_eof()
    done, info = session.end("gone")
    assert (done.token, done.value, done.error) == ("shutdown", {}, None)
    assert isinstance(info.error, CommandInterrupted)


def test_one_that_nobody_waits_for(session: Session) -> None:
    silent = session.execute_silently("guest-shutdown", None, "shutdown")
    _, ping = sent_by(session)
    session.give_up(silent)
    assert outcomes(session, line({}, id=ping["id"])) == []
    assert session.commands_in_flight == 0


def test_synchronizing_leaves_what_is_waited_for(session: Session) -> None:
    session.execute_silently("guest-suspend-disk", None, "suspend")
    session.execute("guest-info", None, "info")
    session.synchronize("guest-sync-delimited", 77, "sync")
    _, ping, info, sync = sent_by(session)
    said = line({}, id=ping["id"]) + line([], id=info["id"]) + line(77, id=sync["id"])
    assert outcomes(session, said) == [("suspend", {}), ("info", []), ("sync", 77)]
