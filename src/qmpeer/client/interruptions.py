"""The interruptions of a client that connects anew.

Numbers of events go on from one connection to the next, and an interruption tells between which two
the connection was lost: what the server said meanwhile was said to nobody. A command that was cut
off isn't repeated, as it may have been executed.
"""

import msgspec

from qmpeer import limits


class Interruption(msgspec.Struct, frozen=True):
    """A connection that was lost.

    Attributes:
        reason: Why it was.
        last_event: The number of the last event before it; those that follow came later, and
            between the two some may be missing.
        commands: The names of the commands that were cut off, whose outcome is unknown.
    """

    reason: str
    last_event: int
    commands: tuple[str, ...] = ()


class Interruptions:
    """The last interruptions of a client's connections."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: tuple[Interruption, ...] = ()

    @property
    def known(self) -> tuple[Interruption, ...]:
        """The last of them, the oldest first."""
        return self._known

    def add(self, reason: str, last_event: int, commands: tuple[str, ...]) -> None:
        """Take in one."""
        made = Interruption(reason, last_event, commands[: limits.INTERRUPTIONS])
        self._known = (*self._known, made)[-limits.INTERRUPTIONS :]
