"""Secrets don't reach a recording."""

import json

import pytest

from qmpeer.recording.blanking import Blanker, read_server
from qmpeer.recording.cutting import NO_VALUE
from qmpeer.transcript import Sender

CLIENT, SERVER = Sender.CLIENT, Sender.SERVER
PASSWORD = b'{"execute": "set_password", "arguments": {"protocol": "vnc", "password": "s3cret!"}}'


def client(text: bytes, blanker: Blanker | None = None) -> bytes:
    blanker = blanker or Blanker()
    value = blanker.read_client(text)
    assert value is not NO_VALUE
    return blanker.value(CLIENT, text, value)


def server(text: bytes, blanker: Blanker | None = None) -> bytes:
    value = read_server(text)
    assert value is not NO_VALUE
    return (blanker or Blanker()).value(SERVER, text, value)


KEPT = [
    b'{"execute":"query-status"}',
    b'  {"execute" : "qmp_capabilities" , "id": "\\u0041" }\r\n',
    b'{"exec-oob": "migrate-pause", "id": [1e0]}\n',
    b"{'execute': 'stop', 'arguments': {'a': 1.50}}\n",
    b'\xff{"execute":"guest-sync-delimited","arguments":{"id":17}}\n',
    b'{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"n\xc3\xa9"}}\n',
    b"{}",
    b"[1, 2]\n",
    b'"text"\n',
    b"42\n",
    b"null\n",
]


@pytest.mark.parametrize("text", KEPT)
def test_commands_without_secrets_keep_their_bytes(text: bytes) -> None:
    assert client(text) == text


@pytest.mark.parametrize(
    "text",
    [
        PASSWORD,
        PASSWORD.replace(b'"password"', b'"p\\u0061ssword"'),
        b"{'execute': 'change-vnc-password', 'arguments': {'password': 's3cret!'}}",
        b'{"execute": "object-add", "arguments": {"qom-type": "secret", "data": "s3cret!"}}',
        b'{"execute": "blockdev-add", "arguments": {"url": "http://me:s3cret!@host/x"}}',
        b'{"execute": "human-monitor-command",%b}'
        % b'"arguments": {"command-line": "change vnc password s3cret!"}',
        b'{"arguments": {"password": "s3cret!"}, "execute": "set_password"}',
        b'{"execute": "transaction", "arguments": {"actions": [%b]}}'
        % b'{"type": "x", "data": {"password": "s3cret!"}}',
        b'["set_password", "s3cret!"]',
        b'"set_password vnc s3cret!"',
    ],
)
@pytest.mark.parametrize(("before", "behind"), [(b"", b""), (b"\xff ", b" \r\n"), (b"", b"\n")])
def test_secrets_of_commands(text: bytes, before: bytes, behind: bytes) -> None:
    shown = client(before + text + behind)
    assert b"s3cret!" not in shown
    assert b"<redacted>" in shown
    assert shown.startswith(before)
    assert shown.endswith(behind)
    assert shown.count(b"\n") == behind.count(b"\n")
    json.loads(shown.lstrip(b"\xff "))


def test_keys_are_blanked_one_by_one() -> None:
    text = (
        b'{"execute": "send-key", "arguments": {"keys": [{"type": "qcode", "data": "p"},'
        b' {"type": "number", "data": 25}], "hold-time": 10}, "id": "a"}\n'
    )
    assert client(text) == (
        b'{"execute": "send-key", "arguments": {"keys": [{"type": "qcode", "data": "<redacted>"},'
        b' {"type": "number", "data": "<redacted>"}], "hold-time": 10}, "id": "a"}\n'
    )
    event = (
        b'{"execute": "input-send-event", "arguments": {"events": [{"type": "key", "data":'
        b' {"down": true, "key": {"type": "qcode", "data": "%b"}}},'
        b' {"type": "abs", "data": {"axis": "x", "value": 3}}]}}'
    )
    assert client(event % b"p") == event % b"<redacted>"


