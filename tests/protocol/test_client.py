"""The client's session: greeting, negotiation, matching of replies, ids, the window, failures."""

import re
from typing import Any

import msgspec
import pytest

from qmpeer import limits
from qmpeer.errors import (
    CommandError,
    CommandInterrupted,
    LimitError,
    LocalProtocolError,
    MessageError,
    NegotiationError,
    QMPError,
    RemoteProtocolError,
    WireError,
)
from qmpeer.messages import Event, Timestamp
from qmpeer.protocol import AgentSession, ClientSession, Completion, Phase, Unclaimed
from qmpeer.values import JsonObject, JsonValue

Client = ClientSession[str]
Happened = list[Event | Completion[str] | Unclaimed]


def greeting(*capabilities: str) -> bytes:
    version = {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}
    return line({"QMP": {"version": version, "capabilities": list(capabilities)}})


def line(value: object) -> bytes:
    return msgspec.json.encode(value) + b"\r\n"


def event(name: str, **data: JsonValue) -> bytes:
    stamp = {"seconds": 1, "microseconds": 2}
    return line({"timestamp": stamp, "event": name, **({"data": data} if data else {})})


def reply(id: int, value: JsonValue = None) -> bytes:
    return line({"return": {} if value is None else value, "id": id})


def said(client: Client) -> list[JsonObject]:
    """Return the commands that a client sends."""
    data = b""
    while piece := client.data_to_send()[0]:
        data += piece
    return msgspec.json.Decoder(dict[str, Any]).decode_lines(data)


def negotiated(*capabilities: str, first_id: int = 0, max_in_flight: int | None = None) -> Client:
    client = Client(first_id=first_id, max_in_flight=max_in_flight)
    assert client.receive_data(greeting(*capabilities)) == []
    ((command),) = said(client)
    assert client.receive_data(line({"return": {}, "id": command["id"]})) == []
    assert client.phase is Phase.READY
    return client


def outcomes(happened: Happened) -> list[tuple[str, Any]]:
    """Return tokens and values, or errors' descriptions, and names of events."""
    found: list[tuple[str, Any]] = []
    for item in happened:
        if isinstance(item, Event):
            found.append(("event", item.name))
        elif isinstance(item, Unclaimed):
            found.append(("nobody", item.error.desc))
        else:
            found.append((item.token, item.error.desc if item.error else item.value))
    return found


# Greeting and negotiation


@pytest.mark.parametrize(
    ("offered", "wanted", "enabled"),
    [
        (("oob",), None, ("oob",)),
        ((), None, ()),
        (("new", "oob", "newer"), None, ("oob",)),
        (("oob",), (), ()),
        (("oob",), ("oob",), ("oob",)),
        (("oob", "new"), ("new",), ("new",)),
    ],
)
def test_negotiation(
    offered: tuple[str, ...], wanted: tuple[str, ...] | None, enabled: tuple[str, ...]
) -> None:
    client = Client(capabilities=wanted)
    assert (client.phase, said(client)) == (Phase.GREETING, [])
    client.receive_data(greeting(*offered))
    assert client.phase is Phase.NEGOTIATION
    assert client.greeting is not None
    assert client.greeting.capabilities == offered
    ((command),) = said(client)
    arguments = {"arguments": {"enable": list(enabled)}} if enabled else {}
    assert command == {"execute": "qmp_capabilities", **arguments, "id": 0}
    client.receive_data(reply(0))
    assert (client.phase, client.capabilities, client.failure) == (Phase.READY, enabled, None)


def test_what_is_not_offered_is_not_asked_for() -> None:
    client = Client(capabilities=("oob",))
    client.receive_data(greeting())
    assert isinstance(client.failure, NegotiationError)
    assert (client.failure.requested, client.failure.offered) == (("oob",), ())
    assert str(client.failure) == (
        "the server refused capabilities ['oob'] (it offers []): not all are offered"
    )
    assert (client.phase, said(client)) == (Phase.CLOSED, [])


def test_the_server_refuses() -> None:
    client = Client()
    client.receive_data(greeting("oob"))
    client.receive_data(line({"id": 0, "error": {"class": "GenericError", "desc": "no"}}))
    assert isinstance(client.failure, NegotiationError)
    assert client.failure.reason == "no"
    assert client.phase is Phase.CLOSED


def test_without_negotiation() -> None:
    client = Client(negotiate=False)
    assert (client.phase, client.greeting) == (Phase.READY, None)
    client.execute("guest-ping", None, "ping")
    assert said(client) == [{"execute": "guest-ping", "id": 0}]
    assert outcomes(client.receive_data(b'\xff{"return": {}, "id": 0}\n')) == [("ping", {})]


