"""Conversations out of recordings.

Modules: conversations, pairing, reading, splitting.
"""

import pytest

from qmpeer.errors import TranscriptError
from qmpeer.replay.conversations import recorded_conversations
from qmpeer.transcript import Transcript
from tests.replay.plays import conversations, recording, shown

STATUS = '-> {"execute": "query-status", "id": 1}\n<- {"return": 1, "id": 1}\n'


def commands(text: str) -> list[list[str]]:
    return [[each.command.name for each in one.exchanges] for one in conversations(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("GREETING\nNEGOTIATION\n" + STATUS, [["query-status"]], id="one"),
        pytest.param(STATUS, [["query-status"]], id="without greeting and negotiation"),
        pytest.param(
            ("GREETING\nNEGOTIATION\n" + STATUS) * 2, [["query-status"]] * 2, id="greeting begins"
        ),
        pytest.param(
            ("NEGOTIATION\n" + STATUS) * 3, [["query-status"]] * 3, id="capabilities begin"
        ),
        pytest.param(
            "@ opened\n" + STATUS + "@ closed\n@ opened\n" + STATUS,
            [["query-status"]] * 2,
            id="opened begins",
        ),
        pytest.param(
            "@ opened\nGREETING\n@ closed\n@ opened\nGREETING\nNEGOTIATION\n" + STATUS,
            [["query-status"]],
            id="a client that asked nothing",
        ),
        pytest.param(
            "GREETING\nNEGOTIATION\n"
            + STATUS
            + '-> {"execute": "qmp_capabilities"}\n'
            + '<- {"error": {"class": "CommandNotFound", "desc": "already"}}\n'
            + STATUS,
            [["query-status", "query-status"]],
            id="refused capabilities begin nothing",
        ),
        pytest.param(
            'GREETING\n-> {"execute": "stop"}\n'
            '<- {"error": {"class": "CommandNotFound", "desc": "Expecting capabilities"}}\n'
            "NEGOTIATION\n" + STATUS,
            [["query-status"]],
            id="refused before negotiation",
        ),
        pytest.param(
            'GREETING\n-> {"execute": "stop"}\n<- {"return": {}}\n',
            [["stop"]],
            id="negotiation wasn't recorded",
        ),
        pytest.param(
            "@ opened\nGREETING\n@ connection 2\n@ opened\nGREETING\nNEGOTIATION\n"
            '-> {"execute": "b"}\n@ connection 1\nNEGOTIATION\n-> {"execute": "a"}\n'
            '@ connection 2\n<- {"return": 2}\n@ connection 1\n<- {"return": 1}\n',
            [["a"], ["b"]],
            id="two connections at once",
        ),
        pytest.param(
            "# one\nGREETING\nNEGOTIATION\n\n# two\n" + STATUS, [["query-status"]], id="sections"
        ),
        pytest.param(
            "NEGOTIATION\n" + STATUS + "\n# later\n-> [1]\n<- {"
            '"error": {"class": "GenericError", "desc": "must be an object"}}\n',
            [["query-status"]],
            id="a request that was none",
        ),
    ],
)
def test_conversations(text: str, expected: list[list[str]]) -> None:
    assert commands(text) == expected


def steps(text: str) -> list[list[object]]:
    (conversation,) = conversations(text)
    return [list(shown(conversation.opening)), *map(list, _answers(text))]


def _answers(text: str) -> list[list[object]]:
    (conversation,) = conversations(text)
    return [list(shown(each.steps)) for each in conversation.exchanges]


EVENT = '<- {"event": "E", "data": {"n": 1}, "timestamp": {"seconds": 1, "microseconds": 2}}\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(EVENT, [[["E"]]], id="events only"),
        pytest.param(f"GREETING\nNEGOTIATION\n{EVENT}{STATUS}", [[["E"]], [1]], id="before any"),
        pytest.param(f"{STATUS}{EVENT}{STATUS}", [[], [1, ["E"]], [1]], id="after a reply"),
        pytest.param(
            f'-> {{"execute": "stop"}}\n{EVENT}<- {{"return": 2}}\n',
            [[], [["E"], 2]],
            id="before its reply",
        ),
        pytest.param(
            f'-> {{"execute": "a", "id": 1}}\n-> {{"execute": "b", "id": 2}}\n'
            f'<- {{"return": 1, "id": 1}}\n{EVENT}<- {{"return": 2, "id": 2}}\n',
            [[], [1], [["E"], 2]],
            id="pipelined",
        ),
        pytest.param(
            '-> {"execute": "a", "id": 1}\n-> {"exec-oob": "b", "id": 2}\n'
            f'{EVENT}<- {{"return": 2, "id": 2}}\n<- {{"return": 1, "id": 1}}\n',
            [[], [1], [["E"], 2]],
            id="out of band",
        ),
        pytest.param(
            f'-> {{"execute": "quit"}}\n{EVENT}@ closed by server\n',
            [[], [["E"], "end"]],
            id="cut off",
        ),
        pytest.param(
            f'-> {{"execute": "hang", "id": 0}}\n{STATUS}{EVENT}',
            [[], [], [1, ["E"]]],
            id="one that hangs",
        ),
        pytest.param(STATUS + "@ closed by client\n", [[], [1]], id="closed by client"),
        pytest.param(
            '-> {"execute": "a"}\n<- {"error": {"class": "DeviceNotFound", "desc": "x"}}\n',
            [[], ["DeviceNotFound"]],
            id="error",
        ),
        pytest.param(
            '-> {"execute": "a", "id": "x"}\n<- {"return": 5}\n', [[], [5]], id="id left out"
        ),
        pytest.param(
            '-> {"execute": "a"}\n-> {"execute": "b"}\n<- {"return": 1}\n<- {"return": 2}\n',
            [[], [1], [2]],
            id="no ids",
        ),
        pytest.param(
            '-> {"execute":\\\n-> "a"}\n<- {\n<-     "return": {\n<-     }\n<- }\n' + STATUS,
            [[], [{}], [1]],
            id="spread over lines",
        ),
        pytest.param(
            '-> {"execute": "a"}{"execute": "b"}\n<- {"return": 1}\n<- {"return": 2}\n',
            [[], [1], [2]],
            id="two in a line",
        ),
        pytest.param(
            '-> \\xff{"execute": "guest-ping"}\n<- \\xff{"return": {}}\n', [[], [{}]], id="agent"
        ),
        pytest.param(STATUS + '-> {"execute": "b"\\\n', [[], [1]], id="torn at the end"),
    ],
)
def test_steps(text: str, expected: list[list[object]]) -> None:
    assert steps(text) == expected


