import pytest

from qmpeer.machine.run_states import RunState, next_state

PRELAUNCH, RUNNING, PAUSED = RunState.PRELAUNCH, RunState.RUNNING, RunState.PAUSED


@pytest.mark.parametrize(
    ("command", "before", "after"),
    [
        ("stop", PRELAUNCH, PRELAUNCH),
        ("stop", RUNNING, PAUSED),
        ("stop", PAUSED, PAUSED),
        ("cont", PRELAUNCH, RUNNING),
        ("cont", RUNNING, RUNNING),
        ("cont", PAUSED, RUNNING),
        ("system_reset", PRELAUNCH, PRELAUNCH),
        ("system_reset", RUNNING, RUNNING),
        ("system_reset", PAUSED, PRELAUNCH),
    ],
)
def test_moves(command: str, before: RunState, after: RunState) -> None:
    assert next_state(command, before) is after