def test_a_greeting_of_qemu_0_12() -> None:
    client = Client()
    client.receive_data(b'{"QMP": {"capabilities": []}}\r\n')
    assert client.greeting is not None
    assert client.greeting.version is None
    assert len(said(client)) == 1


def test_events_may_come_at_any_time() -> None:
    client = Client()
    first = client.receive_data(event("EARLY") + greeting("oob"))
    assert outcomes(first) == [("event", "EARLY")]
    assert client.phase is Phase.NEGOTIATION
    assert outcomes(client.receive_data(event("MIDDLE") + reply(0) + event("LATE"))) == [
        ("event", "MIDDLE"),
        ("event", "LATE"),
    ]
    assert (client.phase, client.events_received) == (Phase.READY, 3)


def test_a_second_greeting_is_passed_over() -> None:
    client = Client()
    client.receive_data(greeting("oob") + greeting())
    assert client.ignored == 1
    assert client.greeting is not None
    assert client.greeting.capabilities == ("oob",)
    assert len(said(client)) == 1
    client.receive_data(reply(0) + greeting())
    assert (client.phase, client.ignored) == (Phase.READY, 2)


@pytest.mark.parametrize(
    "stale",
    [line({"return": {}, "id": "old"}), line({"return": {}, "id": 99}), line({"return": {}})],
    ids=["an id of another kind", "a number that isn't ours", "no id"],
)
def test_a_reply_of_a_client_before_us(stale: bytes) -> None:
    client = Client()
    client.receive_data(stale + greeting() if stale == line({"return": {}}) else greeting() + stale)
    assert (client.ignored, client.phase) == (1, Phase.NEGOTIATION)
    client.receive_data(reply(0))
    assert client.phase is Phase.READY


# Commands and replies


def test_a_command_and_its_reply() -> None:
    client = negotiated()
    sent = client.execute("echo", {"a": 1}, "first", fds=(3, 4))
    assert (sent.name, sent.token, sent.id, sent.fds) == ("echo", "first", 1, (3, 4))
    assert client.has_data_to_send
    assert client.data_to_send() == (b'{"execute":"echo","arguments":{"a":1},"id":1}\n', (3, 4))
    assert client.data_to_send() == (b"", ())
    assert not client.has_data_to_send
    assert client.receive_data(reply(1, [1])) == [Completion("first", [1])]
    assert client.commands_in_flight == 0


@pytest.mark.parametrize("arguments", [None, {}])
def test_empty_arguments_are_left_out(arguments: JsonObject | None) -> None:
    client = negotiated()
    client.execute("x", arguments, "t")
    assert said(client) == [{"execute": "x", "id": 1}]


def test_an_error() -> None:
    client = negotiated()
    client.execute("x", None, "t")
    (happened,) = client.receive_data(
        line({"id": 1, "error": {"class": "DeviceNotFound", "desc": "no", "new": 1}})
    )
    assert isinstance(happened, Completion)
    assert isinstance(happened.error, CommandError)
    assert (happened.error.error_class, happened.error.desc) == ("DeviceNotFound", "no")
    assert (happened.error.command, happened.error.id) == ("x", 1)


@pytest.mark.parametrize("value", [None, False, 0, "", [], {}, {"event": "X"}, {"error": {}}])
def test_any_return_value(value: JsonValue) -> None:
    client = negotiated()
    client.execute("x", None, "t")
    assert client.receive_data(line({"return": value, "id": 1})) == [Completion("t", value)]


def test_replies_in_another_order() -> None:
    client = negotiated("oob")
    for name in "abc":
        client.execute(name, None, name)
    assert outcomes(client.receive_data(reply(3) + event("X") + reply(1) + reply(2))) == [
        ("c", {}),
        ("event", "X"),
        ("a", {}),
        ("b", {}),
    ]


@pytest.mark.parametrize("id", [7, -1, "1", 1.0, True, None, [1], {"a": 1}], ids=repr)
def test_a_reply_with_an_id_that_is_not_ours(id: JsonValue) -> None:
    client = negotiated()
    client.execute("x", None, "t")
    assert client.receive_data(line({"return": "stale", "id": id})) == []
    assert client.ignored == 1
    assert outcomes(client.receive_data(reply(1))) == [("t", {})]


def test_a_reply_without_an_id_is_not_ours_once_ids_were_echoed() -> None:
    client = negotiated()
    client.execute("x", None, "t")
    assert client.receive_data(line({"return": "stale"})) == []
    assert client.ignored == 1
    assert outcomes(client.receive_data(reply(1))) == [("t", {})]


