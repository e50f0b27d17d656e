"""Hypothesis: what is recorded comes back, and no text does harm."""

from collections import defaultdict, deque
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.errors import TranscriptError
from qmpeer.messages import CommandMessage, Event
from qmpeer.monitor import Reply
from qmpeer.replay import Replay
from qmpeer.transcript import parse_transcript
from qmpeer.values import JsonObject, JsonValue
from tests.fuzzing import tried
from tests.replay.plays import played

pytestmark = pytest.mark.property

NAMES = st.sampled_from(("a", "b", "query-x"))
LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(("", "x", "é\x1b"))
VALUES = st.recursive(LEAVES, lambda each: st.lists(each, max_size=2), max_leaves=4)
ARGUMENTS = st.dictionaries(st.sampled_from(("m", "n")), VALUES, max_size=2)
EXCHANGES = st.lists(
    st.tuples(NAMES, ARGUMENTS, VALUES, st.booleans(), st.integers(0, 2)), min_size=1, max_size=6
)


def line(mark: str, message: JsonObject) -> str:
    return f"{mark} {msgspec.json.encode(message).decode()}\n"


def text_of(
    exchanges: list[tuple[str, JsonObject, JsonValue, bool, int]], is_pipelined: bool
) -> str:
    """Return the recording of commands with ids, each with an event before and some after it."""
    asked, answered = [], []
    for number, (name, arguments, value, is_error, events) in enumerate(exchanges):
        asked.append(line("->", {"execute": name, "arguments": arguments, "id": number}))
        error: JsonObject = {"class": "GenericError", "desc": "no"}
        reply: JsonObject = {"error": error} if is_error else {"return": value}
        answer = line("<-", {"event": "BEFORE"}) + line("<-", {**reply, "id": number})
        after = line("<-", {"event": f"AFTER_{number}"})
        answered.append(answer + after * (0 if is_pipelined else events))
    if is_pipelined:
        return "".join(asked + answered)
    return "".join(map("".join, zip(asked, answered, strict=True)))


def shown(got: list[Reply | Event]) -> list[JsonValue]:
    return [
        each.name if isinstance(each, Event) else [each.value, each.error is not None]
        for each in got
    ]


@tried(0.5)
@given(EXCHANGES, st.booleans(), st.randoms(use_true_random=False))
def test_what_is_recorded_comes_back(
    exchanges: list[tuple[str, JsonObject, JsonValue, bool, int]],
    is_pipelined: bool,
    chance: Random,
) -> None:
    replay = Replay(parse_transcript(text_of(exchanges, is_pipelined)), strict=True)
    commands = [CommandMessage(name, arguments) for name, arguments, *_ in exchanges]
    expected: defaultdict[bytes, deque[list[JsonValue]]] = defaultdict(deque)
    for number, (command, (_, _, value, is_error, events)) in enumerate(
        zip(commands, exchanges, strict=True)
    ):
        reply: JsonValue = [{} if is_error else value, is_error]
        after: list[JsonValue] = [f"AFTER_{number}"] * (0 if is_pipelined else events)
        key = msgspec.json.encode([command.name, command.arguments], order="sorted")
        expected[key].append(["BEFORE", reply, *after])
    chance.shuffle(commands)
    for command, got in zip(commands, played(replay, commands), strict=True):
        key = msgspec.json.encode([command.name, command.arguments], order="sorted")
        assert shown(got) == expected[key].popleft()
    assert replay.report.is_complete


PIECES = st.sampled_from(
    (
        "-> ", "<- ", "@ opened", "@ closed by server", "@ connection 2", "@ time 2", "# x", "\n",
        "\n", '{"execute": "a"}', '{"execute": "qmp_capabilities", "id": 1}', '{"return": 1}',
        '{"return": {}, "id": 1}', '{"event": "E"}', '{"QMP": {}}', '{"QMP": 1}', "{", "}", "[]",
        "\\", '"', '{"error": {}}', '{"error": 1}', '{"event": 1}', '{"event": "E", "data": 1}',
        "\\xff", '{"execute": "a", "arguments": {"x": "$regex:("}}', '{"exec-oob": "b"}',
        "@ noise", "nan",
        '{"execute": "query-version"}', '{"return": {"qemu": 1}}', '{"execute": "query-commands"}',
        '{"return": [{"name": 1}, 5]}', '{"execute": "guest-sync", "arguments": {"id": 1}}',
    )
)  # fmt: skip


def in_lines(pieces: list[str]) -> str:
    """Return a text in which both sides send the pieces."""
    return "".join(f"-> {each}\n<- {each}\n" for each in pieces)


@given(st.lists(PIECES, max_size=30).map("".join) | st.lists(PIECES, max_size=12).map(in_lines))
def test_no_text_does_harm(text: str) -> None:
    try:
        replay = Replay(parse_transcript(text))
    except TranscriptError:
        return
    commands = [CommandMessage(name) for name in ("a", "query-version", "query-commands", "odd")]
    played(replay, [*commands, CommandMessage("guest-sync", {"id": 7})])
    assert str(replay.report)
    assert replay.report.to_json()
