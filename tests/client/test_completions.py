"""The table of the events that complete commands, as data, and the rules made of it."""

from typing import Any

import pytest

from qmpeer import Event, limits
from qmpeer.client.completion_rules import CompletionRule, Ending
from qmpeer.client.completions import (
    COMPLETIONS,
    EVENTS,
    rule_for,
    unknown_event,
)
from qmpeer.schema import Array, Schema, StructDefinition, UnionDefinition
from tests.corpus import own_and_real, qapi_schema

COMPLETED, FAILED, LOST = Ending.COMPLETED, Ending.FAILED, Ending.LOST
PATH = "/machine/peripheral/"


def rule(command: str, event: str | None = None, **arguments: Any) -> CompletionRule:
    given = {name.replace("_", "-"): value for name, value in arguments.items()}
    return rule_for(command, given, event, None, None)


def ending(made: CompletionRule, name: str, **data: Any) -> Ending | None:
    return made.ending(event(name, **data))


def shows(made: CompletionRule, answer: Any) -> bool:
    assert made.query is not None
    return made.query.is_reached(answer)


def event(name: str, **data: Any) -> Event:
    return Event(name, {key.replace("_", "-"): value for key, value in data.items()}, None, 1)


# The rules, one command after the other


@pytest.mark.parametrize("id", ["d", PATH + "d", "//machine/peripheral//d/"])
def test_a_device_by_its_id_or_path(id: str) -> None:
    made = rule("device_del", id=id)
    assert ending(made, "ACPI_DEVICE_OST", info={"device": "d", "source": [], "status": {}}) is None
    for name, expected in (
        ("DEVICE_DELETED", COMPLETED),
        ("DEVICE_UNPLUG_GUEST_ERROR", FAILED),
        ("MEM_UNPLUG_ERROR", FAILED),
    ):
        assert ending(made, name, device="d", path=PATH + "d") is expected
        assert ending(made, name, device="other", path=PATH + "other") is None
        # A part of the device is removed before it, and has no id.
        part = ending(made, name, path=PATH + "d/virtio-backend")
        assert part is (Ending.UNCLEAR if name == "DEVICE_DELETED" else None)
        assert ending(made, name, path=PATH + "d2/virtio-backend") is None
    assert made.confirms is not None
    assert made.confirms[:2] == ("qom-list", {"path": "/machine/peripheral"})
    assert made.confirms.is_reached([{"name": "other", "type": "child<x>"}])
    assert not made.confirms.is_reached([{"name": "d", "type": "child<x>"}])
    assert not made.confirms.is_reached({})
    assert ending(made, "MEM_UNPLUG_ERROR", device="d", msg="busy") is FAILED
    assert ending(made, "RESET", guest=True) is LOST
    assert ending(made, "SHUTDOWN", guest=True) is LOST


def test_a_device_without_an_id() -> None:
    made = rule("device_del", id="/machine/peripheral-anon/device[0]")
    assert ending(made, "DEVICE_DELETED", path="/machine/peripheral-anon/device[0]") is COMPLETED
    assert ending(made, "DEVICE_DELETED", path="/machine/peripheral-anon/device[1]") is None
    assert ending(made, "ACPI_DEVICE_OST", info={"source": 3, "status": 1}) is None


@pytest.mark.parametrize("id", ["m", PATH + "m"])
@pytest.mark.parametrize(
    ("source", "status", "expected"),
    [
        *((3, status, FAILED) for status in (1, 2, 0x80, 0x81, 0x82, 0x83)),
        (0x103, 1, FAILED),
        (3, 0, None),
        (3, 0x84, None),
        (0, 1, None),
        ("odd", [], None),
    ],
)
def test_a_guest_refuses_by_acpi(id: str, source: Any, status: Any, expected: Ending) -> None:
    if isinstance(status, list):
        status = str(status)
    info = {"device": "m", "slot": "0", "slot-type": "DIMM", "source": source, "status": status}
    made = rule("device_del", id=id)
    assert ending(made, "ACPI_DEVICE_OST", info=info) is expected
    assert ending(made, "ACPI_DEVICE_OST", info={**info, "device": "other"}) is None
    assert ending(made, "ACPI_DEVICE_OST", info="odd") is None