def test_a_server_that_never_echoes_ids() -> None:
    client = Client()
    client.receive_data(greeting())
    client.receive_data(line({"return": {}}))
    assert client.phase is Phase.READY
    for name in "abc":
        client.execute(name, None, name)
    happened = client.receive_data(
        line({"return": 1}) + event("X") + line({"error": {"desc": "no"}}) + line({"return": 3})
    )
    assert outcomes(happened) == [("a", 1), ("event", "X"), ("b", "no"), ("c", 3)]
    assert client.receive_data(line({"return": 4})) == []
    assert client.ignored == 1


def test_one_that_never_echoes_ids_and_a_command_given_up() -> None:
    client = Client(negotiate=False)
    first = client.execute("a", None, "a")
    client.execute("b", None, "b")
    said(client)
    client.give_up(first)
    happened = client.receive_data(line({"return": "of a"}) + line({"return": "of b"}))
    assert outcomes(happened) == [("b", "of b")]


def test_the_answer_to_a_byte_ff_is_nobodys() -> None:
    client = Client(negotiate=False)
    client.execute("guest-sync-delimited", {"id": 1}, "t")
    desc = "JSON parse error, stray '\ufffd'"
    happened = client.receive_data(
        line({"error": {"class": "GenericError", "desc": desc}}) + b'\xff{"return": 1}\n'
    )
    assert outcomes(happened) == [("t", 1)]


@pytest.mark.parametrize("data", [b"\xff\n", b"\xff", b'{"return": {}, "id": 1}\xff\n'])
def test_marks_are_passed_over(data: bytes) -> None:
    client = negotiated()
    client.execute("x", None, "t")
    happened = client.receive_data(data)
    happened += client.receive_data(reply(1))
    assert outcomes(happened) == [("t", {})]
    assert client.failure is None


# Errors without an id: the server couldn't parse a text


def refusal(desc: str = "bad") -> bytes:
    return line({"error": {"class": "GenericError", "desc": desc}})


def test_the_oldest_in_band_command_ends_with_an_error_without_an_id() -> None:
    client = negotiated("oob")
    client.execute("o", None, "oob", is_oob=True)
    for name in "ab":
        client.execute(name, None, name)
    (happened,) = client.receive_data(refusal())
    assert isinstance(happened, Completion)
    assert isinstance(happened.error, CommandError)
    assert (happened.token, happened.error.command, happened.error.id) == ("a", "a", 2)
    assert outcomes(client.receive_data(reply(3) + reply(1))) == [("b", {}), ("oob", {})]
    assert client.commands_in_flight == 0


def test_further_errors_are_about_the_same_text_until_a_reply_with_an_id() -> None:
    client = negotiated()
    for name in "abc":
        client.execute(name, None, name)
    flood = refusal("deep") + refusal("more") * 3
    assert outcomes(client.receive_data(flood)) == [("a", "deep")] + 3 * [("nobody", "more")]
    assert outcomes(client.receive_data(reply(2) + refusal("again"))) == [("b", {}), ("c", "again")]


def test_a_reply_shows_that_all_before_it_were_refused() -> None:
    client = negotiated("oob")
    client.execute("o", None, "oob", is_oob=True)
    for name in "abcde":
        client.execute(name, None, name)
    happened = client.receive_data(refusal("first") + refusal("second") + reply(5))
    assert outcomes(happened) == [
        ("a", "first"),
        ("nobody", "second"),
        ("b", "first"),
        ("c", "first"),
        ("d", {}),
    ]
    assert [sent.token for sent in client.interrupted] == ["oob", "e"]


def test_without_such_an_error_a_reply_shows_nothing() -> None:
    client = negotiated()
    for name in "abc":
        client.execute(name, None, name)
    client.receive_data(refusal() + reply(2))
    client.execute("d", None, "d")
    assert outcomes(client.receive_data(reply(4))) == [("d", {})]
    assert [sent.token for sent in client.interrupted] == ["c"]


def test_a_reply_out_of_band_ends_none_before_it() -> None:
    client = negotiated("oob")
    for name in "ab":
        client.execute(name, None, name)
    client.execute("o", None, "oob", is_oob=True)
    assert outcomes(client.receive_data(refusal() + reply(3))) == [("a", "bad"), ("oob", {})]
    assert outcomes(client.receive_data(refusal("JSON x"))) == [("nobody", "JSON x")]
    assert outcomes(client.receive_data(reply(2) + refusal("next"))) == [
        ("b", {}),
        ("nobody", "next"),
    ]


def test_a_silent_command_was_not_refused_unless_its_error_says_so() -> None:
    client = AgentSession[str](negotiate=False)
    client.execute("a", None, "a")
    client.receive_data(reply(0))
    client.execute("a", None, "a")
    client.execute_silently("guest-shutdown", None, "silent")
    assert outcomes(client.receive_data(refusal() + reply(3))) == [("a", "bad"), ("silent", {})]
    client.execute_silently("guest-shutdown", None, "silent")
    assert outcomes(client.receive_data(refusal())) == [("silent", "bad")]


