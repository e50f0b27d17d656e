"""A test without its recording."""

from qmpeer.testing import ReplayServer


def test_no_recording(qmp_replay: ReplayServer) -> None:
    pass
