"""Servers with one mistake each are caught by the case of that name.

Modules: servers.cases.texts, servers.cases.broken_texts, servers.cases.negotiation,
servers.cases.commands, servers.cases.replies, servers.cases.events, servers.cases.introspection,
servers.cases.out_of_band.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpeer.conformance import Level, cases, judge
from tests.conformance.bad_servers import BAD, BadServer, Mistake, good_monitor

EACH = pytest.mark.parametrize("mistake", BAD, ids=[mistake.name for mistake in BAD])
CASES = {case.name: case for case in cases()}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    address = f"unix:{tmp_path_factory.mktemp('good')}/q"
    monitor = good_monitor()
    monitor.start(address, many=True)
    yield address
    monitor.stop()


def test_there_are_enough() -> None:
    assert len(BAD) >= 50


@EACH
def test_a_mistake_is_caught(mistake: Mistake, good: str, tmp_path: Path) -> None:
    case = CASES[mistake.case]
    with BadServer(tmp_path, good, mistake) as server:
        report = judge(server.path, pattern=f"^{case.name}$", may_change=case.changes, timeout=0.5)
    assert [result.case.name for result in report.failed] == [case.name], str(report)
    assert report.failed[0].found


@pytest.mark.slow
@EACH
def test_by_no_other_must_case(mistake: Mistake, good: str, tmp_path: Path) -> None:
    with BadServer(tmp_path, good, mistake) as server:
        report = judge(server.path, level=Level.MUST, may_change=True, timeout=1.0)
    failed = {result.case.name for result in report.failed}
    # Whether reads are joined is a matter of time: not all of those listed fail each time.
    assert failed <= {mistake.case, *mistake.also}, str(report)