@pytest.mark.parametrize("negotiates", [True, False], ids=["monitor", "agent"])
def test_two_commands_that_fail_one_after_the_other(negotiates: bool) -> None:
    """The server's errors carry no ids; a probe is sent to find out which command each is about."""
    client = negotiated() if negotiates else Client(negotiate=False)
    client.execute("first", None, "first")
    client.receive_data(reply(int(negotiates)))
    said(client)
    client.execute("a", None, "a")
    assert outcomes(client.receive_data(refusal("a failed"))) == [("a", "a failed")]
    client.execute("b", None, "b")
    assert [command["execute"] for command in said(client)] == ["a", "b"]
    happened = client.receive_data(refusal("b failed") + refusal("b failed"))
    assert outcomes(happened) == 2 * [("nobody", "b failed")]
    (probe,) = said(client)
    assert probe["execute"] == ("query-version" if negotiates else "guest-ping")
    assert isinstance(probe["id"], int)
    happened = client.receive_data(reply(probe["id"]))
    assert [token for token, _ in outcomes(happened)] == ["b"]
    assert isinstance(happened[0], Completion)
    assert isinstance(happened[0].error, CommandError)
    assert client.commands_in_flight == 0


def test_one_that_succeeds_after_one_that_failed() -> None:
    client = negotiated()
    client.execute("a", None, "a")
    client.receive_data(refusal("odd"))
    client.execute("b", None, "b")
    client.receive_data(refusal("more of the same"))
    assert outcomes(client.receive_data(reply(2))) == [("b", {})]
    assert outcomes(client.receive_data(reply(3))) == []  # of the probe


def test_a_readers_errors_come_in_numbers_and_need_no_such_command() -> None:
    client = negotiated()
    for name in "ab":
        client.execute(name, None, name)
    said(client)
    client.receive_data(refusal("JSON nesting depth limit exceeded") + 1028 * refusal("JSON parse"))
    client.receive_data(refusal("QMP input must be a JSON object"))
    assert said(client) == []


def test_further_errors_are_noted_once_each() -> None:
    client = negotiated()
    for name in "ab":
        client.execute(name, None, name)
    (happened, *_) = client.receive_data(
        refusal("JSON nesting") + 20 * (refusal("JSON parse") + refusal("QMP input"))
    )
    assert isinstance(happened, Completion)
    assert happened.error is not None
    assert happened.error.__notes__ == [
        "the server sent another error without an id: GenericError: JSON parse",
        "the server sent another error without an id: GenericError: QMP input",
    ]
    for number in range(50):
        client.receive_data(refusal(f"JSON {number}"))
    assert len(happened.error.__notes__) == limits.ERRORS_NOTED


def test_an_interrupted_command_may_have_been_refused() -> None:
    client = negotiated("oob")
    client.execute("o", None, "t", is_oob=True)
    client.receive_data(refusal("JSON x"))
    (outcome,) = client.end("gone")
    assert str(outcome.error).endswith(
        "gone; the server sent an error without an id: GenericError: JSON x"
    )


def test_a_command_that_waits_for_its_turn_was_not_refused() -> None:
    client = negotiated("oob", max_in_flight=1)
    for name in "ab":
        client.execute(name, None, name)
    said(client)
    assert outcomes(client.receive_data(refusal())) == [("a", "bad")]
    assert [command["id"] for command in said(client)] == [2]  # now it is sent
    assert outcomes(client.receive_data(reply(2))) == [("b", {})]


def test_one_that_nobody_waits_for_takes_its_error_with_it() -> None:
    client = negotiated()
    given_up = client.execute("a", None, "a")
    said(client)
    client.give_up(given_up)
    client.execute("b", None, "b")
    assert client.receive_data(refusal()) == []
    assert outcomes(client.receive_data(reply(2))) == [("b", {})]


def test_an_error_of_no_command_is_quoted_when_one_has_no_answer() -> None:
    client = negotiated("oob")
    assert outcomes(client.receive_data(refusal("stale"))) == [("nobody", "stale")]
    sent = client.execute("o", None, "t", is_oob=True)
    assert str(client.unanswered(sent, 4)) == "o wasn't answered in 4 s"
    client.receive_data(refusal("unreadable"))
    assert str(client.unanswered(sent, 4)) == (
        "o wasn't answered in 4 s; the server sent an error without an id: GenericError: unreadable"
    )


# Giving up


