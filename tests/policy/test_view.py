"""A server's answers about itself, without the parts that are hidden from a client.

Modules: view.
"""

import pytest

from qmpeer.policy.view import ClientView
from qmpeer.schema import introspection_of, schema_from_introspection, schema_from_qapi
from qmpeer.values import JsonValue
from tests.corpus import own_and_real, recorded_introspection

QAPI = b"""
{ 'struct': 'Disk', 'data': { 'name': 'str', '*next': 'Disk', 'kind': 'Kind' } }
{ 'enum': 'Kind', 'data': ['raw', 'qcow2'] }
{ 'struct': 'Secret', 'data': { 'key': 'int' } }
{ 'alternate': 'Ref', 'data': { 'disk': 'Disk', 'name': 'str' } }
{ 'union': 'Add', 'base': { 'kind': 'Kind' }, 'discriminator': 'kind', 'data': { 'raw': 'Raw' } }
{ 'struct': 'Raw', 'data': { 'sizes': ['number'] } }
{ 'command': 'stop' }
{ 'command': 'query-disks', 'returns': ['Disk'] }
{ 'command': 'query-secret', 'returns': 'Secret' }
{ 'command': 'add', 'data': 'Add', 'boxed': true }
{ 'command': 'remove', 'data': { 'disk': 'Ref' } }
{ 'event': 'STOP' }
{ 'event': 'LEAK', 'data': { 'key': 'int', 'more': 'bool' } }
"""


def _answer() -> list[JsonValue]:
    return [*introspection_of(schema_from_qapi("test.json", lambda _: QAPI))]


def _names(answer: JsonValue) -> set[str]:
    schema = schema_from_introspection(answer)
    return {each.name for each in schema.entities}


def _json_types(answer: JsonValue) -> set[str]:
    assert isinstance(answer, list)
    return {str(each["name"]) for each in answer if each["meta-type"] == "builtin"}


def test_hidden_commands_and_events_are_missing() -> None:
    answer = _answer()
    view = ClientView(lambda name: name in ("query-secret", "add"), {"STOP"})
    shown = view.shown("query-qmp-schema", answer)
    assert _names(shown) == {"stop", "query-disks", "remove", "STOP"}
    assert _json_types(answer) == {"str", "int", "bool", "number"}
    assert _json_types(shown) == {"str"}
    assert isinstance(shown, list)
    assert [each for each in answer if each in shown] == shown, "in their order"


def test_types_that_refer_to_themselves() -> None:
    answer = _answer()
    view = ClientView(lambda name: name != "query-disks", ())
    shown = view.shown("query-qmp-schema", answer)
    assert _names(shown) == {"query-disks"}
    # the command, the empty type that it takes, the list of disks, Disk, Kind, str
    assert isinstance(shown, list)
    assert len(shown) == 6


def test_nothing_at_all() -> None:
    view = ClientView(lambda _: True, ())
    assert view.shown("query-qmp-schema", _answer()) == []
    names: JsonValue = [{"name": "stop"}, {"name": "qmp_capabilities"}, 5, {"name": 5}]
    assert view.shown("query-commands", names) == [{"name": "qmp_capabilities"}]
    assert view.shown("query-events", [{"name": "STOP"}]) == []


def test_what_is_not_hidden_is_the_same_object() -> None:
    answer = _answer()
    view = ClientView(lambda _: False, {"STOP", "LEAK"})
    assert view.shown("query-qmp-schema", answer) is answer
    names: JsonValue = [{"name": "stop"}]
    assert view.shown("query-commands", names) is names
    events: JsonValue = [{"name": "STOP"}]
    assert view.shown("query-events", events) is events


@pytest.mark.parametrize(
    "command",
    ["query-command-line-options", "query-cpu-definitions", "qom-list-types", "query-status"],
)
def test_other_answers_stay(command: str) -> None:
    value: JsonValue = [{"name": "quit"}]
    assert ClientView(lambda _: True, ()).shown(command, value) is value


def test_a_schema_is_looked_at_once() -> None:
    asked: list[str] = []

    def is_hidden(name: str) -> bool:
        asked.append(name)
        return name == "stop"

    view = ClientView(is_hidden, ())
    answer = _answer()
    first = view.shown("query-qmp-schema", answer)
    count = len(asked)
    assert view.shown("query-qmp-schema", answer) is first
    assert len(asked) == count
    assert view.shown("query-qmp-schema", [*answer]) == first
    assert len(asked) > count


@pytest.mark.parametrize(
    "answer", [None, "text", {"a": 1}, [5, None, {}, {"name": 5}, {"name": "a", "meta-type": 5}]]
)
def test_answers_that_are_no_schema(answer: JsonValue) -> None:
    shown = ClientView(lambda _: True, ()).shown("query-qmp-schema", answer)
    assert shown == ([] if isinstance(answer, list) else answer)


@pytest.mark.parametrize("name", own_and_real([], ["2.12.0_x86_64", "7.2.0_x86_64"]))
def test_a_real_schema(name: str) -> None:
    answer = recorded_introspection(name)
    view = ClientView(lambda each: not each.startswith("query-"), {"STOP", "BLOCK_JOB_READY"})
    shown = view.shown("query-qmp-schema", answer)
    names = _names(shown) - {"qmp_capabilities"}
    assert {"STOP", "BLOCK_JOB_READY"} == {each for each in names if each.isupper()}
    assert all(each.startswith("query-") or each.isupper() for each in names)
    assert len(names) == 2 + sum(
        each["meta-type"] == "command" and each["name"].startswith("query-") for each in answer
    )
    assert isinstance(shown, list)
    assert len(shown) < len(answer)
