"""Ready behaviours before our own judge of servers: what they must do, as any QMP server."""

import pytest

from qmpeer.conformance import Outcome, Report, judge
from qmpeer.script import ScriptedServer
from tests.corpus import HAS_CORPUS, qapi_schema
from tests.script.behaving import real_schema


def failed(report: Report) -> list[str]:
    return [each.case.name for each in report.results if each.outcome is Outcome.FAILED]


@pytest.mark.parametrize(
    "pattern", ["quit|event-before-reply|oob", pytest.param("", marks=pytest.mark.slow)]
)
def test_a_running_machine(pattern: str) -> None:
    server = ScriptedServer(schema=real_schema()).start()
    try:
        server.running_machine()
        server.on("query-name").reply({}).any_times()
        server.on("query-yank").reply([]).any_times()
        report = judge(server.address, pattern=pattern, may_change=True)
    finally:
        server.stop()
    assert set(failed(report)) <= {"descriptor"}, "there is no getfd"


@pytest.mark.parametrize("pattern", ["guest-", pytest.param("", marks=pytest.mark.slow)])
def test_a_guest_agent(pattern: str) -> None:
    schema = qapi_schema("v7.2", "qga/qapi-schema.json") if HAS_CORPUS else None
    server = ScriptedServer(greeting=None, schema=schema).start()
    try:
        server.guest_agent()
        report = judge(server.address, suite="agent", pattern=pattern)
    finally:
        server.stop()
    if HAS_CORPUS:  # without a schema, arguments aren't checked
        assert failed(report) == []
    assert not {"guest-ping", "guest-sync", "guest-sync-delimited"} & {*failed(report)}
