"""The character device: a labelled byte stream for one front end, such as a monitor.

How it works. A front end is a factory for handlers of streams. A device's connections come and go
like a socket's clients. For each one the device makes a `DeviceConnection`: the handler of the
stream, which forwards everything to the front end's handler. If no front end is attached yet, the
connection reads nothing, so that a client's early data isn't lost, and only watches for a hang-up.
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
        offers_oob: True if a control monitor on it offers out-of-band execution.
        is_socket: True if it can be yanked.
        input_end: On end of input: notify the front end ("reported"), close ("closes"), or ignore.
        label: Its id.
        data: Its members of QAPI's ChardevBackend.
        reports_end: True to notify the front end of the end of input where QEMU ignores it.
    """

    offers_oob: ClassVar[bool] = True
    is_socket: ClassVar[bool] = False
    input_end: ClassVar[Literal["reported", "closes", "ignored"]] = "ignored"

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
        self._connection: DeviceConnection | None = None
        self._log: OutputFile | None = None
        self._sharer: Chardev | None = None
        self._is_closed = False
        self.reports_end: bool = False

    def __repr__(self) -> str:
        return f"<chardev {self.label}: {self.filename}>"

    # Its state.

    @property
    def filename(self) -> str:
        """Its "filename" in query-chardev."""
        return self.kind

    @property
    def opens(self) -> Literal["now", "later", "never"]:
        """When it has another end, if no client decides that by connecting."""
        return "now"

    @property
    def frontend_open(self) -> bool:
        """True if a front end is attached; if that is a mux, True if the mux has a front end."""
        return self._factory is not None if self._sharer is None else self._sharer.frontend_open

    @property
    def is_busy(self) -> bool:
        """True if it can't be removed now."""
        return self._factory is not None

    @property
    def client(self) -> "DeviceConnection | None":
        """The connection of the client at the other end, or None."""
        return (
            None
            if self._connection is None or self._connection.stream.is_over
            else self._connection
        )

    @property
    def is_connected(self) -> bool:
        """True if a client is at the other end."""
        return self.client is not None

    @property
    def pty(self) -> str | None:
        """The path of its slave if it is a pty, otherwise None."""
        return None

    # The front end.

    def attach(self, factory: HandlerFactory, *, wants_echo: bool = False) -> None:
        """Attach the front end: the factory for the handler of every stream.

        Args:
            factory: Such as Monitor.connection_factory() returns.
            wants_echo: Let a terminal echo and edit lines itself, as for control monitors.

        Raises:
            ChardevError: If it has a front end already.
        """
        if self._factory is not None:
            raise ChardevError(f"Device '{self.label}' is in use")
        self._factory = factory
        if self._connection is not None:
            # Before the front end is made, which may want to read nothing yet.
            self._connection.stream.resume_reading()
            self._connection.attach(factory)

    def share(self, sharer: "Chardev", factory: HandlerFactory) -> None:
        """Attach a mux as the front end; the mux has front ends of its own.

        Raises:
            ChardevError: If it has a front end already.
        """
        self.attach(factory)
        self._sharer = sharer

    def detach(self, factory: HandlerFactory) -> None:
        """Remove the front end; its handlers must not use their streams afterwards.

        A client stays connected, and its input waits for the next front end.

        Args:
            factory: What `attach` got.

        Raises:
            ValueError: If another front end is attached, or none.
        """
        if self._factory != factory:
            raise not_attached(self.label)
        self._factory = self._sharer = None
        if self._connection is not None:
            self._connection.detach()
            self._await_front_end(self._connection.stream)

    # Opening and closing.

    async def open(self) -> None:
        """Make the device usable: listen, connect, or open a file.

        Raises:
            ChardevError: If the device can't be opened, in QEMU's words.
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
        """Open the device itself; open() opens the log file."""

    @property
    def waits_for_client(self) -> bool:
        """True if the program should wait for a client before it starts."""
        return False

    async def wait_for_client(self) -> None:  # noqa: B027 - most don't wait
        """Wait until a client has connected, or until the device is closed."""

    def close(self) -> None:
        """Accept no further clients. A client of a front end stays until that closes the stream."""
        if self._connection is not None and self._factory is None:
            self._connection.stream.abort()
        self._is_closed = True
        self._close_log()

    def yank(self) -> None:
        """Cut the connection at once, dropping unsent data."""
        if self._connection is not None:
            self._connection.stream.abort()

    def send_break(self) -> None:  # noqa: B027 - most have none
        """Send a break to the other end, if the device supports breaks."""

    # For subclasses.

    def _connect(self, stream: Stream) -> "DeviceConnection":
        """Return the handler of a new stream. This is the handler factory for listeners."""
        logged = stream if self._log is None else LoggedStream(stream, self._log)
        connection = self._connection = DeviceConnection(self, logged)
        if self._factory is None:
            self._await_front_end(stream)
        else:
            try:
                connection.attach(self._factory)
            except BaseException:
                self._connection = None
                raise
        self._connected()
        self._host.when_changed()
        return connection

    def _await_front_end(self, stream: Stream) -> None:
        """Leave input unread until a front end is attached; so a hang-up must be watched for."""
        stream.pause_reading()
        stream.on_hangup(stream.abort)

    def _connected(self) -> None:  # noqa: B027 - most needn't
        """React to a new connection."""

    def _disconnected(self, error: OSError | None) -> None:  # noqa: B027 - most needn't
        """React to the end of a connection."""

    def connection_ended(self, connection: "DeviceConnection", error: OSError | None) -> None:
        """Handle the end of a connection, which calls this."""
        if self._connection is connection:  # else a new one has replaced it already
            self._connection = None
        self._disconnected(error)
        if self._is_closed:
            self._close_log()
        self._host.when_changed()

    def _close_log(self) -> None:
        if self._log is not None and self._connection is None:
            self._log.close()


def not_attached(label: str) -> ValueError:
    """Return the error for a front end that is to be removed from a device without it."""
    return ValueError(f"this front end isn't attached to '{label}'")


class DeviceConnection:
    """One connection of a device: the stream's handler, which forwards to the front end's handler.

    Attributes:
        stream: The stream.
        data_received: The front end's method.
        pause_writing: The front end's method.
        resume_writing: The front end's method.
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
        """Hand the stream to a front end."""
        handler = self._handler = factory(self.stream)
        # The most frequent calls go directly to the front end's handler.
        self.data_received = handler.data_received
        self.pause_writing = handler.pause_writing
        self.resume_writing = handler.resume_writing

    def detach(self) -> None:
        """Forget the front end's handler."""
        self._handler = None
        self.data_received = self._refuse
        self.pause_writing = self.resume_writing = self._do_nothing

    def eof_received(self) -> None:
        """Handle the end of input as `Chardev.input_end` requires.

        Spec: in QEMU a monitor goes on to send events after the end of standard input.
        """
        if self._handler is None or self._device.input_end == "closes":
            self.stream.close()
        elif self._device.input_end == "reported" or self._device.reports_end:
            self._handler.eof_received()

    def connection_lost(self, error: OSError | None) -> None:
        """Notify the front end and the device that the stream has ended."""
        try:
            if self._handler is not None:
                self._handler.connection_lost(error)
        finally:
            self._device.connection_ended(self, error)

    def _refuse(self, data: bytes, fds: Sequence[int]) -> None:
        raise AssertionError("found bytes without a front end, expected a pause")

    def _do_nothing(self) -> None:
        pass
