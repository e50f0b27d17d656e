"""The lost connections of a client that reconnects.

Event numbers continue from one connection to the next. An interruption records between which two
numbers the connection was lost: events of that time are missing. A command that was cut off isn't
repeated, because the server may have executed it.
"""

import msgspec

from qmpeer import limits


class Interruption(msgspec.Struct, frozen=True):
    """A connection that was lost.

    Attributes:
        reason: Why it was lost.
        last_event: The number of the last event before the loss. Events may be missing between it
            and the next number.
        commands: The names of the commands that were cut off; their outcome is unknown.
    """

    reason: str
    last_event: int
    commands: tuple[str, ...] = ()


class Interruptions:
    """The most recent interruptions of a client."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: tuple[Interruption, ...] = ()

    @property
    def known(self) -> tuple[Interruption, ...]:
        """The most recent interruptions, oldest first."""
        return self._known

    def add(self, reason: str, last_event: int, commands: tuple[str, ...]) -> None:
        """Record an interruption."""
        made = Interruption(reason, last_event, commands[: limits.INTERRUPTIONS])
        self._known = (*self._known, made)[-limits.INTERRUPTIONS :]
