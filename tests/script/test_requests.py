"""The bytes of requests."""

import pytest

from qmpeer import limits
from qmpeer.messages import CommandMessage
from qmpeer.script.requests import Requests


def test_one_byte_at_a_time() -> None:
    requests = Requests()
    for byte in b"{'execute': 'a', 'id': {'b': [1]}}{\"execute\": \"b\"}":
        requests.receive(bytes([byte]))
    assert (
        requests.take(CommandMessage("a", id={"b": [1]})) == b"{'execute': 'a', 'id': {'b': [1]}}"
    )
    assert requests.take(CommandMessage("b")) == b'{"execute": "b"}'


def test_what_is_refused_is_passed_over() -> None:
    requests = Requests()
    requests.receive(b'nonsense\n{"execute": "a", "x": 1}\n\xff{"execute":"b"}\n{"execute":"a"}\n')
    assert requests.take(CommandMessage("b")) == b'{"execute":"b"}'
    assert requests.take(CommandMessage("a")) == b'{"execute":"a"}'
    assert requests.take(CommandMessage("a")) == b""


def test_they_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SCRIPT_REQUESTS", 2)
    requests = Requests()
    requests.receive(b"".join(b'{"execute":"a","id":%d}\n' % number for number in range(5)))
    assert requests.take(CommandMessage("a", id=0)) == b""
    assert requests.take(CommandMessage("a", id=4)) == b'{"execute":"a","id":4}'
