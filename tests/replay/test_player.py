"""Answers to a client's commands.

Modules: courses, elsewhere, known_answers, lookup, player, playback.
"""

import pytest

from qmpeer.errors import TranscriptError
from qmpeer.messages import CommandMessage
from qmpeer.replay.conversations import recorded_conversations
from qmpeer.replay.courses import Courses
from qmpeer.replay.elsewhere import Elsewhere
from qmpeer.replay.known_answers import KnownAnswers
from qmpeer.replay.lookup import Lookup
from qmpeer.replay.patterns import canonical
from qmpeer.replay.playback import Order
from qmpeer.replay.player import Course, Player, Rules, refusal_reply
from qmpeer.replay.report import Miss, Refusal
from qmpeer.replay.tally import Tally
from qmpeer.values import JsonValue
from tests.replay.plays import ask, recording, shown

UNRECORDED = ["not recorded!"]


class Stage:
    """Players of one recording."""

    def __init__(self, text: str, rules: Rules = Rules()) -> None:  # noqa: B008 - it is frozen
        conversations = recorded_conversations(recording(text))
        self.known = KnownAnswers(conversations)
        self.elsewhere = Elsewhere(conversations)
        self.tally = Tally(conversations)
        self.misses: list[Miss] = []
        self.rules = rules
        self.courses = [
            Course(each, Lookup(each.exchanges), self.known.greeting(each))
            for each in conversations
        ]

    def player(self, at: int = 0) -> Player:
        return Player(
            self.courses[at],
            self.rules,
            self.known,
            self.elsewhere,
            self.tally,
            self.misses.append,
        )


def pair(command: str, value: str, arguments: str = "") -> str:
    member = f', "arguments": {arguments}' if arguments else ""
    return f'-> {{"execute": "{command}"{member}}}\n<- {{"return": {value}}}\n'


def test_answers_in_turn_then_the_last_one_again() -> None:
    player = Stage(pair("a", "1") + pair("b", "9") + pair("a", "2")).player()
    assert [ask(player, name) for name in "aabaa"] == [[1], [2], [9], [2], [2]]


def test_strict_refuses_more_than_was_recorded() -> None:
    player = Stage(pair("a", "1"), Rules(is_strict=True)).player()
    assert ask(player, "a") == [1]
    assert ask(player, "a") == ["asked more often than recorded!"]


@pytest.mark.parametrize(
    ("recorded", "arguments", "is_found"),
    [
        pytest.param(
            '{"a": 1, "b": {"c": 2, "d": 3}}', {"b": {"d": 3, "c": 2}, "a": 1}, True, id="order"
        ),
        pytest.param('{"a": 1}', {"a": 1.0}, False, id="integer and double"),
        pytest.param('{"a": 1.50}', {"a": 15e-1}, True, id="one double"),
        pytest.param('{"a": 1}', {"a": True}, False, id="integer and boolean"),
        pytest.param('{"a": 0}', {"a": None}, False, id="null"),
        pytest.param('{"a": [1, 2]}', {"a": [2, 1]}, False, id="order of items"),
        pytest.param('{"a": 1}', {"a": 1, "b": 1}, False, id="member added"),
        pytest.param("{}", {}, True, id="empty and missing"),
        pytest.param('{"a": "$any"}', {"a": {"b": [1]}}, True, id="any"),
        pytest.param('{"a": "$any"}', {}, False, id="any isn't missing"),
        pytest.param('{"a": "x$any"}', {"a": "y"}, False, id="any is a whole value"),
        pytest.param('"$any"', {"a": 1}, True, id="any arguments"),
        pytest.param('"$any"', {}, True, id="no arguments are any"),
        pytest.param('{"a": 1, "$any": "$any"}', {"a": 1, "b": 2}, True, id="further members"),
        pytest.param('{"a": 1, "$any": "$any"}', {"b": 2}, False, id="a member left out"),
        pytest.param('{"a": "$regex:/tmp/[^/]+/x"}', {"a": "/tmp/q/x"}, True, id="regex"),
        pytest.param('{"a": "$regex:/tmp"}', {"a": "/tmp/q"}, False, id="regex of the whole"),
        pytest.param('{"a": "$regex:.*"}', {"a": 1}, False, id="regex of a number"),
        pytest.param('{"a": "$regex:a*"}', {"a": "a" * 501}, False, id="regex of a long text"),
        pytest.param('{"a": ["$any", {"b": "$regex:x"}]}', {"a": [1, {"b": "x"}]}, True, id="deep"),
        pytest.param('{"a": "<redacted>"}', {"a": "secret"}, True, id="redacted"),
        pytest.param('{"a": "<redacted>"}', {"a": {"b": 1}}, True, id="redacted whole"),
        pytest.param(
            '{"a": "x=<redacted>,y=<redacted>!"}', {"a": "x=1,y=2!"}, True, id="redacted parts"
        ),
        pytest.param('{"a": "x=<redacted>,y"}', {"a": "x=,"}, False, id="redacted part, other end"),
        pytest.param(
            '{"a": "ab<redacted>bc"}', {"a": "abc"}, False, id="redacted part, overlapping"
        ),
        pytest.param(
            '{"a": "<redacted>b<redacted>"}', {"a": "xyz"}, False, id="redacted part, missing"
        ),
    ],
)
def test_lookup_by_arguments(recorded: str, arguments: dict[str, object], is_found: bool) -> None:
    player = Stage(pair("a", "1", recorded)).player()
    found = player.ask(CommandMessage("a", arguments))  # type: ignore[arg-type]  # they are JSON
    assert (not isinstance(found, Refusal)) is is_found


