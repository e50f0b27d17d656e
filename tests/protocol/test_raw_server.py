"""The session of a raw backend's client: late greetings, windows, overtaking."""

import random
from typing import Any

import msgspec
import pytest

from qmpeer import limits
from qmpeer.errors import LocalProtocolError
from qmpeer.messages import CommandMessage
from qmpeer.protocol import RawServerSession
from qmpeer.values import JsonObject
from tests.protocol.pretended_server import messages

GREETING: JsonObject = {"QMP": {"version": {"x": 1}, "capabilities": ["oob", "later"], "more": []}}


def request(id: object, name: str = "query-x", verb: str = "execute", **arguments: Any) -> bytes:
    message: JsonObject = {verb: name, "id": id}  # type: ignore[dict-item]  # any JSON value
    if arguments:
        message["arguments"] = arguments
    return msgspec.json.encode(message) + b"\n"


def executed(session: RawServerSession) -> list[CommandMessage]:
    """Admit and take all that there is room for, as turns do; return what is to be executed."""
    commands: list[CommandMessage] = []
    while True:
        admitted = session.admit(True)
        if admitted is False and not session.can_take:
            return commands
        command = admitted if isinstance(admitted, CommandMessage) else None
        if command is None and session.can_take:
            command = session.take()
        if command is not None:
            commands.append(command)


def ids(commands: list[CommandMessage]) -> list[object]:
    return [command.id for command in commands]


def negotiated(window: int = 3, *, oob: bool = False) -> RawServerSession:
    session = RawServerSession(window)
    session.greet(GREETING)
    session.receive_data(request(0, "qmp_capabilities", enable=["oob"] if oob else []))
    assert executed(session) == []
    assert messages(session.data_to_send())[1:] == [{"return": {}, "id": 0}]
    return session


def test_requests_wait_for_the_greeting_which_leaves_as_it_stands() -> None:
    session = RawServerSession(1)
    session.receive_data(request(1) + request(2, "qmp_capabilities", enable=["later"]))
    assert executed(session) == []
    assert session.data_to_send() == b""
    assert not session.wants_data
    session.greet(GREETING)
    assert executed(session) == []
    greeting, refusal, reply = messages(session.data_to_send())
    assert greeting == GREETING
    assert isinstance(refusal, dict)
    assert "Expecting capabilities negotiation" in str(refusal["error"])
    assert reply == {"return": {}, "id": 2}
    assert session.is_ready


@pytest.mark.parametrize(
    "greeting",
    [{"QMP": {}}, {"QMP": None}, {"hello": 1}, {"QMP": {"capabilities": "oob"}}],
    ids=str,
)
def test_a_greeting_without_capabilities_offers_none(greeting: JsonObject) -> None:
    session = RawServerSession(1)
    session.greet(greeting)
    session.receive_data(request(1, "qmp_capabilities", enable=["oob"]))
    assert executed(session) == []
    sent = messages(session.data_to_send())
    assert sent[0] == greeting
    assert "Capability oob not available" in str(sent[1])


def test_without_a_greeting_commands_are_executed_at_once() -> None:
    session = RawServerSession(1)
    session.greet(None)
    session.receive_data(request(1, "guest-ping"))
    assert ids(executed(session)) == [1]
    assert session.data_to_send() == b""


@pytest.mark.parametrize(
    ("greeting", "offered"),
    [
        (b'{"QMP": {"capabilities": ["oob"]}}', ["oob"]),
        (b'{"QMP": 3}', []),
        (b"[1]", []),
        (b"hello\n", []),
        (b"", []),
    ],
)
def test_a_greeting_of_bytes(greeting: bytes, offered: list[str]) -> None:
    session = RawServerSession(1)
    session.greet(greeting)
    assert session.data_to_send() == greeting
    session.receive_data(request(1, "qmp_capabilities", enable=["oob"]))
    assert executed(session) == []
    assert (b'"return"' in session.data_to_send()) is bool(offered)


def test_greeting_twice_is_refused() -> None:
    session = RawServerSession(1)
    session.greet(GREETING)
    with pytest.raises(LocalProtocolError):
        session.greet(GREETING)


@pytest.mark.parametrize("oob", [False, True])
def test_as_many_as_the_window_holds_are_in_flight(oob: bool) -> None:
    session = negotiated(3, oob=oob)
    session.receive_data(b"".join(map(request, range(1, 8))))
    first = executed(session)
    assert ids(first) == [1, 2, 3]
    session.respond(first[1], "b")
    assert ids(executed(session)) == [4]
    session.respond_error(first[2], "GenericError", "no")
    session.respond_raw_error(first[0], {"class": "KVMMissingCap", "desc": "d", "more": 1})
    assert messages(session.data_to_send()) == [
        {"return": "b", "id": 2},
        {"id": 3, "error": {"class": "GenericError", "desc": "no"}},
        {"id": 1, "error": {"class": "KVMMissingCap", "desc": "d", "more": 1}},
    ]
    assert ids(executed(session)) == [5, 6]
    assert session.is_answering