@pytest.mark.parametrize(
    ("command", "name", "running"), [("stop", "STOP", False), ("cont", "RESUME", True)]
)
def test_the_run_state(command: str, name: str, running: bool) -> None:
    made = rule(command)
    assert ending(made, name) is COMPLETED
    assert ending(made, "RESET") is None
    assert shows(made, {"running": running, "status": "any"})
    others: list[Any] = [{"running": not running}, {}, [], None, 0, {"running": "odd"}]
    assert not any(shows(made, other) for other in others)


OPENED = {"device": "cd0", "id": "cd", "tray_open": True}


@pytest.mark.parametrize(
    "arguments", [{"id": "cd"}, {"id": PATH + "cd"}, {"device": "cd0"}], ids=["id", "path", "drive"]
)
def test_a_tray(arguments: dict[str, Any]) -> None:
    for command, is_open in (
        ("blockdev-open-tray", True),
        ("blockdev-close-tray", False),
        ("eject", True),
    ):
        made = rule(command, **arguments)
        moved = {**OPENED, "tray_open": is_open}
        assert ending(made, "DEVICE_TRAY_MOVED", **moved) is COMPLETED
        assert ending(made, "DEVICE_TRAY_MOVED", **{**moved, "tray_open": not is_open}) is None
        assert ending(made, "DEVICE_TRAY_MOVED", **{**moved, "device": "a", "id": "a"}) is None
        assert ending(made, "RESET") is (LOST if is_open else None)
        block = {"device": "cd0", "qdev": "cd", "tray_open": is_open}
        assert shows(made, [{"device": "a", "qdev": "a"}, block])
        assert not shows(made, [{**block, "tray_open": not is_open}])
        assert not shows(made, [{**block, "device": "a", "qdev": "a"}])
        assert not shows(made, [])
        assert not shows(made, ["odd"])
        # A floppy drive has no tray.
        assert shows(made, [{"device": "cd0", "qdev": "cd"}])


def test_a_drive_without_an_id() -> None:
    """Such a drive has its path for an id."""
    path = "/machine/unattached/device[20]"
    made = rule("eject", id=path)
    assert ending(made, "DEVICE_TRAY_MOVED", device="", id=path, tray_open=True) is COMPLETED


@pytest.mark.parametrize(
    ("actual", "is_reached"), [(8192, True), (8193, True), (12287, True), (12288, False),
                               (8191, False), ("odd", False), (None, False)]
)  # fmt: skip
def test_a_balloon_is_of_whole_pages(actual: Any, is_reached: bool) -> None:
    made = rule("balloon", value=8192)
    assert ending(made, "BALLOON_CHANGE", actual=actual) is (COMPLETED if is_reached else None)
    assert ending(made, "RESET") is LOST
    assert shows(made, {"actual": actual}) is is_reached
    assert not shows(made, [])
    assert ending(rule("balloon", value="odd"), "BALLOON_CHANGE", actual=1) is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"result": {"status": "completed"}}, COMPLETED),
        ({"result": {"status": "failed"}}, FAILED),
        ({"result": {"status": "completed"}, "error": "no space"}, FAILED),
        ({"result": "odd"}, COMPLETED),
        ({}, COMPLETED),
    ],
)
@pytest.mark.parametrize("match", [None, {}])
def test_a_dump_completes_or_fails(data: Any, expected: Ending, match: Any) -> None:
    made = rule_for("dump-guest-memory", {}, None, match, None)
    assert ending(made, "DUMP_COMPLETED", **data) is expected


def test_the_error_of_a_dump_has_its_reason() -> None:
    made, failed = rule("dump-guest-memory"), event("DUMP_COMPLETED", error="no space")
    error = made.failure("dump-guest-memory", failed, FAILED)
    assert error.reason == "no space"
    assert str(error) == (
        "dump-guest-memory was accepted, but not completed: no space: "
        'DUMP_COMPLETED {"error": "no space"}'
    )


