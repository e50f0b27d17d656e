"""The character device: something with a label that one front end, such as a monitor, talks to.

How it works. A front end is what makes the handler of a new stream. A device comes and goes as a
socket's clients do: each time somebody is there, it makes a `Link`, which is the stream's handler
and hands everything on to the front end's. Nobody has to be attached yet: then the link reads
nothing until somebody is, so that what the client has sent early isn't lost, and only watches
whether the client is still there.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

from qmpeer.chardev.host import FindFd, Host
from qmpeer.chardev.log_file import LoggedStream, open_log
from qmpeer.chardev.output_file import OutputFile
from qmpeer.errors import ChardevError
from qmpeer.transport.aio import HandlerFactory, Stream, StreamHandler
from qmpeer.values import JsonObject


class Chardev(ABC):
    """One character device.

    Attributes:
        kind: Its type in QAPI.
        offers_oob: A control monitor on it offers out-of-band execution.
        is_socket: It can be yanked.
        input_end: On end of input: notify the front end ("told"), close ("closes"), or ignore.
        label: Its id.
        data: What QAPI's ChardevBackend says of it.
    """

    offers_oob: ClassVar[bool] = True
    is_socket: ClassVar[bool] = False
    input_end: ClassVar[Literal["told", "closes", "ignored"]] = "ignored"

    def __init__(
        self,
        kind: str,
        label: str,
        data: JsonObject,
        host: Host,
        find_fd: FindFd | None,
    ) -> None:
        self.kind = kind
        self.label = label
        self.data = data
        self._find_fd = find_fd
        self._host = host
        self._factory: HandlerFactory | None = None
        self._link: Link | None = None
        self._log: OutputFile | None = None
        self._sharer: Chardev | None = None
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<chardev {self.label}: {self.filename}>"

    # What is seen of it.

    @property
    def filename(self) -> str:
        """What query-chardev calls its filename."""
        return self.kind

    @property
    def opens(self) -> Literal["now", "later", "never"]:
        """When its other end is there, if that isn't for a client to say."""
        return "now"

    @property
    def frontend_open(self) -> bool:
        """Whether a front end is attached; through a mux, whether one is attached to that."""
        return self._factory is not None if self._sharer is None else self._sharer.frontend_open

    @property
    def is_busy(self) -> bool:
        """Whether it can't be removed now."""
        return self._factory is not None

    @property
    def client(self) -> "Link | None":
        """The link of whoever is at the other end, or None."""
        return None if self._link is None or self._link.stream.is_over else self._link

    @property
    def is_connected(self) -> bool:
        """Whether somebody is at the other end."""
        return self.client is not None

    @property
    def pty(self) -> str | None:
        """The path of its slave, if it is a pty."""
        return None

    # The front end.

    def attach(self, factory: HandlerFactory, *, wants_echo: bool = False) -> None:
        """Give it its front end: what makes the handler of every stream.

        Args:
            factory: Such as Monitor.connection_factory() returns.
            wants_echo: A terminal shows and edits lines itself, as control monitors want it.

        Raises:
            ChardevError: If it has one already.
        """
        if self._factory is not None:
            raise ChardevError(f"Device '{self.label}' is in use")
        self._factory = factory
        if self._link is not None:
            self._link.attach(factory)
            self._link.stream.resume_reading()

    def share(self, sharer: "Chardev", factory: HandlerFactory) -> None:
        """Attach a mux, which has front ends of its own.

        Raises:
            ChardevError: If it has a front end already.
        """
        self.attach(factory)
        self._sharer = sharer

    def detach(self) -> None:
        """Take its front end away; who is connected is cut off."""
        self._factory = self._sharer = None
        if self._link is not None:
            self._link.stream.abort()

    # Opening and closing.

    async def open(self) -> None:
        """Begin to listen, or connect, or whatever makes it usable.

        Raises:
            ChardevError: If it can't be had, in QEMU's words.
        """
        path = self.data.get("logfile")
        if path is not None:
            appends = bool(self.data.get("logappend"))
            self._log = open_log(self._host, str(path), appends=appends)
        try:
            await self._open()
        except BaseException:
            self.close()
            raise

    @abstractmethod
    async def _open(self) -> None:
        """Do what open() does, the log file excepted."""

    @property
    def waits_for_client(self) -> bool:
        """Whether nothing should start before a client is there."""
        return False

    async def wait_for_client(self) -> None:  # noqa: B027 - most don't wait
        """Wait until somebody has connected, or until it is closed."""

    def close(self) -> None:
        """Take no further client; who talks to a front end stays until that closes the stream."""
        if self._link is not None and self._factory is None:
            self._link.stream.abort()
        self._is_closed = True
        self._close_log()

    def yank(self) -> None:
        """Cut the connection, whatever is under way on it."""
        if self._link is not None:
            self._link.stream.abort()

    def send_break(self) -> None:  # noqa: B027 - most have none
        """Send a break to the other end, where there is such a thing."""

    # What subclasses call.

    def _connect(self, stream: Stream) -> "Link":
        """Make the handler of a new stream: what listeners are given."""
        logged = stream if self._log is None else LoggedStream(stream, self._log)
        link = self._link = Link(self, logged)
        if self._factory is None:
            stream.pause_reading()
            stream.tell_hangup(stream.abort)
        else:
            try:
                link.attach(self._factory)
            except BaseException:
                self._link = None
                raise
        self._connected()
        self._host.when_changed()
        return link

    def _connected(self) -> None:  # noqa: B027 - most needn't
        """Take note that somebody is there."""

    def _disconnected(self, error: OSError | None) -> None:  # noqa: B027 - most needn't
        """Take note that nobody is there any more."""

    def link_lost(self, link: "Link", error: OSError | None) -> None:
        """Learn from a link that it is over."""
        if self._link is link:
            self._link = None
        self._disconnected(error)
        if self._is_closed:
            self._close_log()
        self._host.when_changed()

    def _close_log(self) -> None:
        if self._log is not None and self._link is None:
            self._log.close()


