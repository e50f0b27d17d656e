"""Cases of QEMU 7.2 that are too long to be read: nesting, and the limits of sizes and texts."""

from collections import Counter

import pytest

from qmpeer import limits
from tests.protocol.pretended_server import PretendedServer
from tests.transcripts.conversations import SENTINEL, by_value
from tests.transcripts.machine_commands import COMMANDS

NO_OBJECT = "QMP input must be a JSON object"
NO_VALUE = "JSON parse error, expecting value"
NESTING = "JSON nesting depth limit exceeded"
TOKENS = "JSON token count limit exceeded"
NOT_FOUND = "The command zz has not been found"
MI = 1 << 20


def say(data: bytes) -> tuple[list[str], bytes]:
    """Send something in chunks of 64 KiB; return the errors' texts, and all answers."""
    server = PretendedServer(COMMANDS)
    session = server.negotiated()
    answer = b""
    for start in range(0, len(data), 65536):
        server.receive(session, data[start : start + 65536])
        while said := session.data_to_send():
            answer += said
            server.pump()
    texts = [
        line.partition(b'"desc": "')[2].removesuffix(b'"}}').decode("ascii")
        for line in answer.split(b"\r\n")[:-1]
    ]
    server.receive(session, b"\n" + SENTINEL)
    assert session.data_to_send().startswith(b'{"id": "S", ')
    return texts, answer


def as_id(text: bytes) -> bytes:
    return b'{"execute":"zz","id":' + text + b"}\n"


@pytest.mark.parametrize("depth", [100, 500, 1021, 1022, 1023])
def test_an_id_nested_deep_is_given_back(depth: int) -> None:
    nested = b"[" * depth + b"]" * depth
    texts, answer = say(as_id(nested))
    assert texts == [NOT_FOUND]
    assert answer.startswith(b'{"id": ' + nested + b', "error": ')


@pytest.mark.parametrize(
    ("said", "first", "counts"),
    [
        pytest.param(
            as_id(b"[" * 2000 + b"]" * 2000),
            NESTING,
            {NESTING: 1, NO_OBJECT: 1, NO_VALUE: 1025},
            id="an id of 2000 arrays",
        ),
        pytest.param(
            as_id(b'{"a":' * 1024 + b"1" + b"}" * 1024),
            NESTING,
            {NESTING: 1, NO_OBJECT: 2, NO_VALUE: 1026},
            id="an id of 1024 objects",
        ),
        pytest.param(b"[" * 1023 + b"]" * 1023 + b"\n", NO_OBJECT, {NO_OBJECT: 1}, id="1023"),
        pytest.param(b"[" * 1024 + b"]" * 1024 + b"\n", NO_OBJECT, {NO_OBJECT: 1}, id="1024"),
        pytest.param(
            b"[" * 1025 + b"]" * 1025 + b"\n", NESTING, {NESTING: 1, NO_VALUE: 1025}, id="1025"
        ),
        pytest.param(
            b"[" * 1026 + b"]" * 1026 + b"\n",
            NESTING,
            {NESTING: 1, NO_OBJECT: 1, NO_VALUE: 1025},
            id="1026",
        ),
        pytest.param(b"[" * 1025, NESTING, {NESTING: 1}, id="1025 that are never closed"),
    ],
)
def test_nesting(said: bytes, first: str, counts: dict[str, int]) -> None:
    texts, _ = say(said)
    assert texts[0] == first
    assert Counter(texts) == counts


def test_5000_openers_give_four_errors_and_wait() -> None:
    server = PretendedServer()
    session = server.negotiated()
    server.receive(session, b"[" * 5000 + b"\n" + SENTINEL)
    assert session.data_to_send().count(NESTING.encode()) == 4
    server.receive(session, b"\x01" + SENTINEL)
    assert b"stray" in session.data_to_send()


def test_a_number_of_many_digits() -> None:
    _, answer = say(as_id(b"0." + b"1" * 400))
    assert by_value(answer) == by_value(
        b'{"id": 0.1111111111111111, "error": {"class": "CommandNotFound",'
        b' "desc": "The command zz has not been found"}}\r\n'
    )


@pytest.mark.parametrize(
    ("letters", "shown"), [(900, 900), (1000, 1000), (1010, None), (1023, None), (5000, None)]
)
def test_a_parser_text_is_cut(letters: int, shown: int | None) -> None:
    (text,), _ = say(b"a" * letters + b"\n")
    expected = f"invalid keyword '{'a' * letters}'"
    assert text == "JSON parse error, " + (expected[:1023] if shown is None else expected)
    assert len(text) <= 18 + 1023


@pytest.mark.parametrize(
    ("said", "text"),
    [
        pytest.param(
            b'"' + b"a" * 5000 + b"\x01\n",
            "JSON parse error, stray '\\\"" + "a" * 5000 + "\\u0001'",
            id="a string that isn't ended",
        ),
        pytest.param(
            b'{"execute":"' + b"a" * 5000 + b'"}\n',
            f"The command {'a' * 5000} has not been found",
            id="a command's name",
        ),
        pytest.param(
            b'{"execute":"x","' + b"a" * 5000 + b'":1}\n',
            f"QMP input member '{'a' * 5000}' is unexpected",
            id="a member's name",
        ),
        pytest.param(
            b'{"execute":"query-name","arguments":{"' + b"a" * 5000 + b'":1}}\n',
            f"Parameter '{'a' * 5000}' is unexpected",
            id="an argument's name",
        ),
    ],
)
def test_other_texts_are_not_cut(said: bytes, text: str) -> None:
    assert say(said)[0] == [text]


def check_token_count(limit: int, more: int, texts: list[str]) -> None:
    ones = limit // 2 + more
    assert say(b"[" + b"1," * (ones - 1) + b"1]\n")[0] == texts


def check_token_size(limit: int) -> None:
    """Check an id just below the limit of a token's size, which comes back, and one above it."""
    text = b"a" * (limit - 100)
    texts, answer = say(as_id(b'"' + text + b'"'))
    assert texts == [NOT_FOUND]
    assert answer.startswith(b'{"id": "' + text + b'", "error": ')
    texts, _ = say(as_id(b'"' + b"a" * (limit + 10) + b'"'))
    assert texts == [
        "JSON token size limit exceeded",
        "JSON parse error, invalid keyword 'aaaaaaaaaa'",
        "JSON parse error, stray '\\\"}\\n'",
    ]


around_the_count = pytest.mark.parametrize(
    ("more", "texts"),
    [(-1, [NO_OBJECT]), (0, [TOKENS]), (1, [TOKENS, NO_OBJECT, NO_VALUE])],
    ids=["the limit less 1", "the limit and 1", "the limit and 3"],
)


@around_the_count
def test_token_count(more: int, texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOKENS", 200_000)  # they come in several chunks
    check_token_count(limits.TOKENS, more, texts)


def test_token_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOKEN_SIZE", 500_000)
    check_token_size(limits.TOKEN_SIZE)


@pytest.mark.slow
@around_the_count
def test_qemus_token_count(more: int, texts: list[str]) -> None:
    check_token_count(2 * MI, more, texts)


@pytest.mark.slow
def test_qemus_token_size() -> None:
    check_token_size(64 * MI)


def test_the_limits_are_qemus() -> None:
    assert (limits.TOKENS, limits.TOKEN_SIZE, limits.NESTING) == (2 * MI, 64 * MI, 1024)
