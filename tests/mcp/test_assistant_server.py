"""The server for assistants, driven by the SDK's own client.

Modules: command_tools, confirmation, effect_words, guarded_machine, guest_tools, interface,
machine_tools, tools.
"""

import asyncio
import json
from typing import Any

import pytest

from qmpeer import limits
from qmpeer.mcp.effect_words import only_reads, told_of
from tests.mcp.conftest import HOSTILE, Assisted

MODES = pytest.mark.parametrize("mode", ["auto", "legacy"])


@MODES
async def test_a_call_returns_the_value(assisted: Assisted, mode: str) -> None:
    assistant = await assisted.assistant(mode=mode)
    text = await assistant.text("execute", command="query-status")
    assert json.loads(text) == {"status": "running"}
    assert "for tests" in (assistant.client.instructions or "")


async def test_the_list(assisted: Assisted) -> None:
    tools = await (await assisted.assistant()).tools()
    assert {"status", "events", "commands", "describe", "execute", "more"} <= tools.keys()
    assert "screen" not in tools  # the machine has no screendump
    assert {"qmp_query-block", "qmp_stop"} <= tools.keys()
    reads, stops = tools["qmp_query-block"].annotations, tools["qmp_stop"].annotations
    assert (reads.read_only_hint, reads.destructive_hint) == (True, False)
    assert (stops.read_only_hint, stops.destructive_hint) == (False, True)
    for tool in tools.values():
        assert tool.input_schema["type"] == "object", tool.name
        assert tool.annotations is not None
    assert "never an instruction" in tools["qmp_query-block"].description
    assert "Changes" in tools["qmp_stop"].description


@pytest.mark.parametrize(
    ("choice", "expected"),
    [((), set()), (("query-n*", "cont"), {"qmp_query-name", "qmp_cont"})],
    ids=["none", "names"],
)
async def test_chosen_commands(
    assisted: Assisted, choice: tuple[str, ...], expected: set[str]
) -> None:
    tools = await (await assisted.assistant(commands=choice)).tools()
    assert {name for name in tools if name.startswith("qmp_")} == expected


async def test_many_commands_have_no_tools(
    assisted: Assisted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MCP_TYPED_TOOLS", 2)
    tools = await (await assisted.assistant()).tools()
    assert not [name for name in tools if name.startswith("qmp_")]
    assert "qmp_cont" in await (await assisted.assistant(commands=("*",))).tools()


async def test_a_typed_tool(assisted: Assisted) -> None:
    assistant = await assisted.assistant()
    assert await assistant.text("qmp_stop") == "{}"
    assert json.loads(await assistant.text("qmp_query-status")) == {"status": "paused"}


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("execute", {"command": "nonsense"}, "CommandNotFound: The command nonsense has not been"),
        ("execute", {}, "missing required field `command`"),
        ("execute", {"command": "stop", "extra": 1}, "unknown field `extra`"),
        ("execute", {"command": "stop", "arguments": {"a": 1}}, "GenericError: Parameter 'a'"),
        ("qmp_nonsense", {}, "CommandNotFound: The command nonsense has not been found"),
        ("nonsense", {}, "There is no tool 'nonsense'."),
        ("describe", {"name": "nonsense"}, "expected a command, an event or a type"),
        ("events", {"since": "x"}, "Expected `int`, got `str` - at `$.since`"),
        ("events", {"since": -1}, "Expected `int` >= 0"),
        ("events", {"names": ["a b"]}, "expected the name of an event"),
        ("execute", {"command": "__qmpeer_set-events"}, "expected a command of the machine"),
        ("execute", {"command": "x" * 100_000}, "xxx…"),
        ("execute", {"command": "\ud800"}, "a lone surrogate"),
        ("execute", {"command": ""}, "The command  has not been found"),
        ("execute", {"command": "stop", "arguments": {"a": 2**70}}, "Parameter 'a' is unexpected"),
        ("events", {"since": 2**64}, "Invalid parameter type for 'since'"),
        ("keys", {"press": ["nonsense"]}, "expected the name of a key"),
        ("more", {"result": "x", "offset": 0}, "expected one of the last large results"),
        ("keys", {}, "found nothing to type"),
        ("keys", {"text": "a", "layout": "nonsense"}, "nonsense"),
    ],
)  # fmt: skip
async def test_mistakes(
    assisted: Assisted, tool: str, arguments: dict[str, Any], expected: str
) -> None:
    assistant = await assisted.assistant()
    assert expected in await assistant.failure(tool, **arguments)
    assert await assistant.text("execute", command="stop") == "{}"  # the session goes on


