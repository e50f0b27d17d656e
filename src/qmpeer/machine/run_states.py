"""Whether the guest runs, and which command moves it where.

There is no guest code in this machine: what runs is the state alone, with the events that a
client of QEMU relies on.
"""

import enum
from typing import Final


class RunState(enum.Enum):
    """A state of the guest, named as in query-status."""

    PRELAUNCH = "prelaunch"
    RUNNING = "running"
    PAUSED = "paused"
    RESTORE_VM = "restore-vm"


_MOVES: Final = {
    # A move that isn't in this table changes nothing and raises no event.
    ("stop", RunState.RUNNING): RunState.PAUSED,
    ("cont", RunState.PRELAUNCH): RunState.RUNNING,
    ("cont", RunState.PAUSED): RunState.RUNNING,
    ("cont", RunState.RESTORE_VM): RunState.RUNNING,
    # QEMU, loadvm: the guest stops first, and stays where that left it if nothing can be loaded.
    ("loadvm", RunState.RUNNING): RunState.RESTORE_VM,
    # QEMU, main loop: a reset of a guest that doesn't run makes it one that never ran.
    ("system_reset", RunState.PAUSED): RunState.PRELAUNCH,
    ("system_reset", RunState.RESTORE_VM): RunState.PRELAUNCH,
}


def next_state(command: str, state: RunState) -> RunState:
    """Say in which state a command leaves the guest.

    Example:
        >>> next_state("stop", RunState.RUNNING)
        <RunState.PAUSED: 'paused'>
    """
    return _MOVES.get((command, state), state)
