"""Both sides of QMP as state machines without I/O, with their order and limits.

The three sessions are imported lazily, to keep the start of a client or a server short.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out
from qmpeer.protocol.ending import CLOSED_BY_US, CutOff, closing_error, cut_off, server_has_left
from qmpeer.protocol.outcomes import Completion, Happened, Sent, Unclaimed
from qmpeer.protocol.phases import Phase

if TYPE_CHECKING:
    from qmpeer.protocol.agent import AgentSession
    from qmpeer.protocol.client import ClientSession
    from qmpeer.protocol.dispatcher import Dispatcher
    from qmpeer.protocol.raw_server import RawServerSession
    from qmpeer.protocol.server import ServerSession
    from qmpeer.protocol.throttle import THROTTLED_EVENTS, Throttle

__all__ = [
    "CLOSED_BY_US",
    "THROTTLED_EVENTS",
    "AgentSession",
    "ClientSession",
    "Completion",
    "CutOff",
    "Dispatcher",
    "Happened",
    "Phase",
    "RawServerSession",
    "Sent",
    "ServerSession",
    "Throttle",
    "Unclaimed",
    "closing_error",
    "cut_off",
    "server_has_left",
]

_HOMES = {
    "THROTTLED_EVENTS": "qmpeer.protocol.throttle",
    "AgentSession": "qmpeer.protocol.agent",
    "ClientSession": "qmpeer.protocol.client",
    "Dispatcher": "qmpeer.protocol.dispatcher",
    "RawServerSession": "qmpeer.protocol.raw_server",
    "ServerSession": "qmpeer.protocol.server",
    "Throttle": "qmpeer.protocol.throttle",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
