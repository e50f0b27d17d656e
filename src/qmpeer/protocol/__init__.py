"""Both sides of QMP as state machines without I/O, and what orders and limits them."""

from qmpeer.protocol.client import ClientSession, Completion, Sent
from qmpeer.protocol.dispatcher import Dispatcher
from qmpeer.protocol.phases import Phase
from qmpeer.protocol.server import ServerSession
from qmpeer.protocol.throttle import THROTTLED_EVENTS, Throttle

__all__ = [
    "THROTTLED_EVENTS",
    "ClientSession",
    "Completion",
    "Dispatcher",
    "Phase",
    "Sent",
    "ServerSession",
    "Throttle",
]
