"""The phases of a connection, and the allowed moves between them.

::

    client   GREETING -> NEGOTIATION -> READY -> CLOSED     (CLOSED from each)
             READY at once without negotiation (guest agent)
    server               NEGOTIATION -> READY -> CLOSED
             GREETING first while a raw backend hasn't greeted yet
"""

from enum import Enum
from typing import Final

from qmpeer.errors import LocalProtocolError


class Phase(Enum):
    """The phase of a connection; its value completes "a connection that …"."""

    GREETING = "waits for the greeting"
    NEGOTIATION = "negotiates capabilities"
    READY = "executes commands"
    CLOSED = "is closed"


# Constants, because Python 3.11 takes as long for `Phase.READY` as for twenty other steps.
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
    """Return the following phase, if the move is allowed.

    Raises:
        LocalProtocolError: If it isn't.
    """
    if following not in _MOVES[current]:
        raise LocalProtocolError(
            f"a connection that {current.value} can't become one that {following.value}"
        )
    return following
