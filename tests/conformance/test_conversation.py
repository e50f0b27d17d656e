"""A client's conversation with the suite: the places of messages, and the client's mistakes."""

import pytest

from qmpeer import limits
from qmpeer.conformance.clients.case import Place
from qmpeer.conformance.clients.conversation import Conversation, Record
from qmpeer.values import JsonObject

GREETING: JsonObject = {"QMP": {"version": {}, "capabilities": ["oob"]}}
BEGIN = b'{"execute": "qmp_capabilities", "id": 0}\n'


def negotiated(begin: bytes = BEGIN) -> tuple[Conversation, Record]:
    record = Record()
    talk = Conversation(record)
    talk.message_sent(GREETING)
    talk.receive_data(begin)
    assert talk.original({"return": {}, "id": 0})[0] is Place.NEGOTIATED
    return talk, record


def test_places() -> None:
    talk, record = negotiated()
    assert talk.original(GREETING)[0] is Place.GREETING
    assert talk.original({"event": "STOP"})[0] is Place.OTHER
    talk.receive_data(b'{"execute": "query-status", "id": {"a": 1}}')
    place, original = talk.original({"return": {}, "id": {"a": 1}})
    assert (place, original.id_text) == (Place.REPLY, b'{"a":1}')
    assert talk.original({"return": {}, "id": {"a": 1}})[0] is Place.OTHER
    assert (record.commands, record.replies, record.sends_ids) == (1, 1, True)
    assert not record.mistakes


def test_a_refused_negotiation_may_be_repeated() -> None:
    record = Record()
    talk = Conversation(record)
    talk.message_sent(GREETING)
    talk.receive_data(BEGIN)
    assert talk.original({"id": 0, "error": {}})[0] is Place.OTHER
    talk.receive_data(BEGIN)
    assert talk.original({"return": {}, "id": 0})[0] is Place.NEGOTIATED
    assert not record.mistakes


def test_pipelined_commands_are_legal() -> None:
    _, record = negotiated(BEGIN + b'{"execute": "stop"}{"execute": "cont"}\r\n')
    assert not record.mistakes
    assert (record.commands, record.sends_ids, record.changes_machine) == (2, False, True)


def test_out_of_band_once_it_is_enabled() -> None:
    begin = BEGIN[:-2] + b', "arguments": {"enable": ["oob"]}}'
    talk, record = negotiated(begin)
    talk.receive_data(b'{"execute": "query-block", "id": 1}{"exec-oob": "yank", "id": 2}')
    assert talk.original({"return": {}, "id": 2})[0] is Place.REPLY
    assert talk.original({"return": {}, "id": 1})[0] is Place.REPLY
    assert not record.mistakes


@pytest.mark.parametrize(
    ("data", "mistake"),
    [
        (b"GET / HTTP/1.1\r\n", "the client sent 'GET / HTTP/1.1\\r\\n', which isn't JSON"),
        (b'{"execute": "stop",}\n', "which isn't JSON"),
        (b"{'execute': 'stop'}\n", "which QEMU reads but which isn't JSON"),
        (b"[]\n", "the client sent '[]': QMP input must be a JSON object"),
        (b"{}\n", "QMP input lacks member 'execute'"),
        (b'{"execute": 1}', "QMP input member 'execute' must be a string"),
        (b'{"execute": "stop", "arguments": []}', "must be an object"),
        (b'{"execute": "stop", "jsonrpc": "2.0"}', "'jsonrpc' is unexpected"),
        (b'{"exec-oob": "yank", "id": 1}', "'exec-oob' is unexpected"),
        (b'{"execute": "qmp_capabilities"}', "the client sent qmp_capabilities a second time"),
        (
            b'{"execute": "stop", "id": 1}{"execute": "cont", "id": 1}',
            "the client sent cont with the id of a command in flight",
        ),
    ],
)
def test_mistakes(data: bytes, mistake: str) -> None:
    talk, record = negotiated()
    talk.receive_data(data)
    (found,) = record.mistakes
    assert mistake in found


def test_a_command_in_many_packets_is_one() -> None:
    talk, record = negotiated()
    for byte in b'{"execute": "query-status", "id": "x}"}':
        talk.receive_data(bytes((byte,)))
    assert (record.commands, record.mistakes) == (1, [])


def test_what_is_kept_is_bounded() -> None:
    talk, record = negotiated()
    for number in range(1000):
        talk.receive_data(b"%d!\n" % number + b"x" * 1000 + b"\n")
        record.note_sent(b"y" * 1000)
    assert len(record.mistakes) == limits.JUDGED_MISTAKES
    assert len(record.received) == len(record.sent) == limits.JUDGED_WIRE
