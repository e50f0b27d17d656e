"""The phases of a connection, and the moves between them that are allowed.

::

    client   GREETING -> NEGOTIATION -> READY -> CLOSED     (CLOSED from each)
             READY at once where nothing is negotiated (guest agent)
    server               NEGOTIATION -> READY -> CLOSED
"""

from enum import Enum

from qmpeer.errors import LocalProtocolError


class Phase(Enum):
    """Name where a connection stands."""

    GREETING = "waits for the greeting"
    NEGOTIATION = "negotiates capabilities"
    READY = "executes commands"
    CLOSED = "is closed"


_MOVES = {
    Phase.GREETING: {Phase.NEGOTIATION, Phase.READY, Phase.CLOSED},
    Phase.NEGOTIATION: {Phase.READY, Phase.CLOSED},
    Phase.READY: {Phase.CLOSED},
    Phase.CLOSED: {Phase.CLOSED},
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
