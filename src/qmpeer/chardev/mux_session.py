"""One connection of a mux's base, shared among the mux's front ends.

How it works. Each connection of the base has a `MuxSession`, the handler of the base's stream. It
holds one `MuxStream` for each front end. Input, without the escapes, goes to the front end with the
focus. If that one doesn't read, its input waits, and escapes still work. Output of all front ends
goes to the base. A front end may have the methods ``focus_gained()`` and ``focus_lost()``, as human
monitors do; then its output waits while it doesn't have the focus. Other front ends, such as
control monitors, write at any time.

Spec: in QEMU the front end that was attached last has the focus first.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from qmpeer import limits
from qmpeer.chardev.host import Host
from qmpeer.chardev.mux_escapes import Escape, EscapeReader, Stamper, help_text
from qmpeer.transport.aio import HandlerFactory, Stream, StreamHandler
from qmpeer.transport.aio.stream import NOBODY
from qmpeer.transport.descriptors import close_all
from qmpeer.transport.peer_identity import PeerIdentity


class MuxSession:
    """The handler of the base's stream, for all front ends of one connection.

    The front ends start one turn of the loop after the first is attached. So front ends that are
    attached one after another start together, and only the last one gets the focus.
    """

    def __init__(
        self,
        stream: Stream,
        host: Host,
        factories: Sequence[HandlerFactory],
        when_ended: Callable[["MuxSession"], None],
    ) -> None:
        self.stream = stream
        self.focus: int = -1
        self._host = host
        self._factories = factories
        self._when_ended = when_ended
        self._fronts: list[MuxStream] = []
        self._escapes = EscapeReader(host.escape)
        self._stamper = Stamper()
        self._loop = asyncio.get_running_loop()
        self._is_lost = False
        self._beginning: asyncio.Handle | None = None
        self._has_begun = False
        stream.pause_reading()
        stream.on_hangup(stream.abort)  # reading may be paused for long
        if factories:
            self._beginning = self._loop.call_soon(self._begin)

    def attached(self, factory: HandlerFactory) -> None:
        """Start with the first front end, or add another one and give it the focus."""
        if self._beginning is None:
            self._beginning = self._loop.call_soon(self._begin)
        elif self._has_begun:
            front = MuxStream(self)
            self._fronts.append(front)
            self._set_focus(len(self._fronts) - 1)
            front.start(factory)
            self.settle()

    def detached(self, index: int) -> None:
        """Remove a front end; if it had the focus, another one gets it."""
        if not self._has_begun:  # none has started; this one won't
            return
        had_focus = index == self.focus
        self._fronts.pop(index).forget_handler()
        if index < self.focus or self.focus == len(self._fronts):
            self.focus -= 1
        if had_focus and (front := self._focused) is not None:
            front.focus_changed(True)
        self.settle()

    def _begin(self) -> None:
        # The connection may have ended before this callback.
        if self._is_lost:
            return
        self._has_begun = True
        self._fronts.extend(MuxStream(self) for _ in self._factories)
        self.focus = len(self._fronts) - 1
        for front, factory in zip(self._fronts, self._factories, strict=True):
            front.start(factory)
        self.settle()

    # For front ends

    def has_focus(self, front: "MuxStream") -> bool:
        """Return True if input goes to this front end."""
        return self._focused is front

    def send(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Send output of any front end, with time stamps if they are switched on."""
        self.stream.write(self._stamper.stamp(data, self._loop.time()), fds)

    def settle(self) -> None:
        """Read from the base while it has front ends, unless too much input of one waits."""
        if not self._fronts or any(front.is_full for front in self._fronts):
            self.stream.pause_reading()
        else:
            self.stream.resume_reading()

    def closed(self) -> None:
        """Close the base when all front ends have closed their streams."""
        if all(front.is_closed for front in self._fronts):
            self.stream.close()

    # For the base

    def data_received(self, data: bytes, fds: Sequence[int]) -> None:
        """Hand input to the front end with the focus, and execute escapes."""
        for piece in self._escapes.receive(data):
            if isinstance(piece, Escape):
                self._obey(piece)
            elif (front := self._focused) is not None:
                front.receive(piece, fds)
                fds = ()
        close_all(fds)
        self.settle()

    def eof_received(self) -> None:
        """Notify all front ends of the end of input."""
        for front in self._fronts:
            front.end()

    def pause_writing(self) -> None:
        """Notify all front ends that much output is unsent."""
        for front in self._fronts:
            if not front.is_closed:
                front.handler.pause_writing()

    def resume_writing(self) -> None:
        """Notify all front ends that there is room for output again."""
        for front in self._fronts:
            if not front.is_closed:
                front.handler.resume_writing()

    def connection_lost(self, error: OSError | None) -> None:
        """Notify all front ends that the connection has ended."""
        self._when_ended(self)
        self._is_lost = True
        for front in self._fronts:
            front.lost(error)

    def break_received(self) -> None:
        """Forward a break to the front end with the focus, if its handler takes breaks."""
        if (front := self._focused) is not None:
            notify = getattr(front.handler, "break_received", None)
            if notify is not None:
                notify()

    # Inside

    @property
    def _focused(self) -> "MuxStream | None":
        return self._fronts[self.focus] if 0 <= self.focus < len(self._fronts) else None

    def _obey(self, escape: Escape) -> None:
        match escape:
            case Escape.HELP:
                self.send(help_text(self._host.escape))
            case Escape.EXIT:
                self.send(b"QEMU: Terminated\n\r")
                self._host.quit()
            case Escape.COMMIT:
                self._host.commit()
            case Escape.BREAK:
                self.break_received()
            case Escape.NEXT:
                if self._fronts:
                    self._set_focus((self.focus + 1) % len(self._fronts))
            case Escape.TIMESTAMPS:
                self._stamper.toggle()

    def _set_focus(self, index: int) -> None:
        # Spec: QEMU notifies both, even if they are the same: so C-a c begins a new line.
        if (before := self._focused) is not None:
            before.focus_changed(False)
        self.focus = index
        self._fronts[index].focus_changed(True)


