"""The asyncio side of the room: streams, dialling and listening under a running loop.

It works on asyncio's own loops and on uvloop.
"""

from qmpeer.transport.aio.connecting import open_stdio_stream, open_stream
from qmpeer.transport.aio.listener import Listener, start_listening
from qmpeer.transport.aio.stream import HandlerFactory, Stream, StreamHandler

__all__ = [
    "HandlerFactory",
    "Listener",
    "Stream",
    "StreamHandler",
    "open_stdio_stream",
    "open_stream",
    "start_listening",
]
