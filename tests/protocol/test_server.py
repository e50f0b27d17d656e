"""The server's session: negotiation, the queue, out-of-band execution, output, the end."""

import copy
import json
from typing import Any

import msgspec
import pytest

from qmpeer import limits
from qmpeer.errors import CommandError, LimitError, LocalProtocolError
from qmpeer.messages import CommandMessage
from qmpeer.protocol import Phase, ServerSession
from qmpeer.protocol.phases import move
from qmpeer.values import JsonObject, JsonValue
from qmpeer.wire import encode_line, encode_pretty, writer
from tests.protocol.pretended_server import VERSION, Handler, PretendedServer, messages

NEGOTIATE = b'{"execute":"qmp_capabilities"}'
NEGOTIATE_OOB = b'{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}'
NOT_YET = "Expecting capabilities negotiation with 'qmp_capabilities'"
ALREADY = "Capabilities negotiation is already complete, command ignored"
COMMANDS: dict[str, Handler] = {
    "a": lambda arguments: "a",
    "echo": lambda arguments: arguments,
    "slow": lambda arguments: {},
    "oob": lambda arguments: "oob",
    "slow-oob": lambda arguments: {},
}


def server_of_all(*, holds: bool = False) -> PretendedServer:
    return PretendedServer(
        COMMANDS, slow=("slow", "slow-oob"), oob=("oob", "slow-oob"), holds=holds
    )


def request(name: str, id: JsonValue, verb: str = "execute", **members: JsonValue) -> bytes:
    return msgspec.json.encode({verb: name, "id": id, **members}) + b"\n"


def oob(name: str, id: JsonValue) -> bytes:
    return request(name, id, "exec-oob")


def ids(answers: list[JsonValue]) -> list[Any]:
    return [answer.get("id") if isinstance(answer, dict) else answer for answer in answers]


def error(error_class: str, desc: str, **id: JsonValue) -> JsonObject:
    return {**id, "error": {"class": error_class, "desc": desc}}


# Greeting and negotiation


