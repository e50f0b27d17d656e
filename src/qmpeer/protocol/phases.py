"""The phases of a connection, and the moves between them that are allowed.

::

    client   GREETING -> NEGOTIATION -> READY -> CLOSED     (CLOSED from each)
             READY at once where nothing is negotiated (guest agent)
    server               NEGOTIATION -> READY -> CLOSED
"""

from enum import Enum
from typing import Final

from qmpeer.errors import LocalProtocolError


class Phase(Enum):
    """Name where a connection stands."""

    GREETING = "waits for the greeting"
    NEGOTIATION = "negotiates capabilities"
    READY = "executes commands"
    CLOSED = "is closed"


# Python 3.11 takes as long to look one up in its class as for twenty other steps.
GREETING: Final = Phase.GREETING
NEGOTIATION: Final = Phase.NEGOTIATION
READY: Final = Phase.READY
CLOSED: Final = Phase.CLOSED

_MOVES = {
    GREETING: {NEGOTIATION, READY, CLOSED},
    NEGOTIATION: {READY, CLOSED},
    READY: {CLOSED},
    CLOSED: {CLOSED},
}


def move(current: Phase, following: Phase) -> Phase:
    """Return the phase that follows.

    Raises:
        LocalProtocolError: If that move isn't allowed.
    """
    if following not in _MOVES[current]:
        raise LocalProtocolError(
            f"a connection that {current.value} can't become one that {following.value}"
        )
    return following