@pytest.mark.parametrize(
    ("command", "member"), [("block-export-del", "id"), ("nbd-server-remove", "name")]
)
def test_an_export(command: str, member: str) -> None:
    made = rule(command, **{member: "e"})
    assert ending(made, "BLOCK_EXPORT_DELETED", id="e") is COMPLETED
    assert ending(made, "BLOCK_EXPORT_DELETED", id="f") is None


@pytest.mark.parametrize(
    ("command", "member"),
    [
        ("job-cancel", "id"),
        ("block-job-cancel", "device"),
        ("job-complete", "id"),
        ("block-job-complete", "device"),
        ("job-finalize", "id"),
        ("block-job-finalize", "id"),
    ],
)
def test_the_end_of_a_job(command: str, member: str) -> None:
    made = rule(command, **{member: "j"})
    assert ending(made, "JOB_STATUS_CHANGE", id="j", status="concluded") is COMPLETED
    assert ending(made, "JOB_STATUS_CHANGE", id="j", status="pending") is None
    assert ending(made, "JOB_STATUS_CHANGE", id="k", status="concluded") is None
    may_fail = "cancel" not in command
    failed = FAILED if may_fail else None
    assert ending(made, "BLOCK_JOB_CANCELLED", device="j") is failed
    assert ending(made, "BLOCK_JOB_COMPLETED", device="j", error="x") is failed
    assert ending(made, "BLOCK_JOB_COMPLETED", device="j") is None
    assert ending(made, "BLOCK_JOB_COMPLETED", device="k", error="x") is None


def test_the_size_of_a_memory_device() -> None:
    made = rule("qom-set", path=PATH + "vm0", property="requested-size", value=1 << 20)
    changed = {"id": "vm0", "size": 1 << 20, "qom_path": PATH + "vm0"}
    assert ending(made, "MEMORY_DEVICE_SIZE_CHANGE", **changed) is COMPLETED
    assert ending(made, "MEMORY_DEVICE_SIZE_CHANGE", **{**changed, "size": 0}) is None
    assert ending(made, "MEMORY_DEVICE_SIZE_CHANGE", **{**changed, "qom_path": "/other"}) is None
    assert ending(made, "MEMORY_DEVICE_SIZE_CHANGE", id="vm0", size=1 << 20) is COMPLETED
    assert ending(made, "MEMORY_DEVICE_SIZE_CHANGE", id="vm1", size=1 << 20) is None
    assert made.query[:2] == ("qom-get", {"path": PATH + "vm0", "property": "size"})
    assert shows(made, 1 << 20)
    assert not shows(made, 0)


@pytest.mark.parametrize(
    ("command", "data", "expected"),
    [
        ("system_powerdown", {"guest": True, "reason": "guest-shutdown"}, COMPLETED),
        ("system_powerdown", {}, COMPLETED),
        ("system_powerdown", {"guest": False, "reason": "host-qmp-quit"}, LOST),
        ("system_reset", {"guest": False, "reason": "host-qmp-system-reset"}, FAILED),
        ("quit", {"guest": False, "reason": "host-qmp-quit"}, COMPLETED),
        ("quit", {"guest": True, "reason": "guest-shutdown"}, None),
    ],
)
def test_the_end_of_the_machine(command: str, data: Any, expected: Ending | None) -> None:
    assert ending(rule(command), "SHUTDOWN", **data) is expected


def test_a_reset_of_ours() -> None:
    made = rule("system_reset")
    assert ending(made, "RESET", guest=False, reason="host-qmp-system-reset") is COMPLETED
    assert ending(made, "RESET", guest=True, reason="guest-reset") is None
    assert ending(made, "RESET") is COMPLETED  # before 3.0
    error = made.failure("system_reset", event("SHUTDOWN", guest=False), FAILED)
    assert error.reason == "the machine ended"