@pytest.mark.parametrize("capabilities", [("oob",), ()])
def test_greeting(capabilities: tuple[str, ...]) -> None:
    session = ServerSession(VERSION, capabilities=capabilities)
    (greeting,) = messages(session.data_to_send())
    version = {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": "qmpeer"}
    assert greeting == {"QMP": {"version": version, "capabilities": list(capabilities)}}
    assert session.data_to_send() == b""


def test_a_pretty_session_is_pretty_from_the_greeting_on() -> None:
    server = server_of_all()
    session = server.connect(is_pretty=True)
    assert session.data_to_send().startswith(b'{\r\n    "QMP": {\r\n')
    server.receive(session, NEGOTIATE)
    assert session.data_to_send() == b'{\r\n    "return": {\r\n    }\r\n}\r\n'


@pytest.mark.parametrize(
    ("enable", "answer", "is_oob_enabled"),
    [
        (None, {"return": {}}, False),
        ({}, {"return": {}}, False),
        ({"enable": []}, {"return": {}}, False),
        ({"enable": ["oob"]}, {"return": {}}, True),
        ({"enable": ["oob", "oob"]}, {"return": {}}, True),
        ({"enable": ["bogus"]}, "Parameter 'null' does not accept value 'bogus'", None),
        ({"enable": ["oob", "bogus"]}, "Parameter 'null' does not accept value 'bogus'", None),
        ({"enable": ["bogus", 1]}, "Parameter 'null' does not accept value 'bogus'", None),
        ({"enable": "oob"}, "Invalid parameter type for 'enable', expected: array", None),
        ({"enable": None}, "Invalid parameter type for 'enable', expected: array", None),
        ({"enable": [1]}, "Invalid parameter type for 'enable[0]', expected: string", None),
        (
            {"enable": ["oob", None]},
            "Invalid parameter type for 'enable[1]', expected: string",
            None,
        ),
        ({"foo": 1}, "Parameter 'foo' is unexpected", None),
        ({"enable": ["oob"], "foo": 1}, "Parameter 'foo' is unexpected", None),
        (
            {"enable": [1], "foo": 1},
            "Invalid parameter type for 'enable[0]', expected: string",
            None,
        ),
        ({"foo": 1, "bar": 2}, "Parameter 'bar' is unexpected", None),
    ],
)
def test_negotiation(
    enable: JsonObject | None, answer: JsonValue, is_oob_enabled: bool | None
) -> None:
    server = server_of_all()
    session = server.connect()
    session.data_to_send()
    members: dict[str, Any] = {} if enable is None else {"arguments": enable}
    (said,) = server.exchange(session, request("qmp_capabilities", 1, **members))
    if isinstance(answer, str):
        assert said == error("GenericError", answer, id=1)
        assert not session.is_ready
        assert server.exchange(session, NEGOTIATE_OOB) == [{"return": {}}]  # a second try
    else:
        assert said == {**answer, "id": 1} if isinstance(answer, dict) else answer
        assert session.is_ready
        assert session.is_oob_enabled is is_oob_enabled


def test_a_capability_that_is_not_offered() -> None:
    server = server_of_all()
    session = server.connect(capabilities=())
    session.data_to_send()
    assert server.exchange(session, NEGOTIATE_OOB) == [
        error("GenericError", "Capability oob not available")
    ]
    assert not session.is_oob_enabled


def test_before_negotiation_only_form_is_looked_at() -> None:
    server = server_of_all()
    session = server.connect()
    session.data_to_send()
    answers = server.exchange(
        session, request("a", 1) + request("nope", 2) + oob("oob", 3) + b"[]" + NEGOTIATE
    )
    assert answers == [
        error("CommandNotFound", NOT_YET, id=1),
        error("CommandNotFound", NOT_YET, id=2),
        error("GenericError", "QMP input member 'exec-oob' is unexpected", id=3),
        error("GenericError", "QMP input must be a JSON object"),
        {"return": {}},
    ]
    assert server.started == []


def test_negotiation_takes_effect_with_the_next_command_of_the_same_write() -> None:
    server = server_of_all()
    session = server.connect()
    session.data_to_send()
    answers = server.exchange(session, NEGOTIATE_OOB + oob("oob", 1) + request("a", 2))
    assert answers == [{"return": {}}, {"return": "oob", "id": 1}, {"return": "a", "id": 2}]


def test_a_second_negotiation_changes_nothing() -> None:
    server = server_of_all()
    session = server.negotiated("oob")
    answers = server.exchange(
        session,
        request("qmp_capabilities", 1)
        + request("qmp_capabilities", 2, arguments={"x": 1})
        + request("qmp_capabilities", 3, arguments={"enable": ["bogus"]}),
    )
    assert answers == [
        error("CommandNotFound", ALREADY, id=1),
        error("GenericError", "Parameter 'x' is unexpected", id=2),
        error("GenericError", "Parameter 'null' does not accept value 'bogus'", id=3),
    ]
    assert session.is_oob_enabled


# In-band execution


def test_answers_keep_the_order_of_their_requests() -> None:
    server = server_of_all()
    session = server.negotiated()
    data = request("echo", 1, arguments={"x": 1}) + b"@\n{}" + request("nope", 2) + request("a", 3)
    assert server.exchange(session, data) == [
        {"return": {"x": 1}, "id": 1},
        error("GenericError", "JSON parse error, stray '@'"),
        error("GenericError", "QMP input lacks member 'execute'"),
        error("CommandNotFound", "The command nope has not been found", id=2),
        {"return": "a", "id": 3},
    ]


def test_without_oob_nothing_is_taken_until_the_answer_is_out() -> None:
    server = server_of_all()
    session = server.negotiated()
    server.receive(session, request("slow", 1) + request("a", 2) + request("a", 3))
    assert server.started == [1]
    assert not session.wants_data
    server.finish()
    assert ids(messages(session.data_to_send())) == [1, 2, 3]
    assert session.wants_data


@pytest.mark.parametrize("queued", range(1, 12))
def test_with_oob_eight_wait_and_then_reading_stops(queued: int) -> None:
    server = server_of_all()
    session = server.negotiated("oob")
    data = request("slow", 0) + b"".join(request("a", 1 + number) for number in range(queued))
    server.receive(session, data + oob("oob", "oob"))
    overtakes = queued < limits.IN_BAND_QUEUE
    assert ids(messages(session.data_to_send())) == (["oob"] if overtakes else [])
    assert session.wants_data is overtakes
    server.finish()
    answers = ids(messages(session.data_to_send()))
    assert [id for id in answers if id != "oob"] == list(range(queued + 1))
    assert ("oob" in answers) is not overtakes


def test_each_of_many_is_answered_whatever_the_queue() -> None:
    server = server_of_all()
    session = server.negotiated("oob")
    answers = server.exchange(session, b"".join(request("a", number) for number in range(300)))
    assert ids(answers) == list(range(300))


def test_an_answer_that_json_can_not_hold_leaves_the_command_to_be_answered() -> None:
    server = server_of_all()
    session = server.negotiated()
    server.receive(session, request("slow", 1))
    (_, command) = server.running[0]
    with pytest.raises(TypeError):
        session.respond(command, {"a": object()})  # type: ignore[dict-item]  # that is the point
    session.respond_error(command, "GenericError", "no")
    assert messages(session.data_to_send()) == [error("GenericError", "no", id=1)]


# Out-of-band execution


def test_out_of_band_overtakes_and_so_do_its_errors() -> None:
    server = server_of_all()
    session = server.negotiated("oob")
    data = (
        request("slow", 0)
        + request("a", 1)
        + oob("oob", 2)
        + oob("a", 3)
        + oob("nope", 4)
        + request("oob", 5, "exec-oob", extra=1)
        + request("oob", 6, "exec-oob", arguments=[])
        + b'{"exec-oob":7,"id":7}'
    )
    assert server.exchange(session, data) == [
        {"return": "oob", "id": 2},
        error("GenericError", "The command a does not support OOB", id=3),
        error("CommandNotFound", "The command nope has not been found", id=4),
        error("GenericError", "QMP input member 'extra' is unexpected", id=5),
        error("GenericError", "QMP input member 'arguments' must be an object", id=6),
        error("GenericError", "QMP input member 'exec-oob' must be a string", id=7),
    ]
    server.finish()
    assert ids(messages(session.data_to_send())) == [0, 1]


def test_what_waits_in_band_all_the_same() -> None:
    server = server_of_all()
    session = server.negotiated("oob")
    data = (
        request("slow", 0)
        + b'{"execute":"a","exec-oob":"oob","id":1}[]{"id":2}@\n'
        + request("oob", 3)
    )
    assert server.exchange(session, data) == []
    server.finish()
    assert messages(session.data_to_send())[1:] == [
        error("GenericError", "QMP input member 'execute' clashes with 'exec-oob'", id=1),
        error("GenericError", "QMP input must be a JSON object"),
        error("GenericError", "QMP input lacks member 'execute'", id=2),
        error("GenericError", "JSON parse error, stray '@'"),
        {"return": "oob", "id": 3},
    ]


def test_an_out_of_band_command_needs_no_id() -> None:
    server = server_of_all()
    session = server.negotiated("oob")
    assert server.exchange(session, b'{"exec-oob":"oob"}') == [{"return": "oob"}]


def test_out_of_band_answers_leave_as_they_come() -> None:
    server = server_of_all()
    session = server.negotiated("oob")
    server.receive(session, b"".join(oob("slow-oob", number) for number in range(3)))
    for number in (2, 0, 0):
        server.finish(number)
    assert ids(messages(session.data_to_send())) == [2, 0, 1]


def test_too_many_out_of_band_commands_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "OOB_RUNNING", 2)
    server = server_of_all()
    session = server.negotiated("oob")
    server.receive(session, b"".join(oob("slow-oob", number) for number in range(4)))
    assert server.started == [0, 1]
    assert not session.wants_data
    server.finish(1)
    assert server.started == [0, 1, 2]
    server.finish()
    server.finish()
    server.finish()
    assert sorted(ids(messages(session.data_to_send()))) == [0, 1, 2, 3]
    assert session.wants_data