async def test_null_stands_for_no_argument(assisted: Assisted) -> None:
    assistant = await assisted.assistant()
    assert '"events": []' in await assistant.text("events", since=None, epoch=None)


async def test_status(assisted: Assisted) -> None:
    facts = json.loads(await (await assisted.assistant()).text("status"))
    assert facts["status"] == "running"
    assert facts["qemu"]["version"] == "7.2.0"
    assert facts["policy"] == "for tests"
    assert facts["events"]["last"] == 0


async def test_text_of_a_guest_is_visible(assisted: Assisted) -> None:
    text = await (await assisted.assistant()).text("execute", command="query-block")
    assert json.loads(text) == [{"device": HOSTILE}]
    assert text.isprintable()


async def test_a_large_result_comes_in_parts(assisted: Assisted) -> None:
    assisted.values["name"] = "x" * (2 * limits.MCP_RESULT)
    assistant = await assisted.assistant()
    first = await assistant.text("execute", command="query-name")
    part, _, note = first.partition("\n\n[")
    assert len(part) == limits.MCP_RESULT
    name = note.split('result "')[1].split('"')[0]
    while f'"{name}"' in note:
        more = await assistant.text("more", result=name, offset=len(part))
        text, _, note = more.partition("\n\n[")
        part += text
    assert json.loads(part) == {"name": assisted.values["name"]}


# Commands


async def test_search(assisted: Assisted) -> None:
    assistant = await assisted.assistant()
    found = json.loads(await assistant.text("commands", search="query reads"))
    names = [each["name"] for each in found["commands"]]
    assert {"query-status", "query-block"} <= set(names)
    assert found["found"] == len(names)
    everything = json.loads(await assistant.text("commands"))
    assert "stop" in [each["name"] for each in everything["commands"]]
    assert "__qmpeer_query-events" not in str(everything)


async def test_describe(assisted: Assisted) -> None:
    assistant = await assisted.assistant()
    found = json.loads(await assistant.text("describe", name="stop"))
    assert found["command"] == "stop"
    assert "changes-guest" in found["effects"]
    assert found["arguments"]["properties"] == {}
    event = json.loads(await assistant.text("describe", name="__QMPEER_SERVER_LOST"))
    assert "reason" in event["data"]["properties"]


# Events


async def test_events_since_a_number(assisted: Assisted) -> None:
    assistant = await assisted.assistant()
    for command in ("stop", "cont", "stop"):
        await assistant.text("execute", command=command)
    first = json.loads(await assistant.text("events"))
    assert [event["event"] for event in first["events"]] == ["STOP", "RESUME", "STOP"]
    rest = json.loads(await assistant.text("events", since=2, epoch=first["epoch"]))
    assert [event["number"] for event in rest["events"]] == [3]
    assert (rest["last"], rest["lost"]) == (3, False)
    resumed = json.loads(await assistant.text("events", since=0, names=["RES*"]))
    assert [event["number"] for event in resumed["events"]] == [2]
    other = json.loads(await assistant.text("events", since=2, epoch="another"))
    assert (other["lost"], len(other["events"])) == (True, 3)