@pytest.mark.parametrize(
    ("arguments", "interval"),
    [
        ({"calc_time": 2}, 0.5),
        ({"calc_time": 200, "calc_time_unit": "millisecond"}, 0.05),
        ({"calc_time": 0}, limits.PROGRESS_INTERVAL_LEAST),
        ({}, limits.PROGRESS_INTERVAL),
        ({"calc_time": "odd"}, limits.PROGRESS_INTERVAL),
    ],
)
def test_the_dirty_rate_is_asked_for(arguments: Any, interval: float) -> None:
    made = rule("calc-dirty-rate", **arguments)
    assert made.event == ""
    assert made.interval == pytest.approx(interval)
    assert shows(made, {"status": "measured"})
    others: list[Any] = [{"status": "measuring"}, {}, None, []]
    assert not any(shows(made, other) for other in others)
    assert str(made.late("calc-dirty-rate", 3)) == (
        "its end, by query-dirty-rate, of calc-dirty-rate didn't come in 3 s; "
        "the server had accepted the command"
    )


# The caller's events


def test_the_tables_event_by_name_is_the_tables_rule() -> None:
    by_name, of_table = rule("device_del", "DEVICE_DELETED", id="d"), rule("device_del", id="d")
    for made in (by_name, of_table):
        assert made.needs_guest
        assert ending(made, "DEVICE_DELETED", device="d") is COMPLETED
        assert ending(made, "DEVICE_DELETED", device="e") is None
        assert ending(made, "DEVICE_UNPLUG_GUEST_ERROR", device="d") is FAILED


def test_the_error_of_a_deadline_says_what_would_have_asked() -> None:
    text = "event STOP of stop didn't come in 1.5 s; the server had accepted the command"
    made = rule("stop", "STOP")
    assert str(made.late("stop", 1.5)) == text
    named = f"{text}; it comes only if it wasn't so before"
    assert str(made.late("stop", 1.5, asks=False)) == named
    wakeup = rule("system_wakeup", "WAKEUP")
    assert str(wakeup.late("x", 1, asks=False)) == str(wakeup.late("x", 1))


def test_another_event_has_nothing_of_the_table() -> None:
    made = rule("device_del", "ACPI_DEVICE_OST", id="d")
    assert (made.event, made.failing, made.needs_guest) == ("ACPI_DEVICE_OST", {}, False)
    assert ending(made, "ACPI_DEVICE_OST") is COMPLETED
    assert ending(made, "RESET") is None


@pytest.mark.parametrize("name", [None, "DEVICE_DELETED"])
@pytest.mark.parametrize(
    "match", [{"path": "/x"}, lambda event: event.data["path"] == "/x"], ids=["data", "function"]
)
def test_a_match_replaces_the_tables(name: str | None, match: Any) -> None:
    made = rule_for("device_del", {"id": "d"}, name, match, None)
    assert ending(made, "DEVICE_DELETED", device="d", path="/y") is None
    assert ending(made, "DEVICE_DELETED", device="e", path="/x") is COMPLETED
    # The table knows the failures of this device, in whatever form.
    info = {"device": "d", "source": 3, "status": 1}
    assert ending(made, "ACPI_DEVICE_OST", info=info) is FAILED
    assert ending(made, "ACPI_DEVICE_OST", info={**info, "status": 0}) is None
    assert made.needs_guest


def test_an_empty_match_takes_any() -> None:
    made = rule_for("device_del", {"id": "d"}, None, {}, None)
    assert ending(made, "DEVICE_DELETED", device="e") is COMPLETED
    assert rule_for("stop", {}, None, {}, None).query is None