def test_plain_arguments_win_over_patterns_and_the_first_pattern_over_others() -> None:
    text = pair("a", "1", '{"x": "$any"}') + pair("a", "2", '{"x": 5}')
    player = Stage(
        text + pair("a", "3", '{"x": "$regex:.*"}') + pair("a", "4", '{"x": "$any"}')
    ).player()
    answers = [ask(player, "a", x=5), ask(player, "a", x="t"), ask(player, "a", x="u")]
    assert answers == [[2], [1], [4]]


@pytest.mark.parametrize(
    ("pattern", "error"),
    [
        ("(", r"r.txt:3: found the pattern '\(', expected a regular one: missing \)"),
        ("(a+)+", "r.txt:3: .* might take for ever"),
        ("((a|b)c)*", "r.txt:3: .* might take for ever"),
        ("a" * 1001, "r.txt:3: found a pattern of 1001 characters"),
        (".*a.*b.*c.*", r"r.txt:3: .* with 4 repeats, expected at most 3"),
        ("a?" * 26 + "a" * 26, "r.txt:3: .* ways through .*, expected 1000 at most"),
        ("(a|a)" * 26, "r.txt:3: .* ways through .*, expected 1000 at most"),
        ("(a|a)(a|a)(a|a)(a|a).*.*.*", "r.txt:3: .* with 16 ways .*, expected 8 at most"),
        ("(a?){26}a{26}", "r.txt:3: .* might take for ever"),
        ("(?x)(a+) +b", "r.txt:3: .* without the flag x"),
    ],
)
def test_bad_patterns(pattern: str, error: str) -> None:
    with pytest.raises(TranscriptError, match=error):
        Stage(pair("x", "1") + pair("a", "1", f'{{"f": "$regex:{pattern}"}}'))


def test_commands_of_any_depth() -> None:
    deep: JsonValue = []
    for _ in range(1000):
        deep = [deep]
    nested = '{"x": ' + "[" * 1001 + "]" * 1001 + "}"
    player = Stage(pair("a", "1", nested) + pair("a", "2", '{"x": "$any"}')).player()
    assert ask(player, "a", x=deep) == [1]
    assert ask(player, "a", x=[deep]) == [2]
    assert ask(player, "b", x=[deep]) == UNRECORDED
    player.miss(CommandMessage("a", {"x": deep, "y": deep}), Refusal.UNRECORDED)


