"""The clients of others before the client suite: the table in the documentation is what they do."""

import re
import shutil
from pathlib import Path

import pytest

from qmpeer.conformance import client_cases
from tests.interop.judged_peers import PEERS, Peer, judged, node_modules, word

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "judge-a-client.md"
ROWS = {
    cells[0].strip("`"): cells[1:]
    for cells in (
        [cell.strip() for cell in line.strip("|\n").split("|")]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `") and line.count("|") == len(PEERS) + 3
    )
}
TITLES = {case.name: case.title for case in client_cases()}


def test_the_table_has_the_suites_cases() -> None:
    assert ROWS
    for name, cells in ROWS.items():
        assert cells[0] == TITLES[name]
        assert set(cells[1:]) <= {"ok", "fails", "–", "slow"}
        assert set(cells[1:]) != {"ok"}


def test_each_failure_is_explained() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for number, peer in enumerate(PEERS, 1):
        explained = re.search(
            rf"^- \*\*{re.escape(peer.title)}\*\*(.*?)(?=^- \*\*|^$)", text, re.M | re.S
        )
        assert explained, peer.title
        for name, cells in ROWS.items():
            if cells[number] in ("fails", "slow"):
                assert f"`{name}`" in explained[1], (peer.title, name)


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.title)
def test_the_table_is_what_a_client_does(peer: Peer) -> None:
    if peer.is_of_node:
        if shutil.which("node") is None or (reason := node_modules()):
            pytest.skip(reason or "node isn't installed")
    else:
        pytest.importorskip("qemu.qmp" if "qmp-" in peer.title else "qmp")
    number = PEERS.index(peer) + 1
    for result in judged(peer).results:
        expected = ROWS[result.case.name][number] if result.case.name in ROWS else "ok"
        assert word(peer.title, result) == expected, result