def test_failing_events_of_the_caller() -> None:
    made = rule_for("device_del", {"id": "d"}, None, None, ["MEM_UNPLUG_ERROR", "OTHER"])
    assert ending(made, "MEM_UNPLUG_ERROR", device="d") is FAILED
    assert ending(made, "MEM_UNPLUG_ERROR", device="e") is None
    assert ending(made, "OTHER") is FAILED
    assert ending(made, "DEVICE_UNPLUG_GUEST_ERROR", device="d") is None
    assert rule_for("device_del", {"id": "d"}, None, None, []).failing == {}
    matching = rule_for("device_del", {"id": "d"}, None, {"a": 1}, ["MEM_UNPLUG_ERROR", "OTHER"])
    for name in ("MEM_UNPLUG_ERROR", "OTHER"):
        assert ending(matching, name, a=1) is FAILED
        assert ending(matching, name, device="d") is None


def test_a_failing_event_goes_before_the_completing_one() -> None:
    made = rule_for("x", {}, "DONE", None, ["DONE"])
    assert ending(made, "DONE") is FAILED


@pytest.mark.parametrize("command", ["query-status", "qom-set"])
def test_a_command_that_the_table_lacks(command: str) -> None:
    with pytest.raises(ValueError, match=f"found until=True with {command}") as caught:
        rule(command, property="x")
    assert ", ".join(COMPLETIONS) in str(caught.value)
    assert ending(rule(command, "DONE"), "DONE") is COMPLETED


def test_a_match_where_there_is_no_event() -> None:
    with pytest.raises(ValueError, match="calc-dirty-rate has no event"):
        rule_for("calc-dirty-rate", {"calc-time": 1}, None, {}, None)
    assert ending(rule("calc-dirty-rate", "DONE"), "DONE") is COMPLETED


def test_arguments_may_be_missing() -> None:
    """The server refuses them, in its own words."""
    for command, make in COMPLETIONS.items():
        made = make({})
        assert (made is None) == (command == "qom-set")
        if made is not None:
            made.ending(event(made.event))


def test_an_unknown_event() -> None:
    assert str(unknown_event("DEVICE_DELTED", ["STOP", "DEVICE_DELETED"])) == (
        "found 'DEVICE_DELTED', expected an event of this server (is it DEVICE_DELETED?)"
    )
    assert str(unknown_event("x", ["STOP"])) == "found 'x', expected an event of this server"


# The table against QEMU's schemas

MEMBERS = {
    "ACPI_DEVICE_OST": ["info.device", "info.source", "info.status"],
    "BALLOON_CHANGE": ["actual"],
    "BLOCK_EXPORT_DELETED": ["id"],
    "BLOCK_JOB_CANCELLED": ["device"],
    "BLOCK_JOB_COMPLETED": ["device", "error"],
    "DEVICE_DELETED": ["device", "path"],
    "DEVICE_TRAY_MOVED": ["device", "id", "tray-open"],
    "DEVICE_UNPLUG_GUEST_ERROR": ["device", "path"],
    "DUMP_COMPLETED": ["error", "result.status"],
    "JOB_STATUS_CHANGE": ["id", "status"],
    "MEMORY_DEVICE_SIZE_CHANGE": ["id", "qom-path", "size"],
    "MEM_UNPLUG_ERROR": ["device", "msg"],
    "RESET": ["guest", "reason"],
    "RESUME": [],
    "SHUTDOWN": ["guest", "reason"],
    "STOP": [],
    "WAKEUP": [],
}
"""The members of events that rules look at."""
ARGUMENTS = {
    "balloon": ["value"],
    "block-export-del": ["id"],
    "block-job-cancel": ["device"],
    "block-job-complete": ["device"],
    "block-job-finalize": ["id"],
    "blockdev-close-tray": ["device", "id"],
    "blockdev-open-tray": ["device", "id"],
    "calc-dirty-rate": ["calc-time", "calc-time-unit"],
    "device_del": ["id"],
    "dump-guest-memory": ["detach"],
    "eject": ["device", "id"],
    "job-cancel": ["id"],
    "job-complete": ["id"],
    "job-finalize": ["id"],
    "nbd-server-remove": ["name"],
    "qom-set": ["path", "property", "value"],
}
ANSWERS = {
    "query-balloon": ["actual"],
    "query-dirty-rate": ["status"],
    "query-status": ["running"],
}