def test_replies_to_nothing_are_noted() -> None:
    (conversation,) = conversations(STATUS + STATUS.partition("\n")[2])
    assert [str(place) for place in conversation.strays] == ["r.txt:3"]
    assert len(conversation.exchanges) == 1


def test_delays_and_timestamps() -> None:
    text = f'@ time 1\n-> {{"execute": "a"}}\n@ time 1.5\n<- {{"return": 1}}\n@ time 4\n{EVENT}'
    (exchange,) = conversations(text)[0].exchanges
    assert [step.delay for step in exchange.steps] == [0.5, 2.5]
    assert exchange.steps[1].timestamp.seconds == 1
    assert str(exchange.place) == "r.txt:2"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param("", "r.txt: found no command and no event", id="empty"),
        pytest.param("GREETING\nNEGOTIATION\n", "r.txt: found no command", id="no command"),
        pytest.param(
            '<- {"return": {}}\n', "r.txt:1: found a reply before any command", id="reply first"
        ),
        pytest.param(
            '# x\n-> {"execute": "a",}\n',
            'r.txt:2: found \'{"execute": "a",}\', expected a command: JSON',
            id="JSON",
        ),
        pytest.param(
            '-> {"execute": "a"\n<- {"return": 1}\n',
            "r.txt:1: found the beginning of a JSON value",
            id="unfinished",
        ),
        pytest.param(
            '-> {"execute": "a"}\n<- {"retrun": 1}\n',
            "r.txt:2: found '{\"retrun\": 1}', expected a greeting, a reply or an event",
            id="no message",
        ),
        pytest.param(
            '-> {"execute": "a"}\n<- {"return": 1} # done\n',
            r"r.txt:2: found '{\"return\": 1} # done', expected a greeting, .* or an event: JSON",
            id="remark",
        ),
        pytest.param(
            '-> {"execute": "set_password", "arguments": {"password": "hunter2"},}\n',
            'r.txt:1: found \'.*"password": "?<redacted>"?},}\', expected a command',
            id="secret",
        ),
        pytest.param(
            '-> {"execute": "a"}\n<- {"return": 1}\n-> {"exceute": "b"}\n<- {"return": 1}\n',
            'r.txt:3: found \'{"exceute": "b"}\', expected a command: ',
            id="misspelt member",
        ),
        pytest.param(
            '-> {"exceute": "b"}\n', 'r.txt:1: found \'{"exceute": "b"}\'', id="nothing else"
        ),
        pytest.param('<- {"QMP": 1}\n', "r.txt:1: found '{\"QMP\": 1}', expected", id="greeting"),
        pytest.param(
            "<- QEMU 7.2.0 monitor - type 'help'\n", "r.txt:1: .*human monitor", id="human"
        ),
    ],
)
def test_errors_name_file_and_line(text: str, error: str) -> None:
    with pytest.raises(TranscriptError, match=error):
        conversations(text)


def test_a_transcript_that_was_never_a_text() -> None:
    made = Transcript("", recording(STATUS).sections)
    assert recorded_conversations(made)[0].exchanges[0].command.name == "query-status"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "GREETING\n"
            + '-> {"execute": "qmp_capabilities"}\n<- {"error": {"class": "E", "desc": ""}}\n'
            * 2000
            + STATUS,
            id="capabilities that were refused",
        ),
        pytest.param(
            "GREETING\n"
            + '-> {"execute": "x"}\n<- {"error": {"class": "CommandNotFound", "desc": ""}}\n' * 2000
            + "NEGOTIATION\n"
            + STATUS,
            id="unknown commands before negotiation",
        ),
        pytest.param(
            "".join(f'-> {{"execute": "query-status", "id": {at}}}\n' for at in range(2000))
            + '<- {"return": 1}\n' * 2000,
            id="replies without the ids of their commands",
        ),
    ],
)
def test_the_time_grows_with_the_length_and_not_with_its_square(text: str) -> None:
    names = commands(text)
    assert {name for each in names for name in each} == {"query-status"}