def test_a_late_reply_is_dropped_and_matched_to_no_other() -> None:
    client = negotiated()
    first = client.execute("a", None, "a")
    said(client)
    client.give_up(first)
    assert client.interrupted == []
    for number in range(2 * limits.IDS):
        client.execute("b", None, str(number))
        (command,) = (c for c in said(client) if c["execute"] == "b")
        assert command["id"] != first.id
        id = command["id"]
        assert isinstance(id, int)
        assert outcomes(client.receive_data(reply(id))) == [(str(number), {})]
    assert client.receive_data(reply(first.id)) == []
    assert (client.ignored, client.commands_in_flight) == (0, 0)


def test_a_command_that_was_not_sent_never_will_be() -> None:
    client = negotiated("oob", max_in_flight=1)
    client.execute("a", None, "a")
    b = client.execute("b", None, "b")
    client.execute("c", None, "c")
    client.give_up(b)
    assert [sent.token for sent in client.interrupted] == ["a", "c"]
    assert [command["execute"] for command in said(client)] == ["a"]
    client.receive_data(reply(1))
    assert [command["execute"] for command in said(client)] == ["c"]


def test_one_whose_bytes_are_still_here_never_will_be_either() -> None:
    client = negotiated("oob", max_in_flight=1)
    a = client.execute("a", None, "a")
    client.execute("b", None, "b")
    o = client.execute("o", None, "o", is_oob=True)
    client.give_up(a)
    client.give_up(o)
    assert [command["execute"] for command in said(client)] == ["b"]  # now it is sent
    assert client.commands_in_flight == 1


def test_giving_up_twice_harms_nobody() -> None:
    client = negotiated("oob", max_in_flight=1)
    client.execute("a", None, "a")
    b = client.execute("b", None, "b")
    client.give_up(b)
    others = [client.execute("x", None, str(number)) for number in range(2 * limits.IDS)]
    assert b.id in {sent.id for sent in others}
    client.give_up(b)
    assert [sent.token for sent in client.interrupted] == ["a", *(sent.token for sent in others)]


def test_who_was_cut_off() -> None:
    client = negotiated()
    a, b, c = (client.execute(name, None, name) for name in "abc")
    client.receive_data(reply(b.id))
    client.give_up(a)
    client.receive_eof()
    assert client.interrupted == [c]
    assert client.phase is Phase.CLOSED


def test_a_command_that_could_not_be_sent_is_taken_back() -> None:
    client = negotiated("oob", max_in_flight=1)
    a = client.execute("a", None, "a")
    said(client)
    client.withdraw(a)
    assert (client.interrupted, client.commands_in_flight) == ([], 0)
    others = [client.execute("b", None, str(number)) for number in range(limits.IDS)]
    assert len(said(client)) == 1
    client.withdraw(a)  # another command has its id by now
    assert client.interrupted == others
    b = client.execute("b", None, "oob", is_oob=True)
    client.withdraw(b)
    assert client.interrupted == others


@pytest.mark.parametrize("has_left", [True, False])
def test_how_commands_end_with_the_connection(has_left: bool) -> None:
    client = negotiated("oob", max_in_flight=3)
    for name in ("a", "gone", "quit"):
        client.execute(name, None, name)
    client.execute("quit", None, "never sent")
    assert len(said(client)) == 3
    client.give_up(client.interrupted[1])
    if has_left:
        client.receive_eof()
    ended = {o.token: o for o in client.end("the end")}
    assert client.phase is Phase.CLOSED
    assert [*ended] == ["a", "quit", "never sent"]
    assert isinstance(ended["a"].error, CommandInterrupted)
    assert isinstance(ended["never sent"].error, CommandInterrupted)
    if has_left:
        assert (ended["quit"].value, ended["quit"].error) == ({}, None)
    else:
        error = ended["quit"].error
        assert isinstance(error, CommandInterrupted)
        assert (error.command, error.reason) == ("quit", "the end")
        assert str(error) == "quit was cut off, its outcome is unknown: the end"


# Ids


@pytest.mark.parametrize("first_id", [0, 1, 57, 99, 100, 12345])
def test_ids_are_short_and_go_round(first_id: int) -> None:
    client = negotiated(first_id=first_id)
    ids = []
    for _ in range(250):
        sent = client.execute("x", None, "t")
        ids.append(sent.id)
        client.receive_data(reply(sent.id))
    assert set(ids) == set(range(limits.IDS))
    assert ids[0] == (first_id + 1) % limits.IDS