def test_a_member_twice_is_no_message() -> None:
    text = PASSWORD[:-1] + b', "arguments": {}}\n'
    blanker = Blanker()
    assert blanker.read_client(text) is NO_VALUE
    assert blanker.read_client(b'{"execute": "stop"}\n') is not NO_VALUE
    assert b"s3cret!" not in blanker.noise(CLIENT, text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            b'{"execute": "x", "arguments": {"data": "s3cret!", "n": 5}',
            b'{"execute": "x", "arguments": {"data": "<redacted>", "n": 5}',
        ),
        (
            b'{"execute": "x", "arguments": {"a": "s3cr\\"e',
            b'{"execute": "x", "arguments": {"a": "<redacted>"',
        ),
        (b"{'exec-oob': 'x', 'a': ['s3cret!'\n", b"{'exec-oob': 'x', 'a': [\"<redacted>\"\n"),
        (
            b'{"execute": s3cret!, "a": 5, "b": no}',
            b'{"execute": <redacted>, "a": 5, "b": <redacted>}',
        ),
        (
            b'{"execute": "x", "arguments": {"a": 5" , "data": "s3cret!"}}',
            b'{"execute": "x", "arguments": {"a": 5'
            + b'"<redacted>"<redacted>' * 2
            + b'"<redacted>"',
        ),
        (b"set_password vnc s3cret!\r\ninfo\r\n", b"set_password vnc <redacted>\r\ninfo\r\n"),
        (b"GET http://me:s3cret!@h/\n", b"GET http://me:<redacted>@h/\n"),
        (b"\x80\xff hello\n", b"\x80\xff hello\n"),
    ],
)
def test_noise_of_the_client(text: bytes, shown: bytes) -> None:
    assert Blanker().noise(CLIENT, text) == shown


def test_noise_behind_a_torn_command() -> None:
    blanker = Blanker()
    blanker.noise(CLIENT, b'{"execute": "x", "arguments": {"data": "half')
    for part in (b"\ns3cret!\n", b"\xfes3cret!", b'4711s3cret!", "s3cret!": "s3cret!"}}\n'):
        assert b"s3cret!" not in blanker.noise(CLIENT, part)
    assert blanker.noise(CLIENT, b"4711\n") == b"<redacted>\n"
    client(b'{"execute": "stop"}\n', blanker)
    assert blanker.noise(CLIENT, b"info status\n") == b"info status\n"


def test_values_of_any_depth() -> None:
    blanker = Blanker()
    deep = b"[" * 1000 + b'"s3cret!"' + b"]" * 1000
    text = b'{"execute": "object-add", "arguments": {"qom-type": "secret", "x": %b}}\n' % deep
    assert b"s3cret!" not in client(text, blanker)
    for depth in (100, 300, 500):
        nested = b"[" * depth + b'"s3cret!"' + b"]" * depth
        text = b'{"error": {"class": "X", "desc": "s3cret!", "x": %b}}\r\n' % nested
        assert b"s3cret!" not in server(text, blanker)
    assert b"s3cret!" not in server(b'{"error": {"desc": "s3cret!", "n": nan}}', blanker)


SAID = [
    b'{"QMP": {"version": {}, "capabilities": ["oob"]}}\r\n',
    b'{"return": {}, "id": "s3cret!"}\r\n',
    b'{\r\n    "return": {\r\n    }\r\n}\r\n',
    b'\xff{"return": 17}\n',
    b'{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}\r\n',
    b'{"return": inf}\r\n',
    b'{"return": {"a": -nan, "b": "s3cret!"}}\r\n',
    b'{"return": "a\\u0041"}\r\n',
    b'{"error": {"class": "GenericError", "desc": "a\\u0041"}}\r\n',
    b"17\n",
    b"[]\n",
    b'{"return": {"url": "http:\\/\\/host"}}\r\n',
    b'{"return": "caf\xe9"}'.replace(b"\xe9", b"\xc3\xa9"),
]


@pytest.mark.parametrize("text", SAID)
def test_answers_keep_their_bytes(text: bytes) -> None:
    blanker = Blanker()
    client(PASSWORD, blanker)
    assert server(text, blanker) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            b'{"id": 1, "error": {"class": "X", "desc": "\'s3cret!\' is bad"}}\r\n',
            b'{"id": 1, "error": {"class": "X", "desc": "\'<redacted>\' is bad"}}\r\n',
        ),
        (b'{"return": "s3\\u0063ret!"}', b'{"return": "<redacted>"}'),
        (
            b'{"return": [{"f": "http://a:b@h/"}]}\n',
            b'{"return": [{"f": "http://a:<redacted>@h/"}]}\n',
        ),
        (
            b'{"event": "X", "data": {"f": "http:\\/\\/a:b@h"}}\n',
            b'{"event": "X", "data": {"f": "http://a:<redacted>@h"}}\n',
        ),
    ],
)
def test_secrets_in_answers(text: bytes, shown: bytes) -> None:
    blanker = Blanker()
    client(PASSWORD, blanker)
    assert server(text, blanker) == shown


@pytest.mark.parametrize("text", [b"(qemu) ", b'{"return": }', b"{} {}", b"{\xff}", b"", b"hello"])
def test_what_is_no_answer(text: bytes) -> None:
    assert read_server(text) is NO_VALUE


def test_noise_of_the_server_and_texts_lose_known_secrets() -> None:
    blanker = Blanker()
    client(PASSWORD, blanker)
    assert blanker.noise(SERVER, b"(qemu) s3cret!\xff") == b"(qemu) <redacted>\xff"
    assert blanker.text("no s3cret!") == "no <redacted>"
