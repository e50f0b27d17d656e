"""Tests with recordings."""

import pytest
from vm_tool import eject

from qmpeer import Client
from qmpeer.testing import ReplayServer


def test_eject(qmp_replay: ReplayServer) -> None:
    assert eject(qmp_replay.address, "cd0")


@pytest.mark.qmp_recording("recordings/empty-drive.txt")
def test_empty_drive(qmp_replay: ReplayServer) -> None:
    assert not eject(qmp_replay.address, "cd0")


@pytest.mark.qmp(allow_unmet=True)
@pytest.mark.qmp_recording("recordings/test_recorded/test_eject.txt", order="recorded")
def test_a_part(qmp_replay: ReplayServer) -> None:
    with Client.connect(qmp_replay.address) as vm:
        assert vm.execute("query-block")[0]["device"] == "cd0"