def test_the_lists_above_are_complete() -> None:
    assert MEMBERS.keys() == EVENTS - {""}
    alone = {"stop", "cont", "quit", "system_powerdown", "system_reset", "system_wakeup"}
    assert ARGUMENTS.keys() == COMPLETIONS.keys() - alone
    queries = {
        made.query.command
        for make in COMPLETIONS.values()
        if (made := make({"property": "requested-size"})) and made.query
    }
    assert queries == {*ANSWERS, "query-block", "qom-get"}  # and qom-list, of device_del


def members(schema: Schema, name: str | None, depth: int = 2) -> set[str]:
    """Return the members of a type, and theirs as a.b."""
    kind = schema.types.get(name or "")
    found = set[str]()
    if depth and isinstance(kind, StructDefinition | UnionDefinition):
        found |= members(schema, kind.base, depth)
        for member in kind.members if isinstance(kind, StructDefinition) else ():
            within = members(schema, member.type, depth - 1)
            found |= {member.name, *(f"{member.name}.{each}" for each in within)}
    return found


@pytest.mark.parametrize("release", own_and_real([], ["v7.2"]))
def test_all_is_in_a_real_schema(release: str) -> None:
    schema = qapi_schema(release)
    commands = {each.name: each for each in schema.commands()}
    events = {each.name: each for each in schema.events()}
    assert COMPLETIONS.keys() <= commands.keys()
    for name, wanted in ARGUMENTS.items():
        # In 8.2 calc-dirty-rate got another unit.
        wanted = [each for each in wanted if each != "calc-time-unit"]
        assert {*wanted} <= members(schema, commands[name].arguments), name
    for name, wanted in MEMBERS.items():
        assert {*wanted} <= members(schema, events[name].arguments), name
    for name, wanted in ANSWERS.items():
        assert {*wanted} <= members(schema, commands[name].returns), name
    blocks = schema.types[commands["query-block"].returns or ""]
    assert isinstance(blocks, Array)
    assert {"device", "qdev", "tray_open"} <= members(schema, blocks.element)


LACKING = {
    "v2.4.0": {
        "block-job-cancel": {"JOB_STATUS_CHANGE"},
        "block-job-complete": {"JOB_STATUS_CHANGE"},
        "device_del": {"DEVICE_UNPLUG_GUEST_ERROR"},
        "dump-guest-memory": {"DUMP_COMPLETED"},
        "qom-set": {"MEMORY_DEVICE_SIZE_CHANGE"},
    },
    "v2.12.0": {
        "block-job-cancel": {"JOB_STATUS_CHANGE"},
        "block-job-complete": {"JOB_STATUS_CHANGE"},
        "block-job-finalize": {"JOB_STATUS_CHANGE"},
        "device_del": {"DEVICE_UNPLUG_GUEST_ERROR"},
        "nbd-server-remove": {"BLOCK_EXPORT_DELETED"},
        "qom-set": {"MEMORY_DEVICE_SIZE_CHANGE"},
    },
    "v4.2.0": {
        "device_del": {"DEVICE_UNPLUG_GUEST_ERROR"},
        "nbd-server-remove": {"BLOCK_EXPORT_DELETED"},
        "qom-set": {"MEMORY_DEVICE_SIZE_CHANGE"},
    },
    "v6.2.0": {},
    "v7.2": {},
}
"""The commands of old releases without an event of their rule: for these, name another event."""
ROOTS = {"v2.4.0": "qapi-schema.json"}


@pytest.mark.parametrize("release", own_and_real([], LACKING))
def test_old_releases(release: str) -> None:
    schema = qapi_schema(release, ROOTS.get(release, "qapi/qapi-schema.json"))
    events = {each.name for each in schema.events()} | {""}
    lacking: dict[str, set[str]] = {}
    for command in schema.commands():
        if make := COMPLETIONS.get(command.name):
            made = make({"property": "requested-size"})
            assert made is not None
            if missing := {made.event, *made.failing} - events:
                lacking[command.name] = missing
    assert lacking == LACKING[release]