class Link:
    """The handler of one stream, for whichever front end is attached.

    Attributes:
        stream: What it handles.
        data_received: The front end's.
        pause_writing: The front end's.
        resume_writing: The front end's.
    """

    stream: Stream
    data_received: Callable[[bytes, Sequence[int]], None]
    pause_writing: Callable[[], None]
    resume_writing: Callable[[], None]

    __slots__ = (
        "_device",
        "_handler",
        "data_received",
        "pause_writing",
        "resume_writing",
        "stream",
    )

    def __init__(self, device: Chardev, stream: Stream) -> None:
        self._device = device
        self._handler: StreamHandler | None = None
        self.stream = stream
        self.data_received = self._refuse
        self.pause_writing = self.resume_writing = self._do_nothing

    def attach(self, factory: HandlerFactory) -> None:
        """Let a front end have the stream."""
        handler = self._handler = factory(self.stream)
        # What is called most goes straight to the front end.
        self.data_received = handler.data_received
        self.pause_writing = handler.pause_writing
        self.resume_writing = handler.resume_writing

    def eof_received(self) -> None:
        """Pass on that the other end sends no more, if that is an end.

        Spec: QEMU: the end of standard input is not the end of the monitor, which goes on to send
        events.
        """
        if self._handler is None or self._device.input_end == "closes":
            self.stream.close()
        elif self._device.input_end == "told":
            self._handler.eof_received()

    def connection_lost(self, error: OSError | None) -> None:
        """Pass on that the stream has ended."""
        try:
            if self._handler is not None:
                self._handler.connection_lost(error)
        finally:
            self._device.link_lost(self, error)

    def _refuse(self, data: bytes, fds: Sequence[int]) -> None:
        raise AssertionError("found bytes without a front end, expected a pause")

    def _do_nothing(self) -> None:
        pass