@pytest.mark.parametrize("outstanding", [101, 150, 1001, 2500])
def test_more_outstanding_than_there_are_short_ids(outstanding: int) -> None:
    client = negotiated()
    sents = [client.execute("x", None, str(number)) for number in range(outstanding)]
    ids = [sent.id for sent in sents]
    assert len(set(ids)) == outstanding
    assert max(ids) < 10 * outstanding
    happened = client.receive_data(b"".join(reply(id, str(n)) for n, id in enumerate(ids)))
    assert outcomes(happened) == [(str(n), str(n)) for n in range(outstanding)]
    for _ in range(3):
        client.receive_data(reply(client.execute("x", None, "t").id))
    assert client.execute("x", None, "t").id < limits.IDS  # short ids again


def test_ids_are_reused_as_they_come_free() -> None:
    client = negotiated()
    sents = [client.execute("x", None, str(n)) for n in range(limits.IDS - 1)]
    client.receive_data(reply(sents[50].id))
    fresh = [client.execute("x", None, "new") for _ in range(2)]
    busy = {sent.id for sent in sents} - {sents[50].id}
    assert not busy & {sent.id for sent in fresh}


# Out-of-band execution and the window


def test_the_window() -> None:
    client = negotiated("oob", max_in_flight=limits.IN_BAND_WINDOW)
    sents = [client.execute("a", None, str(number)) for number in range(20)]
    assert [command["id"] for command in said(client)] == [sent.id for sent in sents[:8]]
    client.execute("b", None, "oob", is_oob=True)
    assert said(client) == [{"exec-oob": "b", "id": 21}]
    happened: Happened = []
    for sent in sents:
        happened += client.receive_data(reply(sent.id))
        assert len(said(client)) == (1 if sent.id + 8 <= 20 else 0)
    assert [token for token, _ in outcomes(happened)] == [str(number) for number in range(20)]


def test_without_out_of_band_commands_there_is_no_window() -> None:
    client = negotiated("oob")
    for number in range(50):
        client.execute("a", None, str(number))
    assert len(said(client)) == 50


def test_the_first_out_of_band_command_opens_the_window() -> None:
    client = negotiated("oob")
    client.execute("b", None, "oob", is_oob=True)
    for number in range(50):
        client.execute("a", None, str(number))
    assert len(said(client)) == 1 + limits.IN_BAND_WINDOW


def test_an_out_of_band_reply_frees_no_place() -> None:
    client = negotiated("oob", max_in_flight=1)
    client.execute("a", None, "a")
    client.execute("b", None, "b", is_oob=True)
    client.execute("c", None, "c")
    said(client)
    client.receive_data(reply(2))
    assert said(client) == []
    client.receive_data(reply(1))
    assert said(client) == [{"execute": "c", "id": 3}]


def test_descriptors_go_with_their_own_command() -> None:
    client = negotiated()
    for number, fds in enumerate([(), (), (5,), (), (6, 7)]):
        client.execute(f"c{number}", None, "t", fds=fds)
    assert pieces(client) == [(2, ()), (1, (5,)), (1, ())]
    client.receive_data(reply(1) + reply(2))
    assert pieces(client) == []
    client.receive_data(reply(3))
    assert pieces(client) == [(1, (6, 7))]


def test_what_waits_behind_descriptors_keeps_its_place() -> None:
    client = negotiated()
    sent = [client.execute(f"c{n}", None, "t", fds=fds) for n, fds in enumerate([(5,), (6,), ()])]
    assert [each.is_waiting for each in sent] == [False, True, True]
    assert pieces(client) == [(1, (5,))]
    client.give_up(sent[1])
    client.withdraw(sent[0])
    assert pieces(client) == [(1, ())]
    client.execute("c3", None, "t", fds=(7,))
    assert pieces(client) == [(1, (7,))]


def pieces(client: Client) -> list[tuple[int, tuple[int, ...]]]:
    """Return what is sent now: the numbers of commands, each with its descriptors."""
    found = []
    while (piece := client.data_to_send())[0]:
        found.append((piece[0].count(b"\n"), piece[1]))
    return found


# Calls at the wrong time


def test_nothing_is_sent_before_negotiation_is_done_or_after_the_end() -> None:
    client = Client()
    for data, text in (
        (b"", "x can't be sent: the connection waits for the greeting"),
        (greeting(), "x can't be sent: the connection negotiates capabilities"),
    ):
        client.receive_data(data)
        with pytest.raises(LocalProtocolError) as caught:
            client.execute("x", None, "t")
        assert str(caught.value) == text
    client.receive_eof()
    with pytest.raises(LocalProtocolError, match="the connection is closed"):
        client.execute("x", None, "t")


def test_out_of_band_without_the_capability() -> None:
    client = negotiated()
    with pytest.raises(LocalProtocolError, match=r"enabled is \[\], 'oob' would be needed"):
        client.execute("x", None, "t", is_oob=True)
    assert client.commands_in_flight == 0


