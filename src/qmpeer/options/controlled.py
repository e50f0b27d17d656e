"""The side of a program that its control socket needs."""

from typing import TYPE_CHECKING

from qmpeer.errors import CommandError
from qmpeer.values import JsonObject

if TYPE_CHECKING:
    from qmpeer.faults import Fault


class Controlled:
    """A program as its control socket sees it: each kind of program overrides what it can do.

    Args:
        program: The program's name in errors.
    """

    def __init__(self, program: str) -> None:
        self._program = program

    def check_fault(self, fault: "Fault") -> None:
        """Refuse a fault that can't happen in this program.

        Raises:
            CommandError: If it can't.
        """

    def report(self) -> JsonObject:
        """Return the report so far.

        Raises:
            CommandError: If the program has none.
        """
        raise self._lacks("no report")

    def set_state(self, name: str) -> None:
        """Move to a state.

        Raises:
            CommandError: If there is no such state, or the program has none.
        """
        raise self._lacks("no states")

    def send_event(self, name: str, data: JsonObject | None) -> None:
        """Send an event to all clients that have negotiated.

        Raises:
            CommandError: If it can't be sent.
        """
        raise self._lacks("no events of its own")

    def reset(self) -> None:
        """Begin anew: forget what clients have done."""

    def _lacks(self, what: str) -> CommandError:
        return CommandError("GenericError", f"{self._program} has {what}")
