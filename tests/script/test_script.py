"""A script: which rule answers, and what doesn't fit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from qmpeer import limits
from qmpeer.errors import ScriptError
from qmpeer.messages import QemuVersion, Version
from qmpeer.script import Call, Rule, Script
from qmpeer.script.mismatches import Kind, times_text
from qmpeer.script.steps import SendError, SendReply, Step


@pytest.fixture
def script() -> Script:
    return Script(version=Version(QemuVersion(7, 2, 0)))


def ask(script: Script, name: str, **arguments: Any) -> Rule | Sequence[Step]:
    return script.ask(Call(name, arguments))


def kinds(script: Script) -> list[Kind]:
    return [each.kind for each in script.outcome()]


def test_identical_commands_are_answered_in_turn(script: Script) -> None:
    first, second = script.on("a"), script.on("a")
    assert [ask(script, "a"), ask(script, "a")] == [first, second]
    assert script.outcome() == ()
    assert isinstance(ask(script, "a"), list)
    assert kinds(script) == [Kind.TOO_OFTEN]
    assert "expected twice" in str(script.outcome()[0])


def test_what_is_used_up_falls_through_to_nothing(script: Script) -> None:
    script.ready_rule("a")
    script.otherwise()
    script.on("a", {"b": 1})
    assert isinstance(ask(script, "a", b=1), Rule)
    assert not isinstance(ask(script, "a", b=1), Rule)
    assert isinstance(ask(script, "a", b=2), Rule), "another question, for the behaviour"


def test_expectations_are_met_in_order(script: Script) -> None:
    first, second, third = script.expect("a"), script.expect("b").times(1, 2), script.expect("c")
    other = script.on("d").any_times()
    names = ("a", "d", "b", "b", "c")
    assert [ask(script, name) for name in names] == [first, other, second, second, third]
    assert script.outcome() == ()


def test_an_expectation_before_its_turn(script: Script) -> None:
    script.expect("a")
    script.expect("b")
    ask(script, "b")
    found = script.outcome()
    assert [each.kind for each in found] == [Kind.OUT_OF_ORDER, Kind.NOT_MET, Kind.NOT_MET]
    assert "expected first: a (" in str(found[0])
    assert Path(__file__).name in str(found[0])


def test_nothing_is_near(script: Script) -> None:
    script.on("device_add")
    ask(script, "quit")
    assert str(script.outcome()[0]) == "unexpected: quit\n  the script has no rule for it"


def test_the_nearest_rule_and_the_differences(script: Script) -> None:
    script.on("device_add", {"driver": "virtio-blk-pci", "id": "d0"})
    script.on("device_del", {"id": "d0"})
    ask(script, "device_add", driver="virtio-net-pci", id="d0")
    text = str(script.outcome()[0])
    assert text.splitlines()[0] == 'unexpected: device_add {"driver":"virtio-net-pci","id":"d0"}'
    assert "nearest: device_add" in text
    assert 'driver: found "virtio-net-pci", expected "virtio-blk-pci"' in text


def test_a_misspelt_command_has_a_near_name(script: Script) -> None:
    script.on("query-status").any_times()
    ask(script, "query-staus")
    assert "nearest: query-status" in str(script.outcome()[0])


def test_errors_of_commands_without_a_rule(script: Script) -> None:
    script.on("a", {"b": 1})
    for name, text in (("x", "The command x has not been found"), ("a", "found in the script")):
        (step,) = ask(script, name)  # type: ignore[misc]  # steps
        assert isinstance(step, SendError)
        assert step.error["class"] == "CommandNotFound"
        assert text in str(step.error["desc"])


def test_states(script: Script) -> None:
    script.on("a", state="up").any_times()
    ask(script, "a")
    assert "expected in the state up, the state is start" in str(script.outcome()[0])
    script.goto("up", now=1.0)
    assert isinstance(ask(script, "a"), Rule)
    script.goto("vm=gone", now=1.0)
    assert (script.state(), script.state("vm")) == ("up", "gone")


def test_times(script: Script) -> None:
    begun = script.after(1.0)
    entered = script.after(0.5, state="up")
    left = script.after(2.0, state="up")
    script.begin(10.0)
    assert script.next_due == 11.0
    script.goto("up", now=10.2)
    assert script.due(10.6) is None
    assert script.due(10.8) is entered
    assert script.due(11.0) is begun
    script.goto("down", now=11.5)
    assert script.next_due is None, f"{left} holds in another state"


def test_what_every_client_may_ask(script: Script) -> None:
    script.on("stop").any_times()
    (version,) = ask(script, "query-version")  # type: ignore[misc]  # steps
    assert isinstance(version, SendReply)
    assert version.value == {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}
    (commands,) = ask(script, "query-commands")  # type: ignore[misc]  # steps
    assert isinstance(commands.value, list)
    assert {"name": "stop"} in commands.value
    ask(script, "query-qmp-schema")
    assert script.outcome() == ()
    mine = script.on("query-version")
    assert ask(script, "query-version") is mine


def test_everything_is_bounded(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SCRIPT_MISMATCHES", 2)
    for _ in range(5):
        ask(script, "x")
    assert len(script.mismatches) == 2
    assert str(script.outcome()[-1]).endswith("3 more")
    monkeypatch.setattr(limits, "SCRIPT_RULES", 1)
    script.on("a")
    with pytest.raises(ScriptError, match="found more than 1 rules"):
        script.on("b")


@pytest.mark.parametrize(
    ("least", "most", "text"),
    [
        (0, float("inf"), "any number of times"),
        (0, 2, "at most twice"),
        (3, 3, "3 times"),
        (1, 4, "1 to 4 times"),
    ],
)
def test_how_often(least: int, most: float, text: str) -> None:
    assert times_text(least, most) == text