class MuxStream(Stream):
    """The stream of one front end of a mux.

    Attributes:
        handler: The front end's handler.
        is_closed: True if the front end has closed it.
    """

    def __init__(self, session: MuxSession) -> None:
        self.handler: StreamHandler = NOBODY
        self.is_closed: bool = False
        self._session = session
        self._held_input: deque[bytes] = deque()
        self._held_size = 0
        self._held_output: list[bytes] = []
        self._held_output_size = 0
        self._awaits_focus = True  # output is held until the front end gets the focus
        self._has_eof = False
        self._is_paused = False
        self._is_lost = False
        self._is_writing_paused = False

    # For the front end

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Send bytes, or keep them until the front end gets the focus."""
        if self.is_closed or self._is_lost:
            return
        if self._awaits_focus and not fds:
            self._held_output.append(bytes(data))
            self._held_output_size += len(data)
            if self._held_output_size > limits.UNSENT_OUTPUT and not self._is_writing_paused:
                self._is_writing_paused = True
                self.handler.pause_writing()
            return
        self._session.send(data, fds)

    def pause_reading(self) -> None:
        """Hold back data_received() and eof_received() until resume_reading()."""
        self._is_paused = True

    def resume_reading(self) -> None:
        """Resume the calls of data_received()."""
        if self._is_paused:
            self._is_paused = False
            if self._held_input or self._has_eof:
                asyncio.get_running_loop().call_soon(self._deliver)

    def close(self) -> None:
        """Close this stream; the base closes with the last one."""
        if self.is_closed:
            return
        self.is_closed = True
        self._drop()
        self._session.settle()
        self._session.closed()
        if not self._is_lost:
            self._is_lost = True
            asyncio.get_running_loop().call_soon(self._report_lost, None)

    def abort(self) -> None:
        """Close this stream."""
        self.close()

    @property
    def carries_fds(self) -> bool:
        """True if the base's stream can send descriptors."""
        return self._session.stream.carries_fds

    @property
    def identity(self) -> PeerIdentity:
        """Who is at the other end of the base."""
        return self._session.stream.identity

    @property
    def unsent(self) -> int:
        """The number of bytes that write() accepted but the kernel hasn't taken yet."""
        return self._session.stream.unsent + self._held_output_size

    @property
    def peer(self) -> str:
        """The name of the base's peer in logs."""
        return self._session.stream.peer

    # For the session

    def start(self, factory: HandlerFactory) -> None:
        """Create the front end's handler."""
        self.handler = factory(self)
        self.focus_changed(self._session.has_focus(self))
        if not hasattr(self.handler, "focus_gained"):
            self._release_output()

    def forget_handler(self) -> None:
        """Close this stream without a call to its handler."""
        self.handler = NOBODY
        self.is_closed = self._is_lost = True
        self._drop()

    def receive(self, data: bytes, fds: Sequence[int]) -> None:
        """Hand over input, or keep it while the front end doesn't read."""
        if self.is_closed or self._is_paused or self._held_input:
            close_all(fds)  # descriptors can't be kept beside the bytes
            if not self.is_closed:
                self._held_input.append(data)
                self._held_size += len(data)
            return
        self.handler.data_received(data, fds)

    @property
    def is_full(self) -> bool:
        """True if so much input waits that no more should be read."""
        return self._held_size > limits.MUX_HELD_INPUT

    def end(self) -> None:
        """Hand over the end of input."""
        self._has_eof = True
        if not self._is_paused:
            self._deliver()

    def focus_changed(self, is_focused: bool) -> None:
        """Notify the front end, if its handler has the methods for it."""
        if self.is_closed:
            return
        if not is_focused:
            if (notify := getattr(self.handler, "focus_lost", None)) is not None:
                notify()  # it may end its line, which is still shown
                self._awaits_focus = True
            return
        self._release_output()
        if (notify := getattr(self.handler, "focus_gained", None)) is not None:
            notify()

    def lost(self, error: OSError | None) -> None:
        """Notify the front end that the connection has ended."""
        if not self._is_lost:
            self._is_lost = True
            self._report_lost(error)

    # Inside

    def _report_lost(self, error: OSError | None) -> None:
        handler, self.handler = self.handler, NOBODY
        self.is_closed = True
        self._drop()
        handler.connection_lost(error)

    def _drop(self) -> None:
        self._held_input.clear()
        self._held_output.clear()
        self._held_size = self._held_output_size = 0

    def _deliver(self) -> None:
        while self._held_input and not self._is_paused and not self.is_closed:
            data = self._held_input.popleft()
            self._held_size -= len(data)
            self.handler.data_received(data, ())
        if self._has_eof and not self._held_input and not self._is_paused and not self.is_closed:
            self._has_eof = False
            self.handler.eof_received()
        self._session.settle()

    def _release_output(self) -> None:
        self._awaits_focus = False
        held, self._held_output = self._held_output, []
        self._held_output_size = 0
        for data in held:
            self._session.send(data)
        if self._is_writing_paused:
            self._is_writing_paused = False
            self.handler.resume_writing()
