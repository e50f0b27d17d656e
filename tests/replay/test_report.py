"""The report of a replay, and the differences that it marks.

Modules: differences, report, tally.
"""

import json

import pytest

from qmpeer import limits
from qmpeer.messages import CommandMessage
from qmpeer.replay import Replay
from qmpeer.replay.differences import argument_differences, nearest
from qmpeer.values import JsonObject
from tests.replay.plays import conversations, played, recording

RECORDING = """\
NEGOTIATION
-> {"execute": "blockdev-add", "arguments": {"driver": "qcow2", "node-name": "n0", "file": {"driver": "file", "filename": "a.img"}}}
<- {"return": {}}
-> {"execute": "blockdev-add", "arguments": {"driver": "raw", "node-name": "n1", "file": "n0"}}
<- {"return": {}}
-> {"execute": "query-status"}
<- {"return": {"status": "running"}}
-> {"execute": "set_password", "arguments": {"protocol": "vnc", "password": "<redacted>"}}
<- {"return": {}}
"""  # noqa: E501 - messages of one line


def command(name: str, /, **arguments: object) -> CommandMessage:
    return CommandMessage(name, arguments or None)  # type: ignore[arg-type]  # they are JSON


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(
            {"driver": "qcow2", "node-name": "n0", "file": {"driver": "file", "filename": "b.img"}},
            ['file.filename: found "b.img", recorded is "a.img"'],
            id="value",
        ),
        pytest.param(
            {"driver": "qcow2", "file": {"driver": "file", "filename": "a.img"}},
            ['node-name: missing, recorded is "n0"'],
            id="member missing",
        ),
        pytest.param(
            {"driver": "raw", "node-name": "n1", "file": "n0", "read-only": True},
            ["read-only: found true, none is recorded"],
            id="member added",
        ),
    ],
)
def test_differences(arguments: JsonObject, expected: list[str]) -> None:
    (conversation,) = conversations(RECORDING)
    near = nearest(CommandMessage("blockdev-add", arguments), conversation.exchanges)
    assert near is not None
    assert [*map(str, near.differences)] == expected


@pytest.mark.parametrize(
    ("recorded", "found", "paths"),
    [
        ('{"a": [1, {"b": 2}]}', {"a": [1, {"b": 3}, 4]}, ["a[1].b", "a[2]"]),
        ('{"a": [1, 2]}', {"a": [1]}, ["a[1]"]),
        ('{"a": 1}', {"a": 1.0}, ["a"]),
        ('{"a": "$any", "b": 1}', {"a": 5, "b": 2}, ["b"]),
        ('{"b": 1, "$any": "$any"}', {"a": 5, "b": 2}, ["b"]),
        ('{"a": "$regex:x.*"}', {"a": "y"}, ["a"]),
    ],
)
def test_paths_of_differences(recorded: str, found: JsonObject, paths: list[str]) -> None:
    text = f'-> {{"execute": "a", "arguments": {recorded}}}\n<- {{"return": 1}}\n'
    (exchange,) = conversations(text)[0].exchanges
    differences = argument_differences(CommandMessage("a", found), exchange)
    assert [each.path for each in differences] == paths


def test_the_nearest_has_the_same_name_or_a_similar_one() -> None:
    exchanges = conversations(RECORDING)[0].exchanges
    assert nearest(command("query-stats"), exchanges).exchange.command.name == "query-status"
    assert nearest(command("xyz"), exchanges) is None
    near = nearest(command("blockdev-add", **{"node-name": "n1"}), exchanges)
    assert near.exchange.place.line == 5


def test_comparing_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REPLAY_COMPARED", 1)
    monkeypatch.setattr(limits, "REPLAY_DIFFERENCES", 2)
    exchanges = conversations(RECORDING)[0].exchanges
    near = nearest(command("blockdev-add", driver="raw", a=1, b=2), exchanges)
    assert near.exchange.place.line == 3
    assert len(near.differences) == 2


def used() -> Replay:
    replay = Replay(recording(RECORDING))
    commands = (
        command("query-status"),
        command("query-stats"),
        command("set_password", protocol="spice", password="hunter2"),
        command("blockdev-add", driver="raw", **{"node-name": "n1", "file": "n5"}),
    )
    played(replay, commands)
    return replay