def test_the_text_of_a_value_is_the_same_in_parts() -> None:
    deep: JsonValue = []
    for at in range(2000):
        deep = [deep, {"b": at, "a": "é", "": {}}, None, 0.5]
    whole = canonical({"x": [1, {"b": 1, "a": "é", "": {}}, [], True], "A": 0.5})
    odd = canonical({"x": [1, {"b": 1, "a": "é", "": {}}, [], True], "A": 2**70})
    assert odd == b'{"A":%d' % 2**70 + whole.removeprefix(b'{"A":0.5')
    assert canonical(deep).count(b'{"":{},"a":"\xc3\xa9","b":') == 2000


def test_recorded_order() -> None:
    text = pair("a", "1") + pair("b", "2") + pair("a", "3")
    player = Stage(text, Rules(Order.RECORDED)).player()
    out_of_order = ["out of order!"]
    assert [ask(player, "b"), ask(player, "a"), ask(player, "a")] == [
        out_of_order,
        [1],
        out_of_order,
    ]
    assert [ask(player, "c"), ask(player, "b"), ask(player, "a")] == [UNRECORDED, [2], [3]]
    assert ask(player, "a") == ["asked more often than recorded!"]


def test_out_of_band_commands_have_their_own_order() -> None:
    text = pair("a", "1") + pair("b", "2")
    text += '-> {"exec-oob": "x"}\n<- {"return": 3}\n-> {"exec-oob": "y"}\n<- {"return": 4}\n'
    player = Stage(text, Rules(Order.RECORDED)).player()
    oob = [CommandMessage(name, is_oob=True) for name in "yxy"]
    assert [shown(player.ask(each)) for each in oob] == [["out of order!"], [3], [4]]
    assert [ask(player, "b"), ask(player, "a"), ask(player, "b")] == [["out of order!"], [1], [2]]


def test_recorded_order_with_patterns_that_overlap() -> None:
    text = (
        pair("a", "1", '{"x": "$any"}')
        + pair("a", "2", '{"x": "$regex:t"}')
        + pair("a", "3", '{"x": "t"}')
    )
    player = Stage(text, Rules(Order.RECORDED)).player()
    assert [ask(player, "a", x="t") for _ in range(3)] == [[1], [2], [3]]


def test_what_a_client_gets_that_asks_in_vain() -> None:
    error = refusal_reply(CommandMessage("x-y"), Refusal.UNRECORDED).error
    assert error == {
        "class": "CommandNotFound",
        "desc": "The command x-y has not been found in the recording",
    }
    assert refusal_reply(CommandMessage("x"), Refusal.EXHAUSTED).error["class"] == "CommandNotFound"
    assert refusal_reply(CommandMessage("x"), Refusal.OUT_OF_ORDER).error["class"] == "GenericError"


@pytest.mark.parametrize(
    ("asked", "ending", "note"),
    [
        pytest.param(
            CommandMessage("a"),
            "in conversation 2 of the recording; conversation 1 has it (r.txt:3)",
            "conversation 1 has it (r.txt:3)",
            id="another's",
        ),
        pytest.param(
            CommandMessage("a", {"x": 1}),
            "in conversation 2 of the recording; "
            "conversation 1 has it with other arguments (r.txt:3)",
            "conversation 1 has it with other arguments (r.txt:3)",
            id="another's, other arguments",
        ),
        pytest.param(
            CommandMessage("b", {"x": 2}), "with these arguments in the recording", "", id="own"
        ),
        pytest.param(CommandMessage("b"), "without arguments in the recording", "", id="own, none"),
        pytest.param(
            CommandMessage("b", {"x": 3}),
            "in conversation 2 of the recording; conversation 1 has it (r.txt:5)",
            "conversation 1 has it (r.txt:5)",
            id="another's has the arguments",
        ),
        pytest.param(
            CommandMessage("set_password", {"password": "p"}),
            "with these arguments in the recording",
            "the arguments differ in a secret only",
            id="a secret",
        ),
        pytest.param(CommandMessage("z"), "in the recording", "", id="nobody's"),
    ],
)
def test_a_refusal_says_where_the_command_is_recorded(
    asked: CommandMessage, ending: str, note: str
) -> None:
    first = pair("a", "1") + pair("b", "1", '{"x": 3}')
    second = pair("b", "2", '{"x": 1}') + pair("set_password", "{}", '{"password": "s"}')
    stage = Stage("NEGOTIATION\n" + first + "NEGOTIATION\n" + second)
    reply = stage.player(1).refuse(asked, Refusal.UNRECORDED)
    assert reply.error["desc"] == f"The command {asked.name} has not been found {ending}"
    assert stage.misses[0].note == note