# Output


def test_while_output_is_paused_nothing_is_taken() -> None:
    server = server_of_all()
    session = server.negotiated("oob")
    session.pause_output()
    server.receive(session, request("a", 1) + oob("oob", 2))
    assert (server.started, session.wants_data) == ([], False)
    session.resume_output()
    server.pump()
    assert ids(messages(session.data_to_send())) == [1, 2]


def test_what_was_queued_before_the_pause_waits() -> None:
    server = server_of_all()
    session = server.negotiated("oob")
    server.receive(session, request("slow", 1) + request("a", 2))
    session.pause_output()
    server.finish()
    assert ids(messages(session.data_to_send())) == [1]
    session.resume_output()
    server.dispatcher.enlist(session, session)
    server.pump()
    server._dispatch()
    assert ids(messages(session.data_to_send())) == [2]


def test_much_output_is_fetched_before_more_is_taken() -> None:
    server = PretendedServer({"big": lambda arguments: "x" * 50_000})
    session = server.negotiated()
    server.receive(session, b"".join(request("big", number) for number in range(100)))
    rounds = 0
    answered: list[Any] = []
    while data := session.data_to_send():
        assert len(data) < limits.READ_SIZE + 60_000
        answered += ids(messages(data))
        rounds += 1
        server.pump()
    assert answered == list(range(100))
    assert rounds >= 50