@pytest.mark.parametrize("count", [1, 8, 40, limits.RAW_QUEUE])
def test_out_of_band_commands_overtake(count: int) -> None:
    session = negotiated(2, oob=True)
    for id in range(1, count + 1):
        session.receive_data(request(id))
    session.receive_data(request("oob", "migrate-pause", "exec-oob"))
    commands = executed(session)
    assert ids(commands) == [1, *[2] * (count > 1), "oob"]
    session.respond(commands[-1], {})
    assert messages(session.data_to_send()) == [{"return": {}, "id": "oob"}]


def test_what_waits_is_bounded_by_number() -> None:
    session = negotiated(1, oob=True)
    session.receive_data(b"".join(map(request, range(limits.RAW_QUEUE + 5))))
    assert ids(executed(session)) == [0]
    assert not session.wants_data


def test_what_waits_is_bounded_by_size() -> None:
    session = negotiated(1, oob=True)
    large = request("large", text="x" * (limits.RAW_QUEUE_SIZE // 4))
    count = 0
    while session.wants_data:
        session.receive_data(large)
        count += len(executed(session))
        assert session.held_size < (3 + limits.IN_BAND_QUEUE) * len(large)  # with that in flight
    assert count == 1


@pytest.mark.parametrize("verb", ["execute", "exec-oob"])
def test_large_commands_in_flight_count_until_they_are_answered(verb: str) -> None:
    session = negotiated(3, oob=True)
    large = request(1, verb=verb, text="x" * 100_000)
    session.receive_data(large * 3)
    first, *others = executed(session)
    assert session.held_size == pytest.approx(3 * len(large), abs=3)
    session.respond(first, {})
    session.data_to_send()
    assert session.held_size == pytest.approx(2 * len(large), abs=3)
    for each in others:
        session.respond_error(each, "GenericError", "no")
    session.data_to_send()
    assert session.held_size == 0
    session.receive_data(request(2, verb=verb, text="x" * 100_000))
    assert executed(session)
    session.drop_commands()
    assert session.held_size == 0


def test_the_size_is_forgotten_with_the_commands() -> None:
    session = negotiated(1, oob=True)
    for id in range(100):
        session.receive_data(request(id, text="x" * 999))
    answered = []
    while commands := executed(session):
        for command in commands:
            session.respond(command, {})
            answered.append(command.id)
        session.data_to_send()
    assert answered == list(range(100))
    assert session.held_size == 0


def test_what_the_session_answers_keeps_its_place() -> None:
    session = negotiated(5)
    session.receive_data(request(1) + b"[]\n" + request(2, "qmp_capabilities") + request(3))
    (first,) = executed(session)
    assert session.data_to_send() == b""
    session.respond(first, 1)
    assert ids(executed(session)) == [3]
    replies = messages(session.data_to_send())
    assert replies[0] == {"return": 1, "id": 1}
    assert "must be a JSON object" in str(replies[1])
    assert "already complete" in str(replies[2])


@pytest.mark.parametrize("verb", ["execute", "exec-oob"])
def test_a_second_reply_is_refused(verb: str) -> None:
    session = negotiated(5, oob=True)
    session.receive_data(request(1, verb=verb))
    (command,) = executed(session)
    session.respond(command, {})
    with pytest.raises(LocalProtocolError, match="query-x isn't in flight"):
        session.respond(command, {})
    with pytest.raises(LocalProtocolError):
        session.respond_error(command, "GenericError", "no")
    assert len(messages(session.data_to_send())) == 1


def test_bytes_leave_as_they_stand() -> None:
    session = negotiated(1)
    session.receive_data(request(1) + request(2))
    (first,) = executed(session)
    session.send_bytes(b"{{ nonsense")
    session.send_bytes(b" instead of a reply\n", first)
    assert session.data_to_send() == b"{{ nonsense instead of a reply\n"
    with pytest.raises(LocalProtocolError, match="answered before"):
        session.send_bytes(b"again", first)
    assert ids(executed(session)) == [2], "the first is in flight no more"
    session.close()
    session.send_bytes(b"too late")
    assert session.data_to_send() == b""


def test_replies_after_the_end_reach_nobody() -> None:
    session = negotiated(5)
    session.receive_data(request(1) + request(2))
    first, _ = executed(session)
    session.close()
    session.respond(first, {})
    session.greet(None)
    assert session.data_to_send() == b""
    assert not session.is_answering


def test_the_end_of_input_waits_for_replies() -> None:
    session = negotiated(2)
    session.receive_data(request(1) + request(2) + request(3))
    session.receive_eof()
    for command in executed(session):
        assert not session.is_finished
        session.respond(command, {})
    (last,) = executed(session)
    assert not session.is_finished
    session.respond(last, {})
    assert session.is_finished


def test_dropped_commands_are_waited_for_no_longer() -> None:
    session = negotiated(1, oob=True)
    session.receive_data(request(1) + request(2) + request(3, verb="exec-oob"))
    assert len(executed(session)) == 2
    session.drop_commands()
    assert not session.is_answering
    assert executed(session) == []


def test_paused_output_starts_nothing() -> None:
    session = negotiated(2)
    session.pause_output()
    session.receive_data(request(1))
    assert executed(session) == []
    session.resume_output()
    assert ids(executed(session)) == [1]


def test_the_backend_learns_that_the_client_is_ready() -> None:
    calls: list[bytes] = []
    session = RawServerSession(1)
    session.greet(GREETING, lambda: calls.append(session.data_to_send()))
    session.receive_data(request(1) + request(2, "qmp_capabilities") + request(3))
    assert calls == []
    assert ids(executed(session)) == [3]
    (sent,) = calls
    assert [each.get("id") for each in messages(sent)] == [None, 1, 2]


def test_without_negotiation_the_client_is_ready_at_once() -> None:
    calls: list[str] = []
    RawServerSession(1).greet(None, lambda: calls.append("ready"))
    assert calls == ["ready"]


@pytest.mark.parametrize(
    ("names", "taker"),
    [
        ("a", "a"),
        ("a b", "a"),
        ("a getfd b getfd", "getfd"),
        ("a add-fd getfd", "add-fd"),
        ("", None),
    ],
)
def test_descriptors_travel_with_one_request(names: str, taker: str | None) -> None:
    session = negotiated()
    requests = session.receive_data(b"".join(request(n, n) for n in names.split()) + b" 5 [] ")
    assert session.bind_fds(requests, [7, 8]) == (taker is not None)
    found = [(each.name, list(session.fds_of(each))) for each in executed(session)]
    assert [each for each in found if each[1]] == ([] if taker is None else [(taker, [7, 8])])
    assert session.unbind_fds() == []


def test_descriptors_of_what_the_session_answers_are_given_up() -> None:
    session = negotiated(oob=True)
    for fd, verb, name, more in (
        (1, "execute", "qmp_capabilities", {}),
        (2, "execute", 5, {}),
        (3, "exec-oob", 5, {}),
        (4, "execute", ["getfd"], {}),
        (5, "exec-oob", "x", {}),
        (6, "execute", "x", {"wrong": 1}),
    ):
        data = msgspec.json.encode({verb: name, **more})
        assert session.bind_fds(session.receive_data(data), [fd])
    commands = executed(session)
    assert [list(session.fds_of(each)) for each in commands] == [[5]]
    assert sorted(session.unbind_fds()) == [1, 2, 3, 4, 6]
    assert session.unbind_fds() == []


def test_few_descriptors_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BOUND_FDS", 3)
    session = negotiated(window=1, oob=True)
    (first,) = _taken(session, request(1))
    session.bind_fds(session.receive_data(request(2)), [1, 2])
    assert executed(session) == []
    assert session.wants_data
    session.bind_fds(session.receive_data(request(3)), [3])
    assert executed(session) == []
    assert not session.wants_data
    session.respond(first, {})
    (second,) = executed(session)
    assert session.fds_of(second) == [1, 2]
    assert session.wants_data


def _taken(session: RawServerSession, data: bytes) -> list[CommandMessage]:
    session.receive_data(data)
    return executed(session)


@pytest.mark.parametrize("seed", range(30))
def test_random_walks(seed: int) -> None:
    """Whatever the chunks and the order of replies: in order, within the window, each once."""
    chance = random.Random(seed)
    window = chance.randint(1, 5)
    session = negotiated(window, oob=True)
    text = b"".join(
        chance.choice((request(id), request(id), request(id, verb="exec-oob"), b"[]\n"))
        for id in range(1, 120)
    )
    asked = [msgspec.json.decode(line) for line in text.splitlines()]
    in_flight: list[CommandMessage] = []
    started: list[CommandMessage] = []
    sent: list[Any] = []
    session.receive_eof()  # so that is_finished tells when all is answered
    while text or not session.is_finished:
        if text and session.wants_data and chance.random() < 0.6:
            size = chance.randint(1, 200)
            session.receive_data(text[:size])
            text = text[size:]
        new = executed(session)
        started += new
        in_flight += new
        assert sum(not command.is_oob for command in in_flight) <= window
        if in_flight:
            command = in_flight.pop(chance.randrange(len(in_flight)))
            session.respond(command, command.id)
        sent += messages(session.data_to_send())
    in_band = [command.id for command in started if not command.is_oob]
    assert in_band == [each["id"] for each in asked if each and "execute" in each]
    answered = [each["return"] for each in sent if "return" in each]
    assert all(each["id"] == each["return"] for each in sent if "return" in each)
    assert sorted(answered) == [each["id"] for each in asked if each]
    assert len(sent) == len(asked)
    assert session.held_size == 0