def test_arguments_that_json_can_not_hold() -> None:
    client = negotiated()
    with pytest.raises(TypeError):
        client.execute("x", {"a": object()}, "t")  # type: ignore[dict-item]  # the point
    assert client.commands_in_flight == 0
    assert client.execute("x", None, "t").id in range(limits.IDS)


@pytest.mark.parametrize("max_in_flight", [0, -1])
def test_a_window_that_lets_nothing_through(max_in_flight: int) -> None:
    with pytest.raises(ValueError, match="expected 1 or more"):
        Client(max_in_flight=max_in_flight)


# Violations by the peer


@pytest.mark.parametrize(
    ("data", "kind", "text"),
    [
        (b"hello\n", WireError, "JSON parse error, invalid keyword 'hello'"),
        (b"SSH-2.0-x\r\n", WireError, "JSON parse error, stray 'S'"),
        (b"[]\n", MessageError, "found an array where a message must be an object"),
        (b"42\n", MessageError, "found a number where a message must be an object"),
        (b"{}\n", MessageError, "found a message that is no greeting, response or event"),
        (b'{"id": 1}\n', MessageError, "found a message that is no greeting, response or event"),
        (b'{"event": 1}\n', MessageError, "a message is malformed: "),
        (b'{"QMP": 1}\n', MessageError, "found a number where QMP must be an object"),
        (b"[" * 1025, LimitError, "JSON nesting depth limit exceeded"),
    ],
)
def test_failures(data: bytes, kind: type[QMPError], text: str) -> None:
    client = Client()
    assert client.receive_data(event("BEFORE") + data + b"\n") != []
    assert type(client.failure) is kind
    assert str(client.failure).startswith(text)
    assert client.phase is Phase.CLOSED


HUMAN = b"QEMU 7.2.22 monitor - type 'help' for more information\r\n(qemu) "


@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        (
            HUMAN,
            WireError,
            r"found .QEMU 7\.2\.22.*, which looks like QEMU's human monitor; .*-qmp",
        ),
        (
            b"SSH-2.0-x\r\n",
            WireError,
            r"found 'SSH-2\.0-x\\r\\n', which looks like an SSH server; ",
        ),
        (b"\x15\x03\x01", RemoteProtocolError, r"found '\\x15\\x03\\x01', .* TLS; write tls:"),
        (b"\x16\x03\x01\0\n", WireError, "looks like TLS; write tls:"),
        (b"HTTP/1.1 400 Bad", RemoteProtocolError, "looks like an HTTP server; "),
        (b'{"jsonrpc":"2.0"}\n', MessageError, r"JSON-RPC server, .* \(found a message that is no"),
        (b"\x1b]0;x\x07\n", WireError, r"found '\\x1b]0;x\\x07\\n'"),
    ],
)
def test_what_the_peer_is(data: bytes, kind: type[QMPError], reason: str) -> None:
    for chunks in ([data], [data[i : i + 1] for i in range(len(data))]):
        client = Client(peer="tcp:vm:4444")
        for chunk in chunks:
            client.receive_data(chunk)
            if client.failure is not None:
                break
        assert isinstance(client.failure, kind | RemoteProtocolError)
        why = client.end_reason(client.failure)
        assert why.startswith("tcp:vm:4444 doesn't speak QMP: found ")
        assert why.isprintable()
        if chunks == [data]:
            assert re.search(reason, why), why


def test_an_error_in_place_of_a_greeting() -> None:
    client = Client(peer="unix:/q")
    error = line({"error": {"class": "GenericError", "desc": "already in use\x1b"}})
    assert client.receive_data(error[:9]) == []
    assert client.receive_data(error[9:]) == []
    assert isinstance(client.failure, RemoteProtocolError)
    said = r"unix:/q sent an error in place of a greeting: GenericError: already in use\x1b"
    assert client.end_reason(client.failure) == said


@pytest.mark.parametrize("id", [{}, {"id": 9}, {"id": "old"}], ids=["none", "number", "text"])
def test_an_error_for_a_client_before_us(id: JsonObject) -> None:
    client = Client()
    client.receive_data(line({"error": {"class": "C", "desc": "stale"}, **id}) + greeting())
    assert (client.failure, client.phase) == (None, Phase.NEGOTIATION)


def test_what_came_in_place_of_a_reply_is_quoted() -> None:
    client = negotiated()
    client.execute("a", None, "a")
    bad = b'{"return": {"file": "C:\\save\x1b"}, "id": 1}'
    client.receive_data(event("X") + bad + b"\r\n" + reply(1))
    assert isinstance(client.failure, WireError)
    why = client.end_reason(client.failure)
    assert why.startswith("found " + repr(bad)[1:] + " in place of QMP (JSON parse error, ")
    assert why.isprintable()