LONG_IDS: list[JsonValue] = ["i" * 5000, ["i" * 10] * 600, {"a": [{}, {"b": 1.5}] * 400}, 7]


@pytest.mark.parametrize("is_pretty", [False, True])
@pytest.mark.parametrize("value", ["v" * 9000, {"v": ["\xe9" * 40] * 60, "w": {}}, {}])
@pytest.mark.parametrize("id", LONG_IDS, ids=lambda id: type(id).__name__)
def test_a_long_answer_is_the_same_text_in_slices(
    id: JsonValue, value: JsonValue, is_pretty: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SLICE", 700)
    monkeypatch.setattr(writer, "_PIECE", 300)
    session = ServerSession(None, is_pretty=is_pretty)
    command = CommandMessage("a", id=id)
    event = b'{"event": "E"}\r\n'
    value = copy.deepcopy(value)
    session.respond(command, value)
    if isinstance(value, dict):
        value.clear()  # a handler may change the value that it returned
        value["changed"] = True
    session.send_event(event)
    session.respond_error(command, "GenericError", "no")
    texts = []
    while data := session.data_to_send():
        texts.append(data)
    assert not session.is_writing
    encode = encode_pretty if is_pretty else encode_line
    first, second = b"".join(texts).split(event)
    assert second == encode({"id": id, "error": {"class": "GenericError", "desc": "no"}})
    assert first.endswith(b"}\r\n")
    answer = json.loads(first)
    assert first == encode(answer)
    assert list(answer) == ["return", "id"]
    assert answer["id"] == id
    assert "changed" not in answer["return"]
    if isinstance(id, str):
        assert len(texts) > 2


def test_a_long_answer_waits_while_output_is_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SLICE", 100)
    session = ServerSession(None)
    session.respond(CommandMessage("a"), "v" * 200_000)
    assert session.is_writing
    session.pause_output()
    assert not session.is_writing
    assert session.data_to_send() == b""
    session.resume_output()
    assert session.is_writing
    texts = []
    while data := session.data_to_send():
        texts.append(data)
    assert b"".join(texts) == encode_line({"return": "v" * 200_000})
    assert len(texts) > 2


def test_events_before_negotiation_are_passed_over() -> None:
    server = server_of_all()
    session = server.connect()
    session.data_to_send()
    server.emit("STOP")
    assert session.data_to_send() == b""
    server.receive(session, NEGOTIATE)
    server.emit("RESUME")
    assert messages(session.data_to_send())[1:] == [
        {"timestamp": {"seconds": 1, "microseconds": 2}, "event": "RESUME"}
    ]


def test_an_event_stands_before_the_reply_of_what_caused_it() -> None:
    server = server_of_all()
    session = server.negotiated()
    server.receive(session, request("slow", 1))
    server.emit("STOP", {"a": 1})
    server.finish()
    event, reply = messages(session.data_to_send())
    assert event == {
        "timestamp": {"seconds": 1, "microseconds": 2},
        "event": "STOP",
        "data": {"a": 1},
    }
    assert reply == {"return": {}, "id": 1}


def test_a_client_that_does_not_read_its_events_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "UNSENT_EVENTS", 300)
    server = server_of_all()
    session, neighbour = server.negotiated(), server.negotiated()
    session.pause_output()
    for _ in range(10):
        server.emit("X")
    assert isinstance(session.failure, LimitError)
    assert session.failure.limit == "UNSENT_EVENTS"
    assert str(session.failure) == "the client has let more than 300 bytes of events wait"
    assert len(session.data_to_send()) <= 300
    server.emit("X")
    assert session.data_to_send() == b""
    assert neighbour.failure is None
    assert len(messages(neighbour.data_to_send())) == 11


