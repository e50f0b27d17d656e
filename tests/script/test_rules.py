"""Rules: what they are about, what they answer, and what they can't be."""

import re
from collections.abc import Callable
from math import inf
from typing import Any

import pytest

from qmpeer.errors import ScriptError
from qmpeer.script import Call, Messages, Place, Rule
from qmpeer.script.checks import NO_CHECKS
from qmpeer.script.steps import SendError, SendEvent, SendReply
from qmpeer.values import JsonObject

HERE = Place("test.py", 7)


def rule(arguments: dict[str, Any] | None = None, **more: Any) -> Rule:
    return Rule("x", arguments, place=HERE, checks=NO_CHECKS, **more)


@pytest.mark.parametrize(
    ("expected", "found", "matches"),
    [
        ({}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1}, {"a": 1.0}, False),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {}, False),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, True),
        ({"a": {"b": 1}}, {"a": {"c": 2}}, False),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}, True),
        ({"a": [1]}, {"a": [1, 2]}, False),
        ({"a": ...}, {"a": None}, True),
        ({"a": ...}, {}, False),
        ({"a": re.compile("/tmp/.*")}, {"a": "/tmp/x"}, True),
        ({"a": re.compile("/tmp/.*")}, {"a": "x/tmp/x"}, False),
        ({"a": "$regex:[ab]+"}, {"a": "ab"}, True),
        ({"a": (1, 2)}, {"a": [1, 2]}, True),
    ],
)
def test_arguments_are_matched_by_what_is_given(
    expected: dict[str, Any], found: dict[str, Any], matches: bool
) -> None:
    assert rule(expected).matches(Call("x", found)) is matches


def test_exact_arguments_allow_no_others() -> None:
    assert not rule({"a": 1}, is_exact=True).matches(Call("x", {"a": 1, "b": 2}))
    assert rule({"a": 1}, is_exact=True).matches(Call("x", {"a": 1}))


def test_a_function_may_decide() -> None:
    odd = rule(where=lambda call: call.arguments["a"] % 2 == 1)
    assert odd.matches(Call("x", {"a": 3}))
    assert not odd.matches(Call("x", {"a": 4}))


def test_messages_as_they_stand_on_the_wire() -> None:
    steps = Messages({"event": "STOP"}, {"return": 1}, {"event": "A", "data": {"b": 1}}).steps
    assert steps == [SendEvent("STOP"), SendReply(1), SendEvent("A", {"b": 1})]
    error: JsonObject = {"class": "GenericError", "desc": "no"}
    assert rule().send({"error": error}).steps == [SendError(error)]


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda: rule().reply().reply(), "found a second answer to x, expected one"),
        (lambda: rule().error("GenericError", "no").reply(), "found a second answer to x"),
        (lambda: rule().delay(-1), "found a delay of -1 s, expected 0 or more"),
        (lambda: rule().delay(inf), "found a delay of inf s"),
        (lambda: rule().times(3, 2), "found 3 to 2 times"),
        (lambda: rule().times(0, 0), "found 0 to 0 times"),
        (lambda: rule().send({"events": "STOP"}), "found {'events': 'STOP'}, expected a reply"),
        (lambda: rule().send({"error": {"desc": "x"}}), "expected a reply, an error or an event"),
        (lambda: rule().send({"return": 1}, {"return": 2}), "found more than one reply"),
        (lambda: rule({"a": "$regex:("}), "found the pattern '('"),
        (lambda: rule(answers=False).reply(), "found a reply, expected none"),
        (lambda: rule(answers=False).hang(), "found a reply, expected none"),
        (lambda: rule("now"), "x: arguments: found 'now', expected an object"),  # type: ignore[arg-type]
        (lambda: rule().event("STOP", [1]), "event STOP: data: found [1], expected an object"),  # type: ignore[arg-type]
    ],
)
def test_what_a_rule_cannot_be(write: Callable[[], object], reason: str) -> None:
    with pytest.raises(ScriptError) as raised:
        write()
    assert str(raised.value).startswith("test.py:7: ")
    assert reason in str(raised.value)


def test_a_rule_shows_no_secret() -> None:
    shown = Rule("set_password", {"password": "hunter2"}, place=HERE, checks=NO_CHECKS)
    assert "hunter2" not in str(shown)
    assert str(shown).endswith("(test.py:7)")
