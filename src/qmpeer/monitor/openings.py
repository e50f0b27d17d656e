"""Where a monitor is open: listeners, sockets and character devices, and how all that ends.

`qmpeer.monitor.monitor.Monitor` says what each of these does for a program.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from socket import SO_ACCEPTCONN, SOL_SOCKET, socket
from typing import Literal, Protocol, TypeVar
from weakref import WeakSet

import msgspec

from qmpeer import limits
from qmpeer.monitor.backend import ContextMonitor
from qmpeer.monitor.connection import Connection, Place
from qmpeer.monitor.event_broadcast import EventBroadcast
from qmpeer.monitor.human.commands import HumanCommands
from qmpeer.monitor.human.context import HumanState
from qmpeer.monitor.human.session import PROMPT, HumanSession, banner
from qmpeer.monitor.human_connection import HumanConnection
from qmpeer.monitor.loop import MonitorLoop
from qmpeer.monitor.named_fds import NamedFds
from qmpeer.monitor.turns import Executor, Turns
from qmpeer.protocol import ServerSession
from qmpeer.transport import AddressLike
from qmpeer.transport.aio import HandlerFactory, Listener, Stream, open_stream, start_listening

log: logging.Logger = logging.getLogger("qmpeer.monitor")
ConnectionT = TypeVar("ConnectionT", bound=Connection)


class CharacterDevice(Protocol):
    """What a monitor asks of a character device, such as those of `qmpeer.chardev`."""

    @property
    def kind(self) -> str:
        """What type it is; a "mux" tells its front ends when they have the keyboard."""

    @property
    def offers_oob(self) -> bool:
        """Whether out-of-band execution is offered on it."""

    @property
    def opens(self) -> Literal["now", "later", "never"]:
        """When its other end is there, if that isn't for a client to say.

        Where nobody is yet, a control monitor doesn't greet, and sends events; a human one is
        silent. ``Monitor.open_devices`` says that it is later now.
        """

    def attach(self, factory: HandlerFactory, *, wants_echo: bool = False) -> None:
        """Take what makes the handler of each of its streams."""


class Opening(msgspec.Struct, frozen=True):
    """How a monitor is opened somewhere; `Monitor.listen` says what each of these means.

    Raises:
        ValueError: If a human monitor is to be pretty.
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
    """All that a monitor is open on.

    Args:
        monitor: Whose they are.
        loop: The monitor's.
        turns: Executes what comes in.
        events: Sends events to ``connections``.
        connections: Takes those who are connected.
        commands: Those of control monitors.
        human: Those of human monitors.

    Attributes:
        listeners: Where it listens.
        connections: Those who are connected.
    """

    def __init__(
        self,
        monitor: ContextMonitor,
        loop: MonitorLoop,
        turns: Turns,
        events: EventBroadcast,
        connections: set[Connection],
        commands: Executor,
        human: HumanCommands,
    ) -> None:
        self.listeners: list[Listener] = []
        self.connections: set[Connection] = connections
        self._monitor = monitor
        self._loop = loop
        self._turns = turns
        self._events = events
        self._commands = commands
        self._human = human
        self._attaching: set[asyncio.Task[None]] = set()
        self._unopened: list[Callable[[], None]] = []
        self._named_fds: WeakSet[NamedFds] = WeakSet()
        self._closed = asyncio.Event()
        self._is_shut_down = False

    # What makes the handlers of streams

    def _factory(self, opening: Opening) -> Callable[[Stream], Connection]:
        if opening.human:
            return self.human_factory()
        return self.control_factory(opening.pretty)

    def control_factory(
        self, pretty: bool, *, oob: bool = True, greets: bool = True
    ) -> Callable[[Stream], Connection]:
        """Return what makes a control monitor's; see `Monitor.connection_factory`."""
        place = self._place(self._commands)
        if pretty:
            self._events.write_pretty_too()

        def connect(stream: Stream) -> Connection:
            session = self._session(pretty, oob=oob, greets=greets)
            return self._greeted(Connection(place, stream, session, is_pretty=pretty))

        return connect

    def human_factory(
        self, *, prompt: str = PROMPT, greeting: str | None = None, focused: bool = True
    ) -> Callable[[Stream], HumanConnection]:
        """Return what makes a human monitor's; see `Monitor.human_connection_factory`."""
        place = self._place(self._human)
        state = HumanState()

        def connect(stream: Stream) -> HumanConnection:
            session = HumanSession(
                banner(self._monitor.version) if greeting is None else greeting,
                prompt,
                state.history,
                self._human.complete,
                is_focused=focused,
                is_over=lambda: self._turns.is_stopped,
            )
            return self._greeted(HumanConnection(place, stream, session, state))

        return connect

    def _place(self, commands: Executor) -> Place:
        place = Place(self._monitor, self._turns, commands, self._gone)
        self._named_fds.add(place.named_fds)
        return place

    def _session(self, pretty: bool, *, oob: bool, greets: bool = True) -> ServerSession:
        capabilities = ("oob",) if oob else ()
        return ServerSession(
            self._monitor.version, capabilities=capabilities, is_pretty=pretty, is_greeting=greets
        )

    def _greeted(self, connection: ConnectionT) -> ConnectionT:
        self._loop.attach()
        self.connections.add(connection)
        log.debug("%s: = connected", connection.peer)
        connection.flush()
        if self._is_shut_down:  # it was on its way in when the listener closed
            connection.stream.close()
        return connection

    def _gone(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self._check_closed()

    # Opening

    async def listen(self, address: AddressLike, opening: Opening) -> Listener:
        """Start to listen; see `Monitor.listen`."""
        self._loop.attach()
        listener = await start_listening(
            address,
            self._factory(opening),
            many=opening.many,
            max_clients=opening.max_clients,
            insecure=opening.insecure,
        )
        self.listeners.append(listener)
        return listener

    async def connect(
        self, address: AddressLike, opening: Opening, *, timeout: float | None
    ) -> None:
        """Dial a client that listens; see `Monitor.connect`."""
        self._loop.attach()
        await open_stream(address, self._factory(opening), timeout=timeout)

    def attach(self, source: "socket | CharacterDevice", opening: Opening) -> None:
        """Serve a socket or a character device; see `Monitor.attach`."""
        if not isinstance(source, socket) and not hasattr(source, "attach"):
            raise TypeError(
                f"found {source!r}, expected a socket or a character device; "
                "addresses are for listen(), connect(), serve() and start()"
            )
        if self._loop.loop is not None and not self._loop.is_here:
            self._loop.running.call_soon_threadsafe(self.attach, source, opening)
            return
        if not isinstance(source, socket):
            self._attach_device(source, opening)
            return
        task = asyncio.ensure_future(self._attach(source, opening))
        self._attaching.add(task)
        task.add_done_callback(self._attached)

    async def _attach(self, source: socket, opening: Opening) -> None:
        if source.getsockopt(SOL_SOCKET, SO_ACCEPTCONN):
            await self.listen(source, opening)
        else:
            await self.connect(source, opening, timeout=limits.CONNECT_TIMEOUT)

    def _attached(self, task: "asyncio.Task[None]") -> None:
        self._attaching.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("what was attached can't be served: %s", error)

    def _attach_device(self, device: CharacterDevice, opening: Opening) -> None:
        self._loop.attach()
        is_silent = device.opens == "never"
        if opening.human:
            is_ours = device.kind != "mux" and not is_silent  # else the prompt waits for the mux
            greeting = "" if is_silent else None
            device.attach(self.human_factory(focused=is_ours, greeting=greeting))
            return
        is_open = device.opens == "now"
        factory = self.control_factory(opening.pretty, oob=device.offers_oob, greets=is_open)
        if device.opens == "later":
            factory = self._opened_later(factory, opening.pretty, device.offers_oob)
        device.attach(factory, wants_echo=True)

    def _opened_later(
        self, factory: Callable[[Stream], Connection], pretty: bool, oob: bool
    ) -> Callable[[Stream], Connection]:
        def connect(stream: Stream) -> Connection:
            connection = factory(stream)
            begin = partial(self._session, pretty, oob=oob)
            self._unopened.append(lambda: connection.restart(begin()))
            return connection

        return connect

    def open_devices(self) -> None:
        """Greet on the character devices that open only now."""
        unopened, self._unopened = self._unopened, []
        for greet in unopened:
            greet()

    def disown(self) -> None:
        """Forget what is open: in a forked child it is the parent's."""
        self._loop.detach()
        self._closed = asyncio.Event()
        self.connections.clear()
        self.listeners.clear()

    # Closing

    def shut_down(self) -> None:
        """Take no further command, and close soon; callable from any thread."""
        self._stop()
        self._loop.call(self.close)  # without a loop, or after its end, nothing is open

    def close(self) -> None:
        """Take no further command, finish the answers, close all."""
        self._stop()
        for listener in self.listeners:
            listener.close()
        self.listeners.clear()
        self._turns.give_up_waiting()
        for connection in list(self.connections):
            connection.close_when_answered()
            if connection.session.is_answering:
                self._loop.running.call_later(limits.CLOSE_TIMEOUT, connection.stream.abort)
        self._check_closed()

    async def wait_closed(self) -> None:
        """Wait until it was shut down and all connections are gone."""
        self._loop.attach()
        self._check_closed()  # it may have been shut down before there was a loop
        await self._closed.wait()

    def _stop(self) -> None:
        self._turns.stop()
        self._is_shut_down = True

    def _check_closed(self) -> None:
        if self._is_shut_down and not self.connections:
            self._turns.cancel_tasks()
            self._events.close()
            for named_fds in self._named_fds:
                named_fds.close()
            self._closed.set()