SCHEMA = pair(
    "query-qmp-schema",
    '[{"name": "stop", "meta-type": "command"}, {"name": "1", "meta-type": "object"}, '
    '{"name": "cont", "meta-type": "command"}]',
)
VERSION = '{"qemu": {"major": %s, "minor": 1, "micro": 0}, "package": "p"}'


@pytest.mark.parametrize(
    ("text", "version", "capabilities"),
    [
        pytest.param("GREETING\nNEGOTIATION\n" + pair("a", "1"), 7, ["oob"], id="own"),
        pytest.param(
            "NEGOTIATION\n" + pair("query-version", VERSION % 6), 6, ["oob"], id="query-version"
        ),
        pytest.param("NEGOTIATION\n" + pair("query-version", VERSION % 2), 2, [], id="before oob"),
        pytest.param(pair("a", "1"), 7, [], id="default"),
        pytest.param('-> {"exec-oob": "a"}\n<- {"return": 1}\n', 7, ["oob"], id="default with oob"),
        pytest.param(
            "NEGOTIATION\n"
            + pair("a", "1")
            + "\nNEGOTIATION\n"
            + pair("query-version", VERSION % 5),
            5,
            ["oob"],
            id="another's query-version",
        ),
        pytest.param(
            "NEGOTIATION\n" + pair("a", "1") + "\nGREETING\n" + pair("a", "1"),
            7,
            ["oob"],
            id="another's",
        ),
    ],
)
def test_greeting(text: str, version: int, capabilities: list[str]) -> None:
    greeting = Stage(text).courses[0].greeting
    assert greeting["QMP"]["version"]["qemu"]["major"] == version
    assert greeting["QMP"]["capabilities"] == capabilities


def test_a_guest_agent_greets_nobody_and_syncs_any_number() -> None:
    stage = Stage(pair("guest-sync", "5", '{"id": 5}') + pair("guest-ping", "{}"))
    assert stage.courses[0].greeting is None
    player = stage.player()
    assert ask(player, "guest-sync", id=77) == [77]
    assert stage.tally.report().never_asked_count == 1  # guest-ping


def test_answers_that_are_derived() -> None:
    player = Stage("GREETING\n" + SCHEMA + pair("x", "1")).player()
    assert ask(player, "query-version") == [
        {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}
    ]
    assert ask(player, "query-commands") == [[{"name": "cont"}, {"name": "stop"}]]
    names = ask(Stage(pair("x", "1")).player(), "query-commands")[0]
    assert [each["name"] for each in names] == [
        "qmp_capabilities",
        "query-commands",
        "query-version",
        "x",
    ]
    assert ask(Stage(pair("x", "1")).player(), "query-qmp-schema") == UNRECORDED


def test_an_answer_of_another_conversation() -> None:
    text = "NEGOTIATION\n" + pair("a", "1") + "\nNEGOTIATION\n" + SCHEMA + pair("b", "2")
    player = Stage(text).player()
    assert [each["name"] for each in ask(player, "query-qmp-schema")[0]] == ["stop", "1", "cont"]
    assert ask(player, "b") == UNRECORDED


def test_clients_get_the_conversations_in_turn() -> None:
    stage = Stage("NEGOTIATION\n" + pair("a", "1") + "NEGOTIATION\n" + pair("b", "1"))
    courses = Courses(stage.courses)

    def take() -> tuple[int, int]:
        number, course = courses.take()
        return number, course.conversation.number

    assert [take() for _ in range(3)] == [(0, 1), (1, 2), (2, 1)]
    courses.give_back(2)
    courses.give_back(1)
    assert [take(), take(), take()] == [(1, 2), (2, 1), (3, 2)]
