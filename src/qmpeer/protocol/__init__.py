"""Both sides of QMP as state machines without I/O, and what orders and limits them.

The server's side is handed out lazily: a client's start needn't wait for it.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out
from qmpeer.protocol.client import ClientSession, Completion, Happened, Sent, Unclaimed
from qmpeer.protocol.phases import Phase

if TYPE_CHECKING:
    from qmpeer.protocol.dispatcher import Dispatcher
    from qmpeer.protocol.server import ServerSession
    from qmpeer.protocol.throttle import THROTTLED_EVENTS, Throttle

__all__ = [
    "THROTTLED_EVENTS",
    "ClientSession",
    "Completion",
    "Dispatcher",
    "Happened",
    "Phase",
    "Sent",
    "ServerSession",
    "Throttle",
    "Unclaimed",
]

_HOMES = {
    "THROTTLED_EVENTS": "qmpeer.protocol.throttle",
    "Dispatcher": "qmpeer.protocol.dispatcher",
    "ServerSession": "qmpeer.protocol.server",
    "Throttle": "qmpeer.protocol.throttle",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
