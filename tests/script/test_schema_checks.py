"""The checks of a script against a schema, and where the schema comes from.

Modules: checks, type_faults, schema_sources.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from qmpeer import Client, CommandError, Monitor
from qmpeer.errors import ScriptError, ScriptMismatch
from qmpeer.schema import BUILT_INS, CommandDefinition, Schema, introspection_of, select
from qmpeer.script import ScriptedServer
from qmpeer.script.checks import NO_CHECKS, unchecked_notice
from qmpeer.script.schema_checks import SchemaChecks
from qmpeer.script.schema_sources import checks_of
from qmpeer.sources import read_qapi
from tests.corpus import SMALL

QAPI = """
{ 'enum': 'RunState', 'data': [ 'running', 'paused',
  { 'name': 'colo', 'features': [ 'deprecated' ] } ] }
{ 'struct': 'StatusInfo', 'data': { 'status': 'RunState', 'running': 'bool', '*cpus': ['int'] } }
{ 'command': 'query-status', 'returns': 'StatusInfo' }
{ 'command': 'query-names', 'returns': [ 'str' ] }
{ 'command': 'eject', 'data': { '*id': 'str', 'force': 'bool',
  '*device': { 'type': 'str', 'features': [ 'deprecated' ] } } }
{ 'command': 'device_add', 'data': { 'driver': 'str', '*id': 'str' }, 'gen': false }
{ 'command': 'guest-shutdown', 'success-response': false }
{ 'command': 'old', 'features': [ 'deprecated' ] }
{ 'command': 'rare', 'if': 'CONFIG_RARE' }
{ 'enum': 'Driver', 'data': [ 'file', 'qcow2' ] }
{ 'struct': 'File', 'data': { 'filename': 'str' } }
{ 'struct': 'Qcow2', 'data': { 'file': 'BlockRef', '*size': 'uint8' } }
{ 'union': 'Options', 'base': { 'driver': 'Driver', '*node-name': 'str' },
  'discriminator': 'driver', 'data': { 'file': 'File', 'qcow2': 'Qcow2' } }
{ 'alternate': 'BlockRef', 'data': { 'definition': 'Options', 'reference': 'str' } }
{ 'command': 'blockdev-add', 'data': 'Options', 'boxed': true }
{ 'command': 'blockdev-reopen', 'data': { 'options': ['Options'] } }
{ 'event': 'STOP' }
{ 'event': 'RARE', 'if': { 'not': 'CONFIG_RARE' } }
{ 'event': 'SHUTDOWN', 'data': { 'guest': 'bool', '*reason': 'str' } }
"""


@pytest.fixture(scope="module")
def qapi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("schema") / "qapi-schema.json"
    path.write_text(QAPI, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def schema(qapi: Path) -> Schema:
    return read_qapi(str(qapi))


@contextmanager
def stopping(server: ScriptedServer) -> Iterator[None]:
    """Stop a server at the end without a judgement."""
    try:
        yield
    finally:
        server.stop()


Write = Callable[[ScriptedServer], object]

WRONG: dict[str, tuple[Write, str]] = {
    "command": (
        lambda server: server.on("device-add"),
        "device-add: the schema has no such command; similar: device_add",
    ),
    "expected command": (
        lambda server: server.expect("query-statsu"),
        "query-statsu: the schema has no such command; similar: query-status",
    ),
    "argument": (
        lambda server: server.on("eject", {"forse": True}),
        "eject: arguments.forse: found true, the schema has no such member; similar: force",
    ),
    "argument unlike any": (
        lambda server: server.on("eject", {"x": True}),
        "eject: arguments.x: found true, the schema has no such member; known: id, force, device",
    ),
    "argument's type": (
        lambda server: server.on("eject", {"force": "yes"}),
        'eject: arguments.force: found "yes", the schema has boolean',
    ),
    "argument of an open command": (
        lambda server: server.on("device_add", {"driver": 5, "addr": 1}),
        "device_add: arguments.driver: found 5, the schema has string",
    ),
    "argument of a branch": (
        lambda server: server.on(
            "blockdev-add", {"driver": "qcow2", "file": {"driver": "file", "filenam": "x"}}
        ),
        (
            'blockdev-add: arguments.file.filenam: found "x", the schema has no such member; '
            "similar: filename"
        ),
    ),
    "argument of no branch": (
        lambda server: server.on("blockdev-add", {"driver": ..., "sise": 5}),
        "blockdev-add: arguments.sise: found 5, the schema has no such member; similar: size",
    ),
    "argument of another branch": (
        lambda server: server.on("blockdev-add", {"driver": "file", "size": 5}),
        (
            "blockdev-add: arguments.size: found 5, the schema has no such member; "
            "known: driver, node-name, filename"
        ),
    ),
    "argument in a list": (
        lambda server: server.on("blockdev-reopen", {"options": [..., {"driver": "raw"}]}),
        (
            'blockdev-reopen: arguments.options[1].driver: found "raw", '
            "the schema has no such value; known: file, qcow2"
        ),
    ),
    "alternate": (
        lambda server: server.on("blockdev-add", {"driver": "qcow2", "file": 5}),
        "blockdev-add: arguments.file: found 5, the schema has BlockRef",
    ),
    "reply's value": (
        lambda server: server.on("query-status").reply({"status": "runing", "running": True}),
        (
            'query-status: return.status: found "runing", the schema has no such value; '
            "similar: running"
        ),
    ),
    "reply without a member": (
        lambda server: server.on("query-status").reply({"status": "running"}),
        "query-status: return.running: missing, the schema demands it",
    ),
    "reply in a list": (
        lambda server: server.on("query-names").reply(["a", 5]),
        "query-names: return[1]: found 5, the schema has string",
    ),
    "reply of a command without one": (
        lambda server: server.on("guest-shutdown").reply(),
        "guest-shutdown: found a reply, the schema has none: success has no response",
    ),
    "error class": (
        lambda server: server.on("eject").error("GenricError", "no"),
        "eject: error.class: found GenricError, QEMU has no such class; similar: GenericError",
    ),
    "event": (
        lambda server: server.on("eject").event("STOPPED"),
        "eject: the schema has no event STOPPED; similar: STOP",
    ),
    "event's data": (
        lambda server: server.on("eject").event("SHUTDOWN"),
        "eject: event SHUTDOWN: data.guest: missing, the schema demands it",
    ),
    "event's surplus data": (
        lambda server: server.on("eject").send({"event": "STOP", "data": {"reason": "x"}}),
        'eject: event STOP: data.reason: found "x", the schema has no such member',
    ),
    "emitted event": (
        lambda server: server.emit("STPO"),
        "the schema has no event STPO; similar: STOP",
    ),
    "condition that isn't met": (
        lambda server: server.after(0).event("RARE"),
        "the schema has no event RARE",
    ),
}


@pytest.mark.parametrize(("write", "expected"), WRONG.values(), ids=WRONG)
def test_a_script_that_says_what_the_schema_lacks(
    write: Write, expected: str, schema: Schema
) -> None:
    server = ScriptedServer(schema=schema)
    with pytest.raises(ScriptError) as raised:
        write(server)
    line = write.__code__.co_firstlineno
    place, _, reason = str(raised.value).partition(": ")
    file, _, found = place.partition(":")
    assert (file.endswith("test_schema_checks.py"), reason) == (True, expected)
    assert line <= int(found) <= line + 3


def test_patterns_are_left_out_of_the_checks(schema: Schema) -> None:
    server = ScriptedServer(schema=schema)
    server.on("eject", {"id": ..., "force": "$any", "$any": "$any"})
    server.on("blockdev-add", {"driver": "$regex:q.*", "file": {"filename": "<redacted>"}})
    server.on("blockdev-reopen", {"options": "$any"})
    server.on("device_add", {"driver": "virtio-blk-pci", "drive": "disk0", "addr": 5})
    server.on("blockdev-add", {"driver": "qcow2", "file": "node0", "size": 255})
    server.on("qmp_capabilities", {"enable": ...})
    server.on("rare")


def test_everything_that_fits(schema: Schema) -> None:
    checks = SchemaChecks(schema, rejects_deprecated=True)
    assert checks.reply("query-status", {"status": "running", "running": True}) is None
    assert checks.reply("eject", {}) is None
    assert checks.reply("qmp_capabilities", {}) is None
    assert checks.event("SHUTDOWN", {"guest": True}) is None
    assert checks.event("STOP", None) is None
    assert checks.error("DeviceNotFound") is None
    assert checks.arguments("device_add", {"driver": "x", "drive": 5}) is None
    assert checks.deprecation("eject", {"force": True}) is None
    assert checks.command_names()[-1] == "query-status", "the schema's order, reversed"


def test_what_arrives_is_checked_in_qemus_words(schema: Schema) -> None:
    server = ScriptedServer(schema=schema).start()
    with stopping(server), Client.connect(server.address) as client:
        server.on("eject").any_times()
        server.on("device_add").any_times()
        refused: list[tuple[str, dict[str, Any], str]] = [
            ("eject", {}, "Parameter 'force' is missing"),
            ("eject", {"force": 1}, "Invalid parameter type for 'force', expected: boolean"),
            ("device_add", {"drive": "x"}, "Parameter 'driver' is missing"),
        ]
        for name, arguments, desc in refused:
            with pytest.raises(CommandError) as raised:
                client.execute(name, arguments)
            assert raised.value.desc == desc
        client.execute("device_add", {"driver": "x", "drive": "y"})
    with pytest.raises(ScriptMismatch) as failed:
        server.verify()
    assert failed.value.mismatches[0].startswith(
        "not in the schema: eject\n  Parameter 'force' is missing\n  nearest: eject ("
    )
    assert len(failed.value.mismatches) == 3


def mismatches(server: ScriptedServer) -> Iterator[tuple[str, str]]:
    for each in server.script.mismatches:
        yield each.command.command, each.note


def test_what_a_script_says_only_when_it_is_asked(schema: Schema) -> None:
    server = ScriptedServer(schema=schema).start()
    with stopping(server), Client.connect(server.address) as client:
        server.on("query-status")  # replies {}
        server.on("query-names").call(lambda call: [5])
        server.otherwise().reply([])
        for name in ("query-status", "query-names", "old"):
            client.execute(name)
        with pytest.raises(CommandError, match="The command odl has not been found"):
            client.execute("odl")
    assert [*mismatches(server)] == [
        ("query-status", "return.status: missing, the schema demands it"),
        ("query-names", "return[0]: found 5, the schema has string"),
        ("old", "return: found [], the schema has object"),
        ("odl", "the schema has no such command; similar: old"),
    ]
    assert "test_schema_checks.py:" in str(server.script.mismatches[1])


def test_the_use_of_what_is_deprecated(schema: Schema) -> None:
    server = ScriptedServer(schema=schema, deprecated="fail").start()
    with stopping(server), Client.connect(server.address) as client:
        server.on("old")
        server.on("eject")
        client.execute("old")
        client.execute("eject", {"force": True, "device": "cd0"})
    with pytest.raises(ScriptMismatch) as failed:
        server.verify()
    assert failed.value.mismatches == (
        "deprecated: old\n  the command is deprecated",
        'deprecated: eject {"device":"cd0","force":true}\n  arguments.device is deprecated',
    )


def test_it_answers_with_the_schema(schema: Schema) -> None:
    with ScriptedServer(schema=schema) as server, Client.connect(server.address) as client:
        answer = introspection_of(select(schema, lambda name: True))
        assert client.execute("query-qmp-schema") == answer
        names = {each["name"] for each in client.execute("query-commands")}
    assert {"rare", "device_add"} < names


# --- Sources ------------------------------------------------------------------------------------


def test_every_kind_of_source(qapi: Path, schema: Schema, tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    saved.write_text(json.dumps({"return": introspection_of(schema)}), encoding="utf-8")
    recording = SMALL / "replies" / "caps_small-9.2.replies"
    monitor = Monitor(name="vm")
    monitor.start(f"unix:{tmp_path / 'qmp'}")
    try:
        running = checks_of(f"unix:{tmp_path / 'qmp'}")
    finally:
        monitor.stop()
    assert running.command("query-version") is None
    assert checks_of(recording).command("query-discs") is None
    for source in (qapi, str(qapi), saved, schema):
        assert checks_of(source).command("eject") is None
        assert checks_of(source).command("eejct") is not None


def test_a_source_is_loaded_once_until_it_changes(qapi: Path, tmp_path: Path) -> None:
    path = tmp_path / "qapi-schema.json"
    path.write_bytes(qapi.read_bytes())
    first = checks_of(path)
    assert checks_of(path) is first
    assert checks_of(path, rejects_deprecated=True) is not first
    path.write_text("{ 'command': 'stop' }", encoding="utf-8")
    assert checks_of(path).command("stop") is None


def test_the_oldest_sources_are_forgotten(
    schema: Schema, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("qmpeer.limits.SCRIPT_SCHEMAS", 1)
    first = checks_of(schema)
    path = tmp_path / "qapi-schema.json"
    path.write_text("{ 'command': 'stop' }", encoding="utf-8")
    checks_of(path)
    assert checks_of(schema) is not first


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "none",
            "schema 'none': No such file or directory, expected a file, an address or installed",
        ),
        ("installed:no-such-qemu", "schema 'installed:no-such-qemu': No such program"),
        ("unix:nowhere", "schema 'unix:nowhere': No such file or directory"),
        ("\0", r"schema '\x00': found '\x00', expected a file or an address"),
    ],
)
def test_a_source_without_a_schema(source: str, expected: str) -> None:
    with pytest.raises(ScriptError) as raised:
        ScriptedServer(schema=source)
    place, _, reason = str(raised.value).partition(": ")
    assert "test_schema_checks.py:" in place
    assert reason == expected


def test_a_faulty_schema(tmp_path: Path) -> None:
    path = tmp_path / "qapi-schema.json"
    path.write_text("{ 'command': 'stop', 'data': 'Missing' }", encoding="utf-8")
    with pytest.raises(ScriptError, match=r": schema /.*qapi-schema\.json:1:30: unknown type"):
        ScriptedServer(schema=path)


def test_deprecated_needs_a_schema_and_a_known_word(schema: Schema) -> None:
    with pytest.raises(ScriptError, match='found deprecated="fail" without a schema'):
        ScriptedServer(deprecated="fail")
    with pytest.raises(ScriptError, match='found deprecated=True, expected "accept" or "fail"'):
        ScriptedServer(schema=schema, deprecated=True)  # type: ignore[arg-type]  # wrong


# --- Without a schema ---------------------------------------------------------------------------


def test_a_script_without_a_schema_says_so_once(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpeer.script.checks._notices", iter(range(9)))
    notes: list[str] = []
    for checked in (schema, None, None):
        server = ScriptedServer(schema=checked)
        server.on("eject")
        with pytest.raises(ScriptMismatch) as raised:
            server.verify()
        notes.append(raised.value.note)
        assert ("\nnote: " in str(raised.value)) == bool(raised.value.note)
    assert [bool(each) for each in notes] == [False, True, False]
    assert "against a schema" in notes[1]


def test_without_a_schema_everything_is_right() -> None:
    assert NO_CHECKS.command("x") is None
    assert NO_CHECKS.pattern("x", {}) is None
    assert NO_CHECKS.arguments("x", {}) is None
    assert NO_CHECKS.deprecation("x", {}) is None
    assert NO_CHECKS.reply("x", 5) is None
    assert NO_CHECKS.error("x") is None
    assert NO_CHECKS.event("x", {}) is None
    assert NO_CHECKS.introspection() is None
    assert NO_CHECKS.command_names() == []
    assert not unchecked_notice(SchemaChecks(Schema({})))


def test_out_of_band_only_what_allows_it() -> None:
    commands = (
        CommandDefinition(name="query-yank", allow_oob=True),
        CommandDefinition(name="stop"),
    )
    server = ScriptedServer(schema=Schema({**BUILT_INS}, commands)).start()
    with stopping(server), Client.connect(server.address) as client:
        server.on(None).any_times()
        client.execute("query-yank", oob=True)
        for name in ("stop", "query-version"):
            with pytest.raises(CommandError):
                client.execute(name, oob=True)
        with pytest.raises(CommandError, match="The command stop does not support OOB"):
            client.execute("stop", oob=True)


def test_what_every_client_may_ask_takes_no_arguments() -> None:
    server = ScriptedServer().start()
    with stopping(server), Client.connect(server.address) as client:
        with pytest.raises(CommandError, match="Parameter 'extra' is unexpected"):
            client.execute("query-version", {"extra": 1})
        with pytest.raises(CommandError, match="The command query-version does not support OOB"):
            client.execute("query-version", oob=True)
        assert client.execute("query-version")["qemu"]["major"] == 7
    assert [each.note for each in server.script.mismatches] == [
        "Parameter 'extra' is unexpected",
        "The command query-version does not support OOB",
    ]
