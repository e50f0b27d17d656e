"""The machine's schema, compared with its handlers and with the schema of QEMU 7.2."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from qmpeer.errors import SchemaError
from qmpeer.machine.command_line import parse_options
from qmpeer.machine.command_line_options import describe_options
from qmpeer.machine.interface import load
from qmpeer.machine.machine import Machine
from qmpeer.machine.options import Options
from qmpeer.machine.startup import open_all
from qmpeer.monitor import Monitor
from qmpeer.schema import Validator, introspection_of, schema_from_qapi
from scripts.check_interface import (
    SOURCES,
    command_faults,
    event_faults,
    faults,
    language_faults,
)
from tests.corpus import recorded_introspection

Entities = Mapping[str, Any]


def test_it_has_no_faults() -> None:
    assert list(faults()) == []


def test_a_member_without_documentation_is_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text(
        "##\n# @stop:\n#\n# Stop.\n##\n{ 'command': 'stop', 'data': { 'now': 'bool' } }"
    )
    (found,) = language_faults(file)
    assert "member 'now' is not documented" in found


def test_commands_without_handler_and_without_declaration_are_faults() -> None:
    schema = schema_from_qapi("s.json", lambda name: b"{ 'command': 'stop' }")
    monitor = Monitor(schema=schema)
    monitor.command("cont")(lambda: None)
    found = list(command_faults(schema, monitor))
    assert "command stop is declared, but has no handler" in found
    assert "command cont has a handler, but is not declared" in found


def test_events_that_are_only_emitted_or_only_declared_are_faults() -> None:
    schema = schema_from_qapi("s.json", lambda name: b"{ 'event': 'STOP' }")
    assert list(event_faults(schema, ["monitor.emit('RESUME')"])) == [
        "event RESUME is emitted, but not declared",
        "event STOP is declared, but emitted nowhere",
    ]


def test_handlers_must_match_what_is_declared() -> None:
    schema = load()
    monitor = Monitor(schema=schema)
    with pytest.raises(TypeError, match="no parameter takes the argument 'fdname'"):
        monitor.command("closefd")(lambda: None)


def test_its_files_are_in_order_without_strictness_too() -> None:
    try:
        names = [entity.name for entity in load().entities]
    except SchemaError as error:
        pytest.fail(str(error))
    assert len(names) == len(set(names))
    assert (SOURCES / "machine" / "qapi").is_dir()


def entities(answer: list[Any]) -> dict[str, Entities]:
    return {entity["name"]: entity for entity in answer}


def own_entities() -> dict[str, Entities]:
    return entities(introspection_of(Machine(Options()).monitor.schema()))


def differences(ours: dict[str, Entities], theirs: dict[str, Entities]) -> list[str]:
    """Yield the differences of our commands and events from QEMU's."""
    found: list[str] = []
    seen: set[tuple[str, str]] = set()

    def compare(own: str, their: str, where: str, is_input: bool) -> None:
        if (own, their) in seen:
            return
        seen.add((own, their))
        one, other = ours[own], theirs[their]
        if one["meta-type"] != other["meta-type"]:
            found.append(f"{where}: {one['meta-type']}, not {other['meta-type']}")
            return
        match one["meta-type"]:
            case "builtin":
                if one != other:
                    found.append(f"{where}: {own}, not {their}")
            case "array":
                compare(one["element-type"], other["element-type"], f"{where}[]", is_input)
            case "alternate":
                for mine, its in zip(one["members"], other["members"], strict=True):
                    compare(mine["type"], its["type"], where, is_input)
            case "enum":
                extra = {v["name"] for v in one["members"]} - {v["name"] for v in other["members"]}
                found.extend(f"{where}: has the value {name}" for name in sorted(extra))
            case "object":
                members = {member["name"]: member for member in other["members"]}
                mine = {member["name"]: member for member in one["members"]}
                for name, member in mine.items():
                    its = members.get(name)
                    if its is None or ("default" in member) != ("default" in its):
                        found.append(f"{where}.{name}: isn't so")
                    else:
                        compare(member["type"], its["type"], f"{where}.{name}", is_input)
                if is_input:
                    found.extend(f"{where}.{name}: is missing" for name in members.keys() - mine)
                branches = {b["case"]: b["type"] for b in other.get("variants", ())}
                for branch in one.get("variants", ()):
                    place = f"{where}={branch['case']}"
                    compare(branch["type"], branches[branch["case"]], place, is_input)

    for name, entity in ours.items():
        if entity["meta-type"] in ("command", "event"):
            other = theirs[name]
            if entity.get("allow-oob") != other.get("allow-oob"):
                found.append(f"{name}: allow-oob")
            is_input = entity["meta-type"] == "command"
            compare(entity["arg-type"], other["arg-type"], name, is_input)
            if is_input:
                compare(entity["ret-type"], other["ret-type"], f"{name} ->", False)
    return found


def test_it_is_a_part_of_qemu_interface() -> None:
    theirs = entities(recorded_introspection("7.2.0_x86_64"))
    assert differences(own_entities(), theirs) == []


def test_commands_and_events_are_in_qemu_order() -> None:
    theirs = list(entities(recorded_introspection("7.2.0_x86_64")))
    ours = [name for name, of in own_entities().items() if of["meta-type"] in ("command", "event")]
    assert ours == [name for name in theirs if name in ours]


async def test_queries_give_what_is_declared() -> None:
    options = parse_options(["-qmp", "tcp:localhost:0,server=on,wait=off", "-name", "vm0"])
    machine = Machine(options)
    await open_all(machine, options, pytest.fail)
    try:
        validator = Validator(load())
        queries = [c.name for c in load().commands() if c.name.startswith("query-")]
        own = {"query-version", "query-commands", "query-qmp-schema"}
        elsewhere: dict[str, Callable[[], Any]] = {
            "query-chardev": machine.chardevs.query,
            "query-chardev-backends": machine.chardevs.query_backends,
            "query-command-line-options": describe_options,
            "query-fdsets": machine.descriptors.describe_sets,
            "query-yank": machine.chardev_commands.query_yank,
        }
        for name in (name for name in queries if name not in own):
            handler = elsewhere.get(name) or getattr(machine, name.replace("-", "_"))
            validator.check_return(name, handler())
        assert machine.chardevs.query()
        assert machine.chardev_commands.query_yank()
    finally:
        machine.chardevs.close()
        machine.close()
