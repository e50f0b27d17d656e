"""A call that the recording lacks, and recorded ones that don't come."""

from contextlib import suppress

import pytest

from qmpeer import Client, CommandError
from qmpeer.testing import ReplayServer


@pytest.mark.qmp_recording("recording.txt")
def test_not_recorded(qmp_replay: ReplayServer) -> None:
    with Client.connect(qmp_replay.address) as vm, suppress(CommandError):
        vm.execute("eject", {"device": "cd1"})
