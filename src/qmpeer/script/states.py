"""The named states of a script.

A state is written ``NAME``, or ``MACHINE=NAME`` for one of several machines of states that don't
know each other. Each machine begins in the state "start".
"""

from typing import Final

START: Final = "start"


def split_state(state: str) -> tuple[str, str]:
    """Return a state's machine, "" for the one without a name, and its name."""
    machine, equals, name = state.partition("=")
    return (machine, name) if equals else ("", state)


class States:
    """The current state of each machine of states.

    Example:
        >>> states = States()
        >>> states.enter("paused")
        >>> states.enter("job=running")
        >>> states.are_in("paused"), states.are_in("job=start"), states.are_in(None)
        (True, False, True)
    """

    def __init__(self) -> None:
        self._current: dict[str, str] = {}

    def __getitem__(self, machine: str) -> str:
        return self._current.get(machine, START)

    def enter(self, state: str) -> None:
        """Enter a state."""
        machine, name = split_state(state)
        self._current[machine] = name

    def are_in(self, state: str | None) -> bool:
        """Return whether a state is the current one; None is always."""
        if state is None:
            return True
        machine, name = split_state(state)
        return self[machine] == name
