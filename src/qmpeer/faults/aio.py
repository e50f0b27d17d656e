"""The asyncio shell of the engine: a stream with faults around the stream of a server.

The raw stream's bytes are the client's, and what the handler writes are the server's.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from qmpeer import limits
from qmpeer.faults.actions import (
    Action,
    Asked,
    Close,
    Discard,
    EndOutput,
    Happened,
    PauseReading,
    ResumeReading,
    Send,
    ToProcess,
)
from qmpeer.faults.conversation import Command
from qmpeer.faults.engine import Engine
from qmpeer.faults.fault import Fault
from qmpeer.transcript.entries import Sender
from qmpeer.transport.aio import HandlerFactory, Stream, StreamHandler
from qmpeer.transport.aio.stream import NOBODY, StreamLayer, report_failure
from qmpeer.transport.descriptors import close_all, duplicates

CLIENT: Final = Sender.CLIENT
SERVER: Final = Sender.SERVER


class FaultyStream(StreamLayer):
    """A stream for the server's handler, and the handler of the raw stream of its client.

    Args:
        raw: The client's stream.
        engine: The faults of this connection.
        process: Receives the faults of the server's process.
        happened: Called with each fault that happens, and the peer's name.
        asked: Called with each command of the client, if the engine is live.
        over: Called once when the connection has ended.
    """

    __slots__ = (
        "_asked",
        "_close_timer",
        "_engine",
        "_error",
        "_handler",
        "_has_ended",
        "_is_closing",
        "_is_client_held",
        "_is_handler_paused",
        "_is_held",
        "_is_paused",
        "_is_raw_paused",
        "_is_running",
        "_is_writing_paused",
        "_loop",
        "_note",
        "_now",
        "_over",
        "_process",
        "_timer",
    )

    def __init__(
        self,
        raw: Stream,
        engine: Engine,
        process: Callable[[Fault], None],
        happened: Callable[[Fault, str], None],
        asked: Callable[[Command], None] = lambda command: None,
        over: "Callable[[FaultyStream], None]" = lambda stream: None,
    ) -> None:
        super().__init__(raw)
        self._loop = asyncio.get_running_loop()
        self._engine = engine
        self._process = process
        self._note = happened
        self._asked = asked
        self._over = over
        self._handler: StreamHandler = NOBODY
        self._timer: asyncio.TimerHandle | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        self._error: OSError | None = None
        self._now = 0.0
        self._is_running = False  # actions are being done: calls from within only add to them
        self._is_paused = False  # by the handler
        self._is_client_held = False  # by the engine
        self._is_raw_paused = False  # what the raw stream was told
        self._is_writing_paused = False  # by the raw stream
        self._is_held = False  # by the engine
        self._is_handler_paused = False  # what the handler was told
        self._is_closing = False  # by the handler
        self._has_ended = False

    def start(self, factory: HandlerFactory) -> None:
        """Make the handler, unless a fault refuses the connection."""
        self._run()
        if not self._has_ended:
            self._handler = factory(self)
            self._settle_writing()

    def add(self, fault: Fault) -> None:
        """Let one more fault happen here; the engine must be live."""
        self._engine.add(fault, self._time())
        self._advance()

    def remove(self, fault: Fault) -> None:
        """End a fault, and what it holds back; the engine must be live."""
        self._engine.remove(fault)
        self._advance()

    # The stream, for the handler above.

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Send bytes through the faults."""
        if fds and not (data and self._raw.carries_fds):
            self._raw.write(data, fds)  # refuses them
        if not data or self._is_closing or self._has_ended:
            return
        self._engine.receive_data(SERVER, bytes(data), self._time(), duplicates(fds))
        self._run()

    def pause_reading(self) -> None:
        """Hold back data_received() and eof_received() until resume_reading()."""
        self._is_paused = True
        self._engine.pause_output(CLIENT)
        self._settle_reading()

    def resume_reading(self) -> None:
        """Resume the calls of data_received()."""
        if not self._is_paused:
            return
        self._is_paused = False
        self._engine.resume_output(CLIENT)
        if self._engine.held(CLIENT) or self._engine.next_due is not None:
            self._loop.call_soon(self._advance)  # the handler called us: don't call it now
        else:
            self._settle_reading()

    def write_eof(self) -> None:
        """End our direction once everything held back and unsent is sent, if the raw stream can."""
        if self._raw.can_write_eof and not (self._is_closing or self._has_ended):
            self._engine.receive_eof(SERVER, self._time())
            self._run()

    def close(self) -> None:
        """Stop reading, send what is held back and unsent for a bounded time, then close."""
        if self._is_closing or self._has_ended:
            return
        self._is_closing = True
        self._settle_reading()
        self._engine.pause_output(CLIENT)
        self._close_timer = self._loop.call_later(limits.CLOSE_TIMEOUT, self._end)
        self._engine.receive_eof(SERVER, self._time())
        self._run()

    def abort(self) -> None:
        """Close now and drop what is held back and unsent."""
        self._end(self._raw.abort)

    def reset(self) -> None:
        """Abort with an error for the peer."""
        self._end(self._raw.reset)

    @property
    def unsent(self) -> int:
        """The number of bytes that are held back, or that the kernel hasn't taken yet."""
        return self._raw.unsent + self._engine.held(SERVER)

    # The handler, for the raw stream.

    def data_received(self, data: bytes, fds: Sequence[int]) -> None:
        """Receive bytes of the client."""
        if self._has_ended or self._is_closing:
            close_all(fds)
            return
        self._engine.receive_data(CLIENT, bytes(data), self._time(), tuple(fds))
        self._run()

    def eof_received(self) -> None:
        """Receive the end of the client's bytes."""
        if not (self._has_ended or self._is_closing):
            self._engine.receive_eof(CLIENT, self._time())
            self._run()

    def pause_writing(self) -> None:
        """Keep the server's bytes, and pause the handler's writing."""
        self._is_writing_paused = True
        self._engine.pause_output(SERVER)
        self._settle_writing()

    def resume_writing(self) -> None:
        """Send the server's bytes again."""
        self._is_writing_paused = False
        self._engine.resume_output(SERVER)
        self._run()
        self._settle_writing()

    def connection_lost(self, error: OSError | None) -> None:
        """Report the end to the handler."""
        self._release()
        handler, self._handler = self._handler, NOBODY
        handler.connection_lost(self._error or error)

    # Inside.

    def _advance(self) -> None:
        """Do what is due, outside of a call of the raw stream."""
        if self._has_ended:
            return
        try:
            self._run()
        except Exception as error:
            self._error = report_failure(self._loop, self, error)
            self.abort()
            return
        self._settle_reading()

    def _run(self) -> None:
        """Do all actions that are due."""
        if self._is_running:
            return
        # One time for all: a fault that adds bytes makes one piece of them at a time.
        self._now = self._loop.time()
        self._is_running = True
        try:
            while (action := self._engine.next_action(self._now)) is not None:
                self._do(action)
        finally:
            self._is_running = False
        self._wait()

    def _time(self) -> float:
        return self._now if self._is_running else self._loop.time()

    def _do(self, action: Action) -> None:
        match action:
            case Send(sender=Sender.CLIENT):
                self._handler.data_received(action.data, action.fds)
            case Send():
                self._send(action.data, action.fds)
            case PauseReading(sender=Sender.CLIENT):
                self._is_client_held = True
                self._settle_reading()
            case PauseReading():
                self._is_held = True
                self._settle_writing()
            case ResumeReading(sender=Sender.CLIENT):
                self._is_client_held = False
                self._settle_reading()
            case ResumeReading():
                self._is_held = False
                self._settle_writing()
            case EndOutput(sender=Sender.CLIENT):
                self._handler.eof_received()
            case EndOutput() if self._is_closing:
                self._end()
            case EndOutput() if self._raw.can_write_eof:
                self._raw.write_eof()
            case EndOutput():
                self._end()  # such as TLS, which ends both directions at once
            case Close(is_reset=True):
                self._end(self._raw.reset)
            case Close():
                self._end()
            case Discard():
                close_all(action.fds)
            case ToProcess():
                self._process(action.fault)
            case Happened():
                self._note(action.fault, self.peer)
            case Asked():
                self._asked(action.command)

    def _send(self, data: bytes, fds: tuple[int, ...]) -> None:
        try:
            self._raw.write(data, fds)
        finally:
            close_all(fds)

    def _settle_reading(self) -> None:
        """Read from the client or not, as the handler, the engine and close() want it."""
        is_paused = self._is_paused or self._is_client_held or self._is_closing
        if is_paused is self._is_raw_paused or self._has_ended:
            return
        self._is_raw_paused = is_paused
        if is_paused:
            self._raw.pause_reading()
        else:
            self._raw.resume_reading()

    def _settle_writing(self) -> None:
        """Pause or resume the handler's writing."""
        is_paused = self._is_writing_paused or self._is_held
        if is_paused is self._is_handler_paused or self._handler is NOBODY:
            return
        self._is_handler_paused = is_paused
        if self._is_closing:
            return
        if is_paused:
            self._handler.pause_writing()
        else:
            self._handler.resume_writing()

    def _wait(self) -> None:
        """Set the timer for what is due next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = None if self._has_ended else self._engine.next_due
        if due is not None:
            self._timer = self._loop.call_at(due, self._advance)

    def _end(self, how: Callable[[], None] | None = None) -> None:
        """End the connection; connection_lost() follows."""
        if not self._has_ended:
            self._release()
            (how or self._raw.close)()

    def _release(self) -> None:
        """Drop what is held back."""
        if not self._has_ended:
            self._over(self)
        self._has_ended = True
        close_all(self._engine.take_fds())
        for timer in (self._timer, self._close_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._close_timer = None
