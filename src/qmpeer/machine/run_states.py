"""The run states of the guest, and the transitions that commands cause.

There is no guest code in this machine: only the state changes, with the events that a client of
QEMU relies on.
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
    # A command and a state without an entry change nothing and emit no event.
    ("stop", RunState.RUNNING): RunState.PAUSED,
    ("cont", RunState.PRELAUNCH): RunState.RUNNING,
    ("cont", RunState.PAUSED): RunState.RUNNING,
    ("cont", RunState.RESTORE_VM): RunState.RUNNING,
    # QEMU, loadvm: the guest stops first, and stays stopped if the snapshot can't be loaded.
    ("loadvm", RunState.RUNNING): RunState.RESTORE_VM,
    # QEMU, main loop: a reset takes a stopped guest back to the state before its first start.
    ("system_reset", RunState.PAUSED): RunState.PRELAUNCH,
    ("system_reset", RunState.RESTORE_VM): RunState.PRELAUNCH,
}


def next_state(command: str, state: RunState) -> RunState:
    """Return the guest's state after a command.

    Example:
        >>> next_state("stop", RunState.RUNNING)
        <RunState.PAUSED: 'paused'>
    """
    return _MOVES.get((command, state), state)
