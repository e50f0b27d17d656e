"""The listeners, sockets and character devices that a monitor is open on, and their shutdown.

The public methods of `qmpeer.monitor.monitor.Monitor` document what each of these does.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from socket import SO_ACCEPTCONN, SOL_SOCKET, socket
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeVar
from weakref import WeakSet

import msgspec

from qmpeer import limits
from qmpeer.messages import CommandMessage
from qmpeer.messages.qemu_texts import PROMPT
from qmpeer.monitor.attachment import Attachment
from qmpeer.monitor.backend import ContextMonitor, RawBackend
from qmpeer.monitor.connection import AccessPoint, MonitorConnection
from qmpeer.monitor.event_broadcast import EventBroadcast
from qmpeer.monitor.loop import MonitorLoop
from qmpeer.monitor.named_fds import NamedFds
from qmpeer.monitor.raw_connection import RawConnection
from qmpeer.monitor.turns import CommandExecutor, Turns
from qmpeer.protocol import ServerSession
from qmpeer.transport import AddressLike
from qmpeer.transport.aio import HandlerFactory, Listener, Stream, open_stream, start_listening
from qmpeer.values import JsonValue

if TYPE_CHECKING:
    from qmpeer.monitor.human.commands import HumanCommands
    from qmpeer.monitor.human_connection import HumanConnection

log: logging.Logger = logging.getLogger("qmpeer.monitor")
FactoryWrapper = Callable[[HandlerFactory], HandlerFactory]
"""Puts something between a stream and the handler that a factory makes for it."""
ConnectionT = TypeVar("ConnectionT", bound=MonitorConnection)


class _RawBackendOnly:
    """The executor of a monitor whose connections have a raw backend, each its own."""

    def execute(self, command: CommandMessage, context: Any) -> JsonValue:
        raise AssertionError("found no raw backend, expected it to execute all commands")


_NOTHING: Final = _RawBackendOnly()


class CharacterDevice(Protocol):
    """The interface that a monitor needs of a character device, such as one of `qmpeer.chardev`."""

    @property
    def kind(self) -> str:
        """The device's type; a "mux" notifies its front ends when they get the keyboard."""

    @property
    def offers_oob(self) -> bool:
        """True if monitors offer out-of-band execution on it."""

    @property
    def opens(self) -> Literal["now", "later", "never"]:
        """When the device has another end, if no client decides that by connecting.

        Before that, a control monitor doesn't greet but sends events, and a human monitor is
        silent. ``Monitor.open_devices`` opens the "later" ones.
        """

    def attach(self, factory: HandlerFactory, *, wants_echo: bool = False) -> None:
        """Set the front end: the factory for the handler of each of the device's streams."""


class DetachableDevice(CharacterDevice, Protocol):
    """A character device whose monitor can be removed."""

    def detach(self, factory: HandlerFactory) -> None:
        """Remove the front end that has this factory; a client stays connected.

        The factory's handlers are called no more, and don't use their streams any longer.
        """


class OpeningOptions(msgspec.Struct, frozen=True):
    """The options of `Monitor.listen` and its like, which documents them.

    Raises:
        ValueError: If both ``human`` and ``pretty`` are set.
    """

    many: bool = False
    max_clients: int | None = None
    pretty: bool = False
    human: bool = False
    insecure: bool = False

    def __post_init__(self) -> None:
        if self.human and self.pretty:
            raise ValueError("a human monitor can't be pretty")