def test_events_that_were_read_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UNSENT_EVENTS", 300)
    server = server_of_all()
    session = server.negotiated()
    for _ in range(10):
        session.pause_output()
        server.emit("X")
        session.resume_output()
    assert session.failure is None


# The end


def test_after_eof_all_that_was_asked_for_is_answered() -> None:
    server = server_of_all()
    session = server.negotiated("oob")
    server.receive(session, request("slow", 1) + request("a", 2) + oob("slow-oob", 3))
    session.receive_eof()
    assert not session.is_finished
    server.finish(1)
    assert not session.is_finished
    server.finish()
    assert session.is_finished
    assert ids(messages(session.data_to_send())) == [3, 1, 2]


def test_eof_with_nothing_asked_for() -> None:
    session = server_of_all().connect()
    assert not session.is_finished
    session.receive_eof()
    assert session.is_finished


def test_after_close_answers_are_dropped_and_nothing_is_executed() -> None:
    server = server_of_all()
    session, neighbour = server.negotiated("oob"), server.negotiated()
    server.receive(session, request("slow", 1) + request("a", 2) + oob("slow-oob", 3))
    server.emit("STOP")
    session.close()
    assert session.data_to_send() == b""
    server.finish(1)
    server.finish()
    server.emit("STOP")
    assert session.data_to_send() == b""
    assert server.started == [1, 3]
    assert len(messages(neighbour.data_to_send())) == 2  # and no other client gets them
    session.close()  # a second call does nothing


def test_a_slow_command_of_a_client_that_left_fails_quietly() -> None:
    server = server_of_all()
    session = server.negotiated()
    server.receive(session, request("slow", 1))
    session.close()
    ((_, command),) = server.running
    session.respond_error(command, "GenericError", "no")
    assert session.data_to_send() == b""


@pytest.mark.parametrize("before", Phase)
@pytest.mark.parametrize("after", Phase)
def test_moves_between_phases(before: Phase, after: Phase) -> None:
    order = [Phase.GREETING, Phase.NEGOTIATION, Phase.READY, Phase.CLOSED]
    if order.index(after) > order.index(before) or before is after is Phase.CLOSED:
        assert move(before, after) is after
    else:
        with pytest.raises(
            LocalProtocolError, match=r"^a connection that .* can't become one that"
        ):
            move(before, after)


def test_a_handler_may_raise() -> None:
    def refuse(arguments: JsonObject) -> JsonValue:
        raise CommandError("DeviceNotFound", "Device 'x' not found")

    server = PretendedServer({"x": refuse})
    answers = server.exchange(server.negotiated(), request("x", None))
    assert answers == [error("DeviceNotFound", "Device 'x' not found", id=None)]


def test_commands_are_what_they_were_asked_as() -> None:
    server = server_of_all()
    session = server.negotiated("oob")
    server.receive(session, request("slow", [1], arguments={"a": {}}) + b'{"exec-oob":"slow-oob"}')
    assert [command for _, command in server.running] == [
        CommandMessage("slow", {"a": {}}, [1]),
        CommandMessage("slow-oob", is_oob=True),
    ]