def test_a_long_text_is_cut() -> None:
    client = negotiated()
    client.receive_data(b"x" * 100_000 + b"\n")
    assert len(client.end_reason(client.failure)) < 600


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            b"",
            "another client may hold its monitor, or unix:/q is a guest agent, which never greets",
        ),
        (b'{"return": {}}\r\n', "a guest agent, which doesn't greet: negotiate=False"),
        (b'{"QMP": {"ver', "unix:/q hasn't sent a whole greeting: found '{\"QMP\": {\"ver'"),
        (b"Debian GNU", "found 'Debian GNU', which looks like a console"),
        (event("X"), "another client may hold its monitor"),
    ],
)
def test_a_deadline_without_a_greeting(data: bytes, said: str) -> None:
    client = Client(peer="unix:/q")
    client.receive_data(data)
    text = str(client.late_to_negotiate(2.0))
    assert text.startswith("the server hasn't greeted in 2 s; ")
    assert said in text
    if data and not data.startswith(b'{"timestamp'):
        assert said in client.end_reason(None)


def test_a_deadline_behind_a_greeting() -> None:
    client = Client()
    client.receive_data(greeting())
    assert str(client.late_to_negotiate(0.05)) == (
        "the server hasn't answered qmp_capabilities in 0.05 s; another client may hold its monitor"
    )


def test_what_never_spoke_qmp_without_a_greeting() -> None:
    client = Client(negotiate=False, peer="unix:/q")
    sent = client.execute("guest-ping", None, "t")
    client.receive_data(b"\x15\x03\x03\x00\x02")
    assert "unix:/q doesn't speak QMP: " in str(client.unanswered(sent, 1))
    assert "looks like TLS" in client.end_reason(ConnectionResetError(104, "reset"))


def test_odd_messages_that_end_nothing() -> None:
    client = negotiated()
    for name in "abc":
        client.execute(name, None, name)
    happened = client.receive_data(
        b'{"event": "X", "data": null}\r\n{"error": {"class": "C"}, "id": 1}\r\n'
        b'{"return": [NaN, Infinity, -Infinity], "id": 2}\r\n'
        b'{"return": 1, "error": null, "id": 3}\r\n'
    )
    assert outcomes(happened) == [
        ("event", "X"),
        ("a", "the server didn't say why"),
        ("b", [None, None, None]),
        ("c", 1),
    ]
    assert isinstance(happened[0], Event)
    assert happened[0].data == {}
    assert client.failure is None


def test_what_came_before_a_failure_counts() -> None:
    client = negotiated()
    client.execute("a", None, "a")
    client.execute("b", None, "b")
    assert outcomes(client.receive_data(reply(1) + b"garbage\n" + reply(2))) == [("a", {})]
    assert isinstance(client.failure, WireError)
    assert [sent.token for sent in client.interrupted] == ["b"]


# Events


def test_events_are_numbered_on_arrival() -> None:
    client = negotiated()
    happened = client.receive_data(event("A") + event("B", a=1) + b'{"event": "C"}\r\n')
    assert happened == [
        Event("A", {}, Timestamp(1, 2), 1),
        Event("B", {"a": 1}, Timestamp(1, 2), 2),
        Event("C", {}, None, 3),
    ]
    assert client.events_received == 3


def test_an_event_is_an_event_whatever_else_it_holds() -> None:
    client = negotiated()
    client.execute("x", None, "t")
    both = line({"event": "X", "return": {}, "id": 1, "QMP": {}, "error": {"desc": "no"}})
    assert outcomes(client.receive_data(both)) == [("event", "X")]
    assert outcomes(client.receive_data(reply(1))) == [("t", {})]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_any_chunks(size: int) -> None:
    client = Client()
    data = greeting("oob") + reply(0) + event("A") + b"\xff" + event("B")
    happened: Happened = []
    for at in range(0, len(data), size):
        happened += client.receive_data(data[at : at + size])
    assert outcomes(happened) == [("event", "A"), ("event", "B")]
    assert client.phase is Phase.READY


def test_a_change_that_asks_for_a_command_goes_on_changing() -> None:
    client = ClientSession[str](negotiate=False)
    client.execute("a", None, "a")
    client.data_to_send()
    client.receive_data(reply(0))
    for name in "bcd":
        client.execute(name, None, name)
    client.data_to_send()
    refusal = line({"error": {"class": "GenericError", "desc": "no"}})
    client.is_changing = True
    client.receive_data(refusal + refusal)
    assert client.has_data_to_send  # a probe for the refused command
    assert client.is_changing