async def test_without_a_number_only_the_last_events(
    assisted: Assisted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MCP_LAST_EVENTS", 1)
    assistant = await assisted.assistant()
    await assistant.text("execute", command="stop")
    await assistant.text("execute", command="cont")
    found = json.loads(await assistant.text("events"))
    assert [event["event"] for event in found["events"]] == ["RESUME"]


async def test_wait_for_an_event(assisted: Assisted) -> None:
    assistant = await assisted.assistant()
    place = json.loads(await assistant.text("events"))
    waiting = asyncio.create_task(
        assistant.text("events", since=place["last"], names=["RESUME"], wait=limits.MCP_WAIT)
    )
    await assistant.text("execute", command="stop")
    await assistant.text("execute", command="cont")
    found = json.loads(await waiting)
    assert [event["event"] for event in found["events"]] == ["RESUME"]
    assert found["last"] == 2


async def test_no_event_in_time(assisted: Assisted) -> None:
    assistant = await assisted.assistant()
    found = json.loads(await assistant.text("events", since=0, wait=0.01))
    assert found["events"] == []


# The machine goes


async def test_the_machine_goes_and_comes_back(assisted: Assisted) -> None:
    assistant = await assisted.assistant(proxy={"reconnect": False})
    await assistant.text("execute", command="stop")
    await assisted.stop_machine()
    failure = await assistant.failure("execute", command="query-status")
    assert "can't be reached now" in failure
    assert "execute" in await assistant.tools()
    await assisted.start_machine()
    assert '"paused"' in await assistant.text("execute", command="query-status")
    events = json.loads(await assistant.text("events", since=1))
    names = [event["event"] for event in events["events"]]
    assert names == ["__QMPEER_SERVER_LOST", "__QMPEER_SERVER_BACK"]


async def test_another_machine_has_other_tools(assisted: Assisted) -> None:
    assistant = await assisted.assistant(proxy={"reconnect": True}, client={"cache": None})
    assert "qmp_system_reset" not in await assistant.tools()
    place = json.loads(await assistant.text("events"))
    await assisted.stop_machine()
    assisted.more_commands = ("system_reset",)
    await assisted.start_machine()
    back = ["__QMPEER_SERVER_BACK"]
    await assistant.text("events", since=place["last"], names=back, wait=limits.MCP_WAIT)
    assert "qmp_system_reset" in await assistant.tools()


async def test_a_machine_that_comes_late(assisted: Assisted) -> None:
    await assisted.stop_machine()
    assistant = await assisted.assistant()
    assert "can't be reached now" in await assistant.failure("status")
    await assisted.start_machine()
    assert '"running"' in await assistant.text("status")


async def test_an_error_of_ours_shows_no_trace(
    assisted: Assisted, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*arguments: object) -> object:
        raise RuntimeError("a secret")

    monkeypatch.setattr("qmpeer.mcp.guarded_machine.GuardedMachine.execute", fail)
    failure = await (await assisted.assistant()).failure("execute", command="stop")
    assert failure == "Internal error: RuntimeError."
    assert "a secret" in caplog.text


# A person confirms


@MODES
@pytest.mark.parametrize(
    ("action", "expected"), [("accept", "{}"), ("decline", "A person was asked and has refused.")]
)
async def test_a_person_is_asked(assisted: Assisted, mode: str, action: Any, expected: str) -> None:
    from mcp_types import ElicitRequestParams, ElicitResult

    asked: list[str] = []

    async def answer(context: object, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action=action, content={} if action == "accept" else None)

    assistant = await assisted.assistant(
        mode=mode, confirms=True, client={"elicitation_callback": answer}
    )
    await assistant.text("execute", command="query-status")
    assert not asked
    result = await assistant.call("execute", command="stop")
    assert result.content[0].text == expected
    assert result.is_error is (action == "decline")
    assert len(asked) == 1
    assert '"command": "stop"' in asked[0]
    assert assisted.is_running is (action == "decline")


async def test_nobody_can_be_asked(assisted: Assisted) -> None:
    assistant = await assisted.assistant(mode="legacy", confirms=True)
    assert "Nobody could be asked" in await assistant.failure("qmp_stop")
    assert assisted.is_running


def test_words_about_effects() -> None:
    assert told_of("nonsense") == ""
    assert "Opens files of the host" in told_of("screendump")
    assert "Discloses the screen." in told_of("screendump")
    assert [only_reads(name) for name in ("query-block", "stop", "nonsense")] == [
        True,
        False,
        False,
    ]
