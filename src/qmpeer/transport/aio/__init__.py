"""The asyncio side of the transport: streams, dialling and listening under a running loop.

It works on asyncio's own loops and on uvloop. The names for listening are imported lazily, since a
client seldom listens.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out
from qmpeer.transport.aio.connecting import open_stdio_stream, open_stream
from qmpeer.transport.aio.stream import HandlerFactory, Stream, StreamHandler

if TYPE_CHECKING:
    from qmpeer.transport.aio.listener import Listener, start_listening

__all__ = [
    "HandlerFactory",
    "Listener",
    "Stream",
    "StreamHandler",
    "open_stdio_stream",
    "open_stream",
    "start_listening",
]

_HOMES = {
    "Listener": "qmpeer.transport.aio.listener",
    "start_listening": "qmpeer.transport.aio.listener",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
