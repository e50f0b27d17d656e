"""The conversation with a server's clients, kept for a report: its end, without secrets."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from qmpeer import limits
from qmpeer.recording.recorder import ConnectionRecording, Recording
from qmpeer.script.requests import Requests
from qmpeer.transcript import Sender
from qmpeer.transport.aio import HandlerFactory, Stream, StreamHandler
from qmpeer.transport.aio.stream import NOBODY, StreamLayer

_CLIENT: Final = Sender.CLIENT
_SERVER: Final = Sender.SERVER


class _KeptLines:
    """The newest lines of a text, in place of a recording's file."""

    failure: None = None

    def __init__(self) -> None:
        self.lines: deque[str] = deque()
        self._size = 0

    def write(self, text: str) -> None:
        """Append lines, and forget the oldest beyond the limit."""
        self.lines.append(text)
        self._size += len(text)
        while self._size > limits.SCRIPT_CONVERSATION and len(self.lines) > 1:
            self._size -= len(self.lines.popleft())

    def close(self) -> None:
        """Do nothing."""


class Conversation:
    """The newest part of what passed between a server and its clients.

    Args:
        clock: The clock for the times in it, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._kept = _KeptLines()
        self._recording = Recording(self._kept, "", clock, times=True)
        self._opening: Tap | None = None
        self._taps: dict[object, Tap] = {}

    @property
    def text(self) -> str:
        """The conversation as a transcript, the newest message last."""
        return "".join(self._kept.lines)

    def wrap(self, factory: HandlerFactory) -> HandlerFactory:
        """Return a handler factory that keeps what passes on the streams of another one."""

        def start(raw: Stream) -> StreamHandler:
            tap = Tap(raw, self._recording.opened(), self._taps)
            self._opening = tap
            try:
                tap.start(factory)
            finally:
                self._opening = None
            return tap

        return start

    def requests_of(self, client: object) -> Requests:
        """Return the requests of a raw backend's client that has just connected."""
        tap = self._opening or self._taps.get(client)
        return Requests() if tap is None else tap.requests


class Tap(StreamLayer):
    """A stream that passes everything on, and keeps it.

    Args:
        raw: The client's stream.
        recording: Its recording.
        taps: The open taps by their handler.

    Attributes:
        requests: The requests that weren't executed yet.
    """

    __slots__ = ("_handler", "_recording", "_taps", "requests")

    def __init__(
        self, raw: Stream, recording: ConnectionRecording, taps: "dict[object, Tap]"
    ) -> None:
        super().__init__(raw)
        self.requests: Requests = Requests()
        self._recording = recording
        self._taps = taps
        self._handler: StreamHandler = NOBODY

    def start(self, factory: HandlerFactory) -> None:
        """Make the handler."""
        self._handler = factory(self)
        self._taps[self._handler] = self

    # The stream, for the handler above.

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Send bytes."""
        self._recording.passed(_SERVER, bytes(data), len(fds))
        self._raw.write(data, fds)

    # The handler, for the raw stream.

    def data_received(self, data: bytes, fds: Sequence[int]) -> None:
        """Receive bytes of the client."""
        data = bytes(data)
        self._recording.passed(_CLIENT, data, len(fds))
        self.requests.receive(data)
        self._handler.data_received(data, fds)

    def eof_received(self) -> None:
        """Receive the end of the client's bytes."""
        self._handler.eof_received()

    def pause_writing(self) -> None:
        """Pause the handler's writing."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Resume the handler's writing."""
        self._handler.resume_writing()

    def connection_lost(self, error: OSError | None) -> None:
        """Report the end to the handler."""
        self._recording.closed(None, "" if error is None else str(error))
        handler, self._handler = self._handler, NOBODY
        self._taps.pop(handler, None)
        handler.connection_lost(error)
