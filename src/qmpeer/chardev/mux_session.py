"""One connection of a mux's base, shared among front ends: who has the keyboard, and who waits.

How it works. For each connection of the base there is a `MuxSession`, the handler of the base's
stream, and in it one `MuxStream` for each front end. Input goes to the one that has the focus, less
the escapes; if that one doesn't read, its input waits, and escapes still work. Output of all goes
to the base. A front end that wants to know of the focus has methods ``focus_gained()`` and
``focus_lost()``, as human monitors do: what it writes without the focus waits until it has it.
Others, such as control monitors, write whenever they like.

Spec: QEMU: the focus starts with whoever was attached last.
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


class MuxSession:
    """The handler of the base's stream, for all front ends of one connection.

    It begins a turn of the loop after there is somebody to begin with, so that those who are
    attached one after another all begin alike, and only the last one has had the focus.
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
        stream.pause_reading()
        stream.tell_hangup(stream.abort)  # nobody may read from it for long
        if factories:
            self._beginning = self._loop.call_soon(self._begin)

    def attached(self, factory: HandlerFactory) -> None:
        """Begin with the first front end, or make the stream of one more, with the focus."""
        if self._beginning is None:
            self._beginning = self._loop.call_soon(self._begin)
        elif self._fronts:
            front = MuxStream(self)
            self._fronts.append(front)
            self._set_focus(len(self._fronts) - 1)
            front.start(factory)

    def _begin(self) -> None:
        if self._is_lost:
            return
        self._fronts.extend(MuxStream(self) for _ in self._factories)
        self.focus = len(self._fronts) - 1
        for front, factory in zip(self._fronts, self._factories, strict=True):
            front.start(factory)
        self.settle()

    # What front ends call

    def has_focus(self, front: "MuxStream") -> bool:
        """Say whether input goes to this front end."""
        return self._focused is front

    def send(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Send output of any front end, with time stamps if they are wanted."""
        self.stream.write(self._stamper.stamp(data, self._loop.time()), fds)

    def settle(self) -> None:
        """Read from the base as long as there is room for what comes."""
        if any(front.is_full for front in self._fronts):
            self.stream.pause_reading()
        else:
            self.stream.resume_reading()

    def closed(self) -> None:
        """Close the base when all front ends have closed their streams."""
        if all(front.is_closed for front in self._fronts):
            self.stream.close()

    # What the base calls

    def data_received(self, data: bytes, fds: Sequence[int]) -> None:
        """Hand input to who has the focus, and obey escapes."""
        for piece in self._escapes.receive(data):
            if isinstance(piece, Escape):
                self._obey(piece)
            elif (front := self._focused) is not None:
                front.receive(piece, fds)
                fds = ()
        close_all(fds)
        self.settle()

    def eof_received(self) -> None:
        """Tell all that no more comes."""
        for front in self._fronts:
            front.end()

    def pause_writing(self) -> None:
        """Tell all that much is unsent."""
        for front in self._fronts:
            if not front.is_closed:
                front.handler.pause_writing()

    def resume_writing(self) -> None:
        """Tell all that there is room again."""
        for front in self._fronts:
            if not front.is_closed:
                front.handler.resume_writing()

    def connection_lost(self, error: OSError | None) -> None:
        """Tell all that it is over."""
        self._when_ended(self)
        self._is_lost = True
        for front in self._fronts:
            front.lost(error)

    def break_received(self) -> None:
        """Hand on a break to who has the focus."""
        if (front := self._focused) is not None:
            tell = getattr(front.handler, "break_received", None)
            if tell is not None:
                tell()

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
        # Spec: QEMU tells both even if they are the same: C-a c with one begins a new line.
        if (before := self._focused) is not None:
            before.focus_changed(False)
        self.focus = index
        self._fronts[index].focus_changed(True)


class MuxStream(Stream):
    """What one front end of a mux sees of its base.

    Attributes:
        handler: The front end's.
        is_closed: The front end wants no more of it.
    """

    def __init__(self, session: MuxSession) -> None:
        self.handler: StreamHandler = NOBODY
        self.is_closed: bool = False
        self._session = session
        self._held_input: deque[bytes] = deque()
        self._held_size = 0
        self._held_output: list[bytes] = []
        self._held_output_size = 0
        self._awaits_focus = True
        self._has_eof = False
        self._is_paused = False
        self._is_lost = False
        self._is_writing_paused = False

    # What the front end calls

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Send bytes, or keep them until the focus comes back."""
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
        """Let data_received() be called again."""
        if self._is_paused:
            self._is_paused = False
            if self._held_input or self._has_eof:
                asyncio.get_running_loop().call_soon(self._deliver)

    def close(self) -> None:
        """Close this front end's part; the base closes with the last one."""
        if self.is_closed:
            return
        self.is_closed = True
        self._drop()
        self._session.settle()
        self._session.closed()
        if not self._is_lost:
            self._is_lost = True
            asyncio.get_running_loop().call_soon(self._tell_lost, None)

    def abort(self) -> None:
        """Close this front end's part."""
        self.close()

    @property
    def unsent(self) -> int:
        """Bytes that write() accepted and the kernel hasn't yet."""
        return self._session.stream.unsent + self._held_output_size

    @property
    def peer(self) -> str:
        """Who is at the other end of the base, for logs."""
        return self._session.stream.peer

    # What the session calls

    def start(self, factory: HandlerFactory) -> None:
        """Make the front end's handler."""
        self.handler = factory(self)
        self.focus_changed(self._session.has_focus(self))
        if not hasattr(self.handler, "focus_gained"):
            self._release_output()

    def receive(self, data: bytes, fds: Sequence[int]) -> None:
        """Hand over input, or keep it while the front end doesn't read."""
        if self.is_closed or self._is_paused or self._held_input:
            close_all(fds)
            if not self.is_closed:
                self._held_input.append(data)
                self._held_size += len(data)
            return
        self.handler.data_received(data, fds)

    @property
    def is_full(self) -> bool:
        """Whether so much input waits that no more should come."""
        return self._held_size > limits.MUX_HELD_INPUT

    def end(self) -> None:
        """Hand over that there is no more input."""
        self._has_eof = True
        if not self._is_paused:
            self._deliver()

    def focus_changed(self, is_focused: bool) -> None:
        """Tell the front end, if it wants to know."""
        if self.is_closed:
            return
        if not is_focused:
            if (tell := getattr(self.handler, "focus_lost", None)) is not None:
                tell()
                self._awaits_focus = True
            return
        self._release_output()
        if (tell := getattr(self.handler, "focus_gained", None)) is not None:
            tell()

    def lost(self, error: OSError | None) -> None:
        """Tell the front end that it is over."""
        if not self._is_lost:
            self._is_lost = True
            self._tell_lost(error)

    # Inside

    def _tell_lost(self, error: OSError | None) -> None:
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