class Openings:
    """All listeners and connections of a monitor.

    Args:
        monitor: The monitor.
        loop: The monitor's loop.
        turns: Schedules the commands that come in.
        events: Sends events to ``connections``.
        connections: The set that this class keeps the open connections in.
        commands: Executes the commands of control monitors.
        human: Returns the commands of human monitors.
        raw_backend: Executes all commands of control monitors in place of ``commands``, or None.
        wrap: Wraps the factories of control monitors' connections.

    Attributes:
        listeners: The open listeners.
        connections: The open connections.
    """

    def __init__(
        self,
        monitor: ContextMonitor,
        loop: MonitorLoop,
        turns: Turns,
        events: EventBroadcast,
        connections: set[MonitorConnection],
        commands: Callable[[], CommandExecutor],
        human: "Callable[[], HumanCommands]",
        raw_backend: RawBackend | None,
        wrap: FactoryWrapper | None = None,
    ) -> None:
        self.listeners: list[Listener] = []
        self.connections: set[MonitorConnection] = connections
        self._monitor = monitor
        self._loop = loop
        self._turns = turns
        self._events = events
        self._commands = commands
        self._human = human
        self._raw_backend = raw_backend
        self._wrap = wrap
        self._attaching: set[asyncio.Task[None]] = set()
        self._unopened: list[Callable[[], None]] = []
        self._named_fds: WeakSet[NamedFds] = WeakSet()
        self._closed = asyncio.Event()
        self._is_shut_down = False

    # Factories for the handlers of streams

    def _factory(self, options: OpeningOptions) -> HandlerFactory:
        if options.human:
            return self.human_factory()
        return self._wrapped(self.control_factory(options.pretty))

    def _wrapped(self, factory: HandlerFactory) -> HandlerFactory:
        return factory if self._wrap is None else self._wrap(factory)

    def control_factory(
        self, pretty: bool, *, oob: bool = True, greets: bool = True
    ) -> Callable[[Stream], MonitorConnection]:
        """Return the factory for a control monitor; see `Monitor.connection_factory`."""
        access = self._access_point(self._executor())
        return self._control_factory(access, pretty, oob=oob, greets=greets)

    def _control_factory(
        self, access: AccessPoint, pretty: bool, *, oob: bool, greets: bool
    ) -> Callable[[Stream], MonitorConnection]:
        if pretty:
            self._events.write_pretty_too()

        def connect(stream: Stream) -> MonitorConnection:
            session = self._session(pretty, oob=oob, greets=greets)
            return self._greeted(MonitorConnection(access, stream, session, is_pretty=pretty))

        def connect_raw(stream: Stream) -> MonitorConnection:
            assert backend is not None
            raw = RawConnection(access, stream, backend, self._loop, is_pretty=pretty)
            self._greeted(raw)
            if greets:
                raw.begin()
            return raw

        backend = self._raw_backend
        return connect if backend is None else connect_raw

    def human_factory(
        self, *, prompt: str = PROMPT, greeting: str | None = None, focused: bool = True
    ) -> "Callable[[Stream], HumanConnection]":
        """Return the factory for a human monitor; see `Monitor.human_connection_factory`."""
        access = self._access_point(self._human())
        return self._human_factory(access, prompt=prompt, greeting=greeting, focused=focused)

    def _human_factory(
        self, access: AccessPoint, *, prompt: str = PROMPT, greeting: str | None, focused: bool
    ) -> "Callable[[Stream], HumanConnection]":
        if self._raw_backend is not None:
            raise ValueError("found a human monitor, expected QMP: a raw backend has no other")
        from qmpeer.monitor.human.context import HumanState  # start: 10 ms
        from qmpeer.monitor.human.session import HumanSession, banner  # start: 10 ms
        from qmpeer.monitor.human_connection import HumanConnection  # start: 10 ms

        state = HumanState()

        def connect(stream: Stream) -> "HumanConnection":
            session = HumanSession(
                banner(self._monitor.version) if greeting is None else greeting,
                prompt,
                state.history,
                self._human().complete,
                is_focused=focused,
                is_over=lambda: self._turns.is_stopped,
            )
            return self._greeted(HumanConnection(access, stream, session, state))

        return connect

    def _executor(self) -> CommandExecutor:
        """Return the executor of control monitors' commands."""
        return self._commands() if self._raw_backend is None else _NOTHING

    def _access_point(
        self, commands: CommandExecutor, when_left: Callable[[], None] | None = None
    ) -> AccessPoint:
        def gone(connection: MonitorConnection) -> None:
            self._gone(connection)
            if when_left and not (self._is_shut_down or connection.has_left_stream):
                when_left()

        access = AccessPoint(self._monitor, self._turns, commands, gone)
        self._named_fds.add(access.named_fds)
        return access

    def _session(self, pretty: bool, *, oob: bool, greets: bool = True) -> ServerSession:
        capabilities = ("oob",) if oob else ()
        version = self._monitor.version if greets else None
        return ServerSession(version, capabilities=capabilities, is_pretty=pretty)

    def _greeted(self, connection: ConnectionT) -> ConnectionT:
        self._loop.attach()
        self.connections.add(connection)
        log.debug("%s: = connected", connection.peer)
        connection.flush()
        if self._is_shut_down:  # the client was being accepted when the listener closed
            connection.stream.close()
        return connection

    def _gone(self, connection: MonitorConnection) -> None:
        self.connections.discard(connection)
        self._check_closed()

    # Opening

    async def listen(self, address: AddressLike, options: OpeningOptions) -> Listener:
        """Start to listen; see `Monitor.listen`."""
        self._loop.attach()
        listener = await start_listening(
            address,
            self._factory(options),
            many=options.many,
            max_clients=options.max_clients,
            insecure=options.insecure,
        )
        self.listeners = [*(each for each in self.listeners if not each.is_closed), listener]
        return listener

    async def connect(
        self, address: AddressLike, options: OpeningOptions, *, timeout: float | None
    ) -> None:
        """Dial a client that listens; see `Monitor.connect`."""
        self._loop.attach()
        await open_stream(address, self._factory(options), timeout=timeout)

    def attach(self, source: "socket | CharacterDevice", options: OpeningOptions) -> None:
        """Serve a socket or a character device; see `Monitor.attach`."""
        if not isinstance(source, socket) and not hasattr(source, "attach"):
            raise TypeError(
                f"found {source!r}, expected a socket or a character device; "
                "addresses are for listen(), connect(), serve() and start()"
            )
        if self._loop.loop is not None and not self._loop.is_here:
            self._loop.running.call_soon_threadsafe(self.attach, source, options)
            return
        if not isinstance(source, socket):
            self._attach_device(source, options)
            return
        task = asyncio.ensure_future(self._attach(source, options))
        self._attaching.add(task)
        task.add_done_callback(self._attached)

    async def _attach(self, source: socket, options: OpeningOptions) -> None:
        if source.getsockopt(SOL_SOCKET, SO_ACCEPTCONN):
            await self.listen(source, options)
        else:
            await self.connect(source, options, timeout=limits.CONNECT_TIMEOUT)

    def _attached(self, task: "asyncio.Task[None]") -> None:
        self._attaching.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the attached socket can't be served: %s", error)

    def attach_device(
        self,
        device: DetachableDevice,
        options: OpeningOptions,
        when_left: Callable[[], None] | None = None,
    ) -> Attachment:
        """Serve a character device; see `Monitor.attach_device`."""
        factory, access = self._attach_device(device, options, when_left)
        return Attachment(partial(device.detach, factory), access, self.connections)

    def _attach_device(
        self,
        device: CharacterDevice,
        options: OpeningOptions,
        when_left: Callable[[], None] | None = None,
    ) -> tuple[HandlerFactory, AccessPoint]:
        self._loop.attach()
        factory: HandlerFactory
        if options.human:
            is_silent = device.opens == "never"
            access = self._access_point(self._human(), when_left)
            # On a mux the prompt waits until the mux gives the focus.
            is_focused = device.kind != "mux" and not is_silent
            greeting = "" if is_silent else None
            factory = self._human_factory(access, focused=is_focused, greeting=greeting)
        else:
            access = self._access_point(self._executor(), when_left)
            factory = self._wrapped(self._device_factory(access, device, options.pretty))
        device.attach(factory, wants_echo=not options.human)
        return factory, access

    def _device_factory(
        self, access: AccessPoint, device: CharacterDevice, pretty: bool
    ) -> Callable[[Stream], MonitorConnection]:
        is_open, oob = device.opens == "now", device.offers_oob
        factory = self._control_factory(access, pretty, oob=oob, greets=is_open)
        return self._opened_later(factory, pretty, oob) if device.opens == "later" else factory

    def _opened_later(
        self, factory: Callable[[Stream], MonitorConnection], pretty: bool, oob: bool
    ) -> Callable[[Stream], MonitorConnection]:
        def connect(stream: Stream) -> MonitorConnection:
            connection = factory(stream)

            def greet() -> None:
                if connection not in self.connections:  # it has ended before it was opened
                    return
                if isinstance(connection, RawConnection):
                    connection.begin()
                else:
                    connection.restart(self._session(pretty, oob=oob))

            self._unopened.append(greet)
            return connection

        return connect

    def open_devices(self) -> None:
        """Greet on the character devices that open "later"; see `Monitor.open_devices`."""
        unopened, self._unopened = self._unopened, []
        for greet in unopened:
            greet()

    def disown(self) -> None:
        """Forget listeners and connections: in a forked child they belong to the parent."""
        self._loop.detach()
        self._closed = asyncio.Event()
        self.connections.clear()
        self.listeners.clear()

    # Closing

    def shut_down(self) -> None:
        """Take no further commands, and close soon; callable from any thread."""
        self._stop()
        self._loop.call(self.close)  # does nothing without a loop: then nothing is open

    def close(self) -> None:
        """Take no further commands, finish the replies and close everything."""
        self._stop()
        for listener in self.listeners:
            listener.close()
        self.listeners.clear()
        self._turns.give_up_waiting()
        # A copy: closing removes connections from the set.
        for connection in list(self.connections):
            connection.close_when_answered()
            if connection.session.is_answering:
                # Bounds the shutdown even if a handler never ends.
                self._loop.running.call_later(limits.CLOSE_TIMEOUT, connection.stream.abort)
        self._check_closed()

    async def wait_closed(self) -> None:
        """Wait until the monitor is shut down and all connections are closed."""
        self._loop.attach()
        self._check_closed()  # shut_down() may have been called before there was a loop
        await self._closed.wait()

    def _stop(self) -> None:
        self._turns.stop()
        self._is_shut_down = True

    def _check_closed(self) -> None:
        if self._is_shut_down and not self.connections:
            self._turns.cancel_tasks()
            self._events.close()
            # Named descriptors outlive their connections, but not the monitor.
            for named_fds in self._named_fds:
                named_fds.close()
            self._closed.set()
