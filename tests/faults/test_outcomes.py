"""What both clients make of each fault: the table on the page, line by line."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpeer.faults import Faults
from tests.client.faces import AsyncFace, BlockingFace, Face
from tests.faults.faulty_monitor import FaultyMonitor, outcomes

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "misbehave.md"
HEADING = "## What a client of qmpeer makes of it"
ROW = re.compile(r"^\| `([^`]+)` \| (.*) \|$", re.MULTILINE)
ROWS = ROW.findall(PAGE.read_text().partition(HEADING)[2].partition("\n## ")[0])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyMonitor]:
    with FaultyMonitor(tmp_path_factory.mktemp("faulty") / "qmp") as server:
        yield server


@pytest.fixture(scope="module", params=["blocking", "asyncio"])
def face(request: pytest.FixtureRequest) -> Iterator[Face]:
    face = BlockingFace() if request.param == "blocking" else AsyncFace(asyncio.new_event_loop)
    yield face
    face.end()


@pytest.mark.parametrize(("fault", "shown"), ROWS, ids=[fault for fault, _ in ROWS])
def test_an_outcome(fault: str, shown: str, server: FaultyMonitor, face: Face) -> None:
    expected = [cell.strip().replace("`", "") for cell in shown.split("|")]
    server.plan(Faults([fault]))
    found = outcomes(face, server.address, expected)
    found += [""] * (len(expected) - len(found))
    assert len(found) == len(expected) == 5
    for step, either in zip(found, expected, strict=True):
        assert step in either.split(" or "), found
    assert set(server.happened) == {fault}


def test_the_table_has_most_kinds() -> None:
    words = {fault.split()[0] for fault, _ in ROWS}
    assert len(ROWS) > 40
    assert {"delay", "stall", "cut", "drop", "error", "inject", "flood", "refuse"} <= words