def test_report_as_text() -> None:
    assert str(used().report).splitlines() == [
        "played: 1, for 1 client",
        "never asked: 3",
        '  blockdev-add {"driver":"qcow2","file":{"driver":"file","filename":"a.img"},"node-name":"n0"} (r.txt:3)',  # noqa: E501
        '  blockdev-add {"driver":"raw","file":"n0","node-name":"n1"} (r.txt:5)',
        '  set_password {"password":"<redacted>","protocol":"vnc"} (r.txt:9)',
        "asked in vain: 3",
        "  not recorded: query-stats",
        "    nearest: query-status (r.txt:7)",
        '  not recorded: set_password {"password":"<redacted>","protocol":"spice"}',
        '    nearest: set_password {"password":"<redacted>","protocol":"vnc"} (r.txt:9)',
        '    protocol: found "spice", recorded is "vnc"',
        '  not recorded: blockdev-add {"driver":"raw","file":"n5","node-name":"n1"}',
        '    nearest: blockdev-add {"driver":"raw","file":"n0","node-name":"n1"} (r.txt:5)',
        '    file: found "n5", recorded is "n0"',
    ]


def test_report_as_json() -> None:
    value = used().report.to_json()
    assert json.loads(json.dumps(value)) == value
    assert value["is_complete"] is False
    assert value["asked_in_vain"][2] == {
        "asked": {
            "command": "blockdev-add",
            "arguments": {"driver": "raw", "node-name": "n1", "file": "n5"},
            "place": "",
        },
        "reason": "not recorded",
        "conversation": 1,
        "nearest": {
            "command": "blockdev-add",
            "arguments": {"driver": "raw", "node-name": "n1", "file": "n0"},
            "place": "r.txt:5",
        },
        "differences": [{"path": "file", "found": "n5", "recorded": "n0"}],
        "from_server": False,
        "note": "",
    }


def test_a_report_lists_the_first_and_counts_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REPLAY_REPORTED", 2)
    replay = Replay(recording(RECORDING))
    played(replay, [command("x")] * 5)
    report = replay.report
    assert (len(report.asked_in_vain), report.asked_in_vain_count) == (2, 5)
    assert (len(report.never_asked), report.never_asked_count) == (2, 4)
    assert "  … and 3 more" in str(report)


def test_out_of_order_names_the_expected_command() -> None:
    replay = Replay(recording(RECORDING), order="recorded")
    played(replay, [command("query-status")])
    (miss,) = replay.report.out_of_order
    assert str(miss).startswith(
        'out of order: query-status\n  expected: blockdev-add {"driver":"qcow2"'
    )
    assert "out of order: 1" in str(replay.report)


def test_stray_replies_are_named() -> None:
    text = '-> {"execute": "a"}\n<- {"return": 1}\n<- {"return": 2}\n'
    assert "recorded replies to no command: r.txt:3" in str(Replay(recording(text)).report)


def test_a_recording_of_another_release() -> None:
    text = (
        '-> {"execute": "query-version"}\n'
        '<- {"return": {"qemu": {"major": 2, "minor": 5, "micro": 1}, "package": ""}}\n'
        '-> {"execute": "query-qmp-schema"}\n'
        '<- {"return": [{"name": "query-cpus", "meta-type": "command"}]}\n'
    )
    replay = Replay(recording(text))
    played(replay, [command("query-cpus-fast"), command("query-cpus")])
    lacking, known = replay.report.asked_in_vain
    note = "the recorded server, QEMU 2.5.1, has no such command (r.txt:3)"
    assert str(lacking).splitlines()[-1] == f"  {note}"
    assert known.note == ""


def test_long_values_are_kept_in_part() -> None:
    replay = Replay(recording(RECORDING))
    value: JsonObject = {"driver": "raw", "node-name": "n1", "file": "x" * 20_000}
    played(replay, [CommandMessage("blockdev-add", value), CommandMessage("y" * 1000)])
    first, second = replay.report.asked_in_vain
    assert first.asked.arguments == {"…": '{"driver":"raw","file":"' + "x" * 176 + "…"}
    assert len(str(first.differences[0].found)) == 201
    assert second.asked.command == "y" * 200


def test_more_often_than_recorded() -> None:
    replay = Replay(recording(RECORDING), strict=True)
    played(replay, [command("query-status")] * 2)
    (miss,) = replay.report.asked_in_vain
    assert str(miss) == (
        "asked more often than recorded: query-status\n  recorded: query-status (r.txt:7)"
    )
