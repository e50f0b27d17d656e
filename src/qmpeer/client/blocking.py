"""The blocking client: no event loop, no thread of its own, and importable without asyncio."""

import os
import socket
from collections.abc import Iterator, Sequence
from time import monotonic
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from qmpeer import limits
from qmpeer.client.channel import Call, Channel, remaining_of
from qmpeer.client.events import EventQueue, Match, Names, matcher
from qmpeer.client.timeouts import DEFAULT, Default, Timeout
from qmpeer.errors import ConnectionClosed
from qmpeer.messages import Event, Greeting
from qmpeer.protocol import ClientSession
from qmpeer.transport import AddressLike, dial, listen, unlink_if_ours
from qmpeer.values import JsonObject

if TYPE_CHECKING:
    import subprocess

    from qmpeer.client.launching import Launched

__all__ = ["Client", "Events"]


class Client:
    """Drive a QMP server from blocking code; several threads may share one.

    Make one with `connect`, `accept` or `launch`, and use it as a context manager.

    Attributes:
        command_timeout: Seconds for a command and for wait_event unless they say otherwise.

    Example:
        >>> from qmpeer.errors import ConnectionClosed
        >>> try:  # doctest: +SKIP
        ...     with Client.connect("unix:/run/vm.qmp", timeout=5.0) as vm:
        ...         vm.execute("query-status")
        ... except ConnectionClosed:
        ...     ...
    """

    def __init__(self, channel: Channel, command_timeout: float | None) -> None:
        self.command_timeout = command_timeout
        self._channel = channel

    # Connecting

    @classmethod
    def connect(
        cls,
        address: AddressLike,
        *,
        timeout: float | None = limits.CONNECT_TIMEOUT,
        command_timeout: float | None = limits.COMMAND_TIMEOUT,
        negotiate: bool = True,
        capabilities: Sequence[str] | None = None,
        max_in_flight: int | None = None,
        wait_for_socket: bool = False,
    ) -> "Client":
        """Connect to a server, take its greeting and negotiate.

        Args:
            address: Such as "unix:/run/vm.qmp", "localhost:4444", or a connected socket.
            timeout: Seconds for all of that together; None waits for ever.
            command_timeout: Seconds for each command later on.
            negotiate: False for a guest agent, which neither greets nor negotiates.
            capabilities: Those to enable; None enables "oob" if it is offered.
            max_in_flight: In-band commands sent before the first of them is answered; the others
                wait their turn. None: any number, and 8 from the first out-of-band command on, so
                that the next one isn't kept waiting.
            wait_for_socket: Keep trying while nobody listens there yet.

        Raises:
            OSError: If it can't be reached.
            TimeoutError: If time runs out; it says whether the server was silent.
            NegotiationError: If the server refuses.
            ConnectionClosed: If it leaves, or isn't a QMP server.
            ValueError: If the address isn't one.
        """
        start = monotonic()
        sock = dial(address, timeout=timeout, wait_for_socket=wait_for_socket)
        session = _session(negotiate, capabilities, max_in_flight)
        return cls._begin(sock, session, start, timeout, command_timeout)

    @classmethod
    def accept(
        cls,
        address: AddressLike,
        *,
        timeout: float | None = limits.CONNECT_TIMEOUT,
        command_timeout: float | None = limits.COMMAND_TIMEOUT,
        negotiate: bool = True,
        capabilities: Sequence[str] | None = None,
        max_in_flight: int | None = None,
    ) -> "Client":
        """Wait for a server that dials us, as QEMU does without ``server=on``; else as `connect`.

        Args:
            address: Where to listen, or a socket that listens already (and stays open).
            timeout: Seconds until it has come, greeted and negotiated.
            command_timeout: As in `connect`.
            negotiate: As in `connect`.
            capabilities: As in `connect`.
            max_in_flight: As in `connect`.
        """
        start = monotonic()
        if isinstance(address, socket.socket):
            sock = _accept(address, timeout)
        else:
            listener = listen(address, backlog=1)
            try:
                sock = _accept(listener, timeout)
            finally:
                unlink_if_ours(listener)
                listener.close()
        session = _session(negotiate, capabilities, max_in_flight)
        return cls._begin(sock, session, start, timeout, command_timeout)

    @classmethod
    def launch(
        cls,
        argv: Sequence[str],
        *,
        timeout: float | None = limits.CONNECT_TIMEOUT,
        command_timeout: float | None = limits.COMMAND_TIMEOUT,
        capabilities: Sequence[str] | None = None,
        max_in_flight: int | None = None,
        monitor: Sequence[str] | None = None,
        stderr: int | IO[bytes] | None = None,
    ) -> "Client":
        """Start a program with its monitor on a socket pair, and connect; `close` ends it.

        Args:
            argv: The program and its options; those of the monitor are added.
            timeout: Seconds until it has greeted and negotiated.
            command_timeout: As in `connect`.
            capabilities: As in `connect`.
            max_in_flight: As in `connect`.
            monitor: The options to add, "{fd}" standing for the descriptor; by default QEMU's.
            stderr: Where its stderr goes, as for subprocess.Popen; None keeps it for errors.

        Raises:
            ConnectionClosed: If it ends at once; with what it wrote to stderr.
        """
        from qmpeer.client.launching import Launched

        launched = Launched(argv, monitor, stderr)
        start = monotonic()
        try:
            session = _session(True, capabilities, max_in_flight)
            return cls._begin(launched.socket, session, start, timeout, command_timeout, launched)
        except BaseException:
            launched.end()
            raise

    @classmethod
    def _begin(
        cls,
        sock: socket.socket,
        session: ClientSession[Call],
        start: float,
        timeout: float | None,
        command_timeout: float | None,
        launched: "Launched | None" = None,
    ) -> "Client":
        channel = Channel(sock, session, launched)
        try:
            channel.negotiate(None if timeout is None else start + timeout, timeout)
        except BaseException:
            channel.launched = None
            channel.close()
            raise
        return cls(channel, command_timeout)

    # Commands

    def execute(
        self,
        command: str,
        arguments: JsonObject | None = None,
        *,
        timeout: Timeout = DEFAULT,
        oob: bool = False,
        fds: Sequence[int] = (),
    ) -> Any:
        """Execute one command and return its value.

        Args:
            command: Its name.
            arguments: Its arguments.
            timeout: Seconds until the reply; None waits for ever. A command that timed out may
                still be executed; its late reply is dropped.
            oob: Execute it out of band, overtaking those that wait.
            fds: Descriptors to send with it, over a unix socket; they stay the caller's.

        Returns:
            The value as JSON has it; {} where the command returns nothing.

        Raises:
            CommandError: If the server answered with an error.
            CommandInterrupted: If the connection ended first, and the outcome is unknown; the reply
                of "quit" may be cut off, which counts as success.
            ConnectionClosed: If the connection has ended before.
            TimeoutError: If the deadline passed.
            LocalProtocolError: If out-of-band execution isn't enabled.
            TypeError: If JSON can't hold the arguments.
            ValueError: If descriptors can't be sent here.
            OSError: If one of them isn't open.
        """
        seconds = self.command_timeout if isinstance(timeout, Default) else timeout
        return self._channel.execute(command, arguments, seconds, oob, fds)

    # Events

    def events(
        self, *names: str, match: Match = None, limit: int = limits.EVENTS_SUBSCRIBED
    ) -> "Events":
        """Subscribe to the events that come from now on.

        Args:
            names: Those wanted; none means all.
            match: Members that their data must have, or a function of the event.
            limit: How many may be unread before the oldest are dropped, and counted.

        Returns:
            An iterator and context manager; it ends when the connection does.
        """
        channel = self._channel
        with channel.lock:
            return Events(channel, channel.log.subscribe(names, match, limit))

    def event_mark(self) -> int:
        """Take in what has arrived, and return a mark: "everything after now" for wait_event."""
        self._channel.take_in_what_has_arrived()
        return self._channel.log.last

    def wait_event(
        self,
        names: Names = None,
        match: Match = None,
        *,
        since: int | None = None,
        timeout: Timeout = DEFAULT,
    ) -> Event:
        """Wait for an event and return it.

        Args:
            names: One name or several; None is any.
            match: Members that its data must have, or a function of the event.
            since: A mark: events after it count that have come already. None: only new ones.
            timeout: Seconds; None waits for ever.

        Raises:
            TimeoutError: If none comes in time.
            ConnectionClosed: If the connection ends first.
            LimitError: If events after the mark are no longer kept, so that it may be one of them.
        """
        seconds = self.command_timeout if isinstance(timeout, Default) else timeout
        deadline = None if seconds is None else monotonic() + seconds
        log = self._channel.log
        matches = matcher(names, match)
        now = self.event_mark()
        mark = now if since is None else since
        found: list[Event] = []

        def is_found() -> bool:
            nonlocal mark
            if found or mark == log.last:
                return bool(found)
            event = log.first_after(mark, matches)
            mark = log.last
            if event is not None:
                found.append(event)
            return event is not None

        if not self._channel.wait(is_found, seconds, deadline):
            wanted = "an event" if names is None else f"event {names}"
            raise TimeoutError(f"{wanted} didn't come in {seconds} s")
        return found[0]

    # The rest

    @property
    def greeting(self) -> Greeting | None:
        """What the server said at first; None where nothing was negotiated."""
        return self._channel.session.greeting

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The capabilities that are enabled."""
        return self._channel.session.capabilities

    @property
    def process(self) -> "subprocess.Popen[bytes] | None":
        """The process that `launch` started."""
        launched = self._channel.launched
        return None if launched is None else launched.process

    @property
    def is_closed(self) -> bool:
        """The connection has ended."""
        return self._channel.end is not None

    def fileno(self) -> int:
        """Return the socket's descriptor, for select; -1 once it is closed."""
        return self._channel.socket.fileno()

    def close(self) -> None:
        """Close the connection, and end what `launch` started; doing so twice is fine."""
        self._channel.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        channel = getattr(self, "_channel", None)
        if channel is not None:
            channel.socket.close()

    def __repr__(self) -> str:
        return f"<Client {'closed' if self._channel.end else self._channel.session.phase.value}>"


class Events:
    """Iterate over the events of a subscription, until the connection ends.

    Example:
        >>> with vm.events("JOB_STATUS_CHANGE") as jobs:  # doctest: +SKIP
        ...     for event in jobs:
        ...         print(event.data["status"])
    """

    def __init__(self, channel: Channel, queue: EventQueue) -> None:
        self._channel = channel
        self._queue = queue

    @property
    def dropped(self) -> int:
        """How many events were dropped since the subscription began, as they weren't read."""
        return self._queue.dropped

    def next(self, timeout: float | None) -> Event:
        """Return the next event.

        Raises:
            TimeoutError: If none comes in time.
            ConnectionClosed: If the connection ends first.
        """
        deadline = None if timeout is None else monotonic() + timeout
        while (event := self._queue.take()) is None:  # another thread may have taken it
            if not self._channel.wait(
                lambda: len(self._queue) > 0, remaining_of(deadline), deadline
            ):
                raise TimeoutError(f"no event came in {timeout} s")
        return event

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        event = self._queue.take()
        if event is not None:
            return event
        try:
            return self.next(None)
        except ConnectionClosed:
            raise StopIteration from None

    def close(self) -> None:
        """End the subscription; what is unread can still be read."""
        with self._channel.lock:
            self._queue.close()

    def __enter__(self) -> "Events":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _session(
    negotiate: bool, capabilities: Sequence[str] | None, max_in_flight: int | None
) -> ClientSession[Call]:
    return ClientSession(
        negotiate=negotiate,
        capabilities=capabilities,
        max_in_flight=max_in_flight,
        first_id=int.from_bytes(os.urandom(2), "little"),
    )


def _accept(listener: socket.socket, timeout: float | None) -> socket.socket:
    before = listener.gettimeout()
    listener.settimeout(timeout)
    try:
        return listener.accept()[0]
    except TimeoutError:
        raise TimeoutError(f"nobody connected in {timeout} s") from None
    finally:
        listener.settimeout(before)
