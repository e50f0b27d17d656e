"""Where a monitor is open: listeners, sockets and character devices, and how all that ends.

`qmpeer.monitor.monitor.Monitor` says what each of these does for a program.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from functools import partial
from socket import SO_ACCEPTCONN, SOL_SOCKET, socket
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol
from weakref import WeakSet

from qmpeer import limits
from qmpeer.monitor.ceiling import Ceiling
from qmpeer.monitor.commands import Commands
from qmpeer.monitor.connection import Connection
from qmpeer.monitor.emission import Emission
from qmpeer.monitor.human.connection import HumanConnection
from qmpeer.monitor.human.session import PROMPT
from qmpeer.monitor.human.terminals import Terminals
from qmpeer.monitor.named_fds import NamedFds
from qmpeer.monitor.rounds import Rounds
from qmpeer.protocol import ServerSession
from qmpeer.transport import AddressLike
from qmpeer.transport.aio import HandlerFactory, Listener, Stream, open_stream, start_listening

if TYPE_CHECKING:
    from qmpeer.monitor.monitor import Monitor

__all__ = ["CharacterDevice", "Endpoints", "Opening"]

log: logging.Logger = logging.getLogger("qmpeer.monitor")


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


class Opening(NamedTuple):
    """How something is opened; see `Monitor.listen`."""

    many: bool
    max_clients: int | None
    pretty: bool
    human: bool
    insecure: bool


class Endpoints:
    """Open a monitor, and close all that it is open on.

    Args:
        monitor: Whose they are.
        rounds: Executes what comes in.
        emission: Knows the loop's thread.
        commands: Those of control monitors.
        terminals: Makes human monitors.

    Attributes:
        listeners: Where it listens.
        ended_by: What a handler raised, if that has ended the monitor.
    """

    def __init__(
        self,
        monitor: "Monitor",
        rounds: Rounds,
        emission: Emission,
        commands: Commands,
        terminals: Terminals,
    ) -> None:
        self.listeners: list[Listener] = []
        self._monitor = monitor
        self._rounds = rounds
        self._emission = emission
        self._commands = commands
        self._terminals = terminals
        self._opening: set[asyncio.Task[None]] = set()
        self._unopened: list[Callable[[], None]] = []
        self._named_fds: WeakSet[NamedFds] = WeakSet()
        self._closed: asyncio.Event | None = None
        self._is_shut_down = False
        self.ended_by: BaseException | None = None
        rounds.when_gone = self._check_closed
        rounds.when_ended = self._end

    def attach_to_loop(self) -> None:
        """Belong to the loop that runs, if there was none before."""
        if self._rounds.loop is None:
            self._rounds.loop = asyncio.get_running_loop()
            self._emission.thread = threading.get_ident()
            self._closed = asyncio.Event()
            self._check_closed()  # it may have been shut down before

    # What makes the handlers of streams

    def factory(self, pretty: bool, human: bool) -> Callable[[Stream], Connection]:
        """Return what makes the handlers of streams; see `Monitor.listen`.

        Raises:
            ValueError: If a human monitor is to be pretty.
        """
        if not human:
            return self.control_factory(pretty, oob=True)
        if pretty:
            raise ValueError("a human monitor can't be pretty")
        return self.human_factory()

    def control_factory(
        self, pretty: bool, *, oob: bool, greets: bool = True
    ) -> Callable[[Stream], Connection]:
        """Return what makes a control monitor's; see `Monitor.connection_factory`."""
        ceiling = Ceiling()
        named_fds = self._new_names()
        if pretty:
            self._emission.write_pretty_too()

        def connect(stream: Stream) -> Connection:
            session = self._session(pretty, oob=oob, greets=greets)
            connection = Connection(
                self._monitor,
                self._rounds,
                stream,
                session,
                self._commands,
                named_fds,
                pretty,
                ceiling,
            )
            self._greet(connection)
            return connection

        return connect

    def human_factory(
        self, *, prompt: str = PROMPT, greeting: str | None = None, focused: bool = True
    ) -> Callable[[Stream], HumanConnection]:
        """Return what makes a human monitor's; see `Monitor.human_connection_factory`."""
        return self._terminals.factory(
            self._greet,
            self._new_names(),
            prompt=prompt,
            greeting=greeting,
            is_focused=focused,
        )

    def _new_names(self) -> NamedFds:
        named_fds = NamedFds()
        self._named_fds.add(named_fds)
        return named_fds

    def _session(self, pretty: bool, *, oob: bool, greets: bool = True) -> ServerSession:
        capabilities = ("oob",) if oob else ()
        return ServerSession(
            self._monitor.version, capabilities=capabilities, is_pretty=pretty, is_greeting=greets
        )

    def _greet(self, connection: Connection) -> None:
        self.attach_to_loop()
        self._rounds.connections.add(connection)
        log.debug("%s: = connected", connection.peer)
        connection.flush()
        if self._is_shut_down:  # it was on its way in when the listener closed
            connection.stream.close()

    # Opening

    async def listen(self, address: AddressLike, opening: Opening) -> Listener:
        """Start to listen; see `Monitor.listen`."""
        self.attach_to_loop()
        listener = await start_listening(
            address,
            self.factory(opening.pretty, opening.human),
            many=opening.many,
            max_clients=opening.max_clients,
            insecure=opening.insecure,
        )
        self.listeners.append(listener)
        return listener

    async def connect(
        self, address: AddressLike, *, pretty: bool, human: bool, timeout: float | None
    ) -> None:
        """Dial a client that listens; see `Monitor.connect`."""
        self.attach_to_loop()
        await open_stream(address, self.factory(pretty, human), timeout=timeout)

    def attach(self, source: "socket | CharacterDevice", opening: Opening) -> None:
        """Serve a socket or a character device; see `Monitor.attach`."""
        if opening.human and opening.pretty:
            raise ValueError("a human monitor can't be pretty")
        if not isinstance(source, socket) and not hasattr(source, "attach"):
            raise TypeError(
                f"found {source!r}, expected a socket or a character device; "
                "addresses are for listen(), connect(), serve() and start()"
            )
        if self._rounds.loop is not None and self._emission.thread != threading.get_ident():
            self._rounds.loop.call_soon_threadsafe(self.attach, source, opening)
            return
        if not isinstance(source, socket):
            self._attach_device(source, opening.pretty, opening.human)
            return
        task = asyncio.ensure_future(self._attach(source, opening))
        self._opening.add(task)
        task.add_done_callback(self._opened)

    async def _attach(self, source: socket, opening: Opening) -> None:
        if source.getsockopt(SOL_SOCKET, SO_ACCEPTCONN):
            await self.listen(source, opening)
        else:
            await self.connect(
                source,
                pretty=opening.pretty,
                human=opening.human,
                timeout=limits.CONNECT_TIMEOUT,
            )

    def _opened(self, opening: "asyncio.Task[None]") -> None:
        self._opening.discard(opening)
        if not opening.cancelled() and (error := opening.exception()) is not None:
            log.error("what was attached can't be served: %s", error)

    def _attach_device(self, device: CharacterDevice, pretty: bool, human: bool) -> None:
        self.attach_to_loop()
        is_silent = device.opens == "never"
        if human:
            is_ours = device.kind != "mux" and not is_silent  # else the prompt waits for the mux
            greeting = "" if is_silent else None
            device.attach(self.human_factory(focused=is_ours, greeting=greeting))
            return
        is_open = device.opens == "now"
        factory = self.control_factory(pretty, oob=device.offers_oob, greets=is_open)
        if device.opens == "later":
            factory = self._opened_later(factory, pretty, device.offers_oob)
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
        self._rounds.loop = None
        self._rounds.connections.clear()
        self.listeners.clear()

    # Closing

    def shut_down(self) -> None:
        """Take no further command, and close soon; callable from any thread."""
        self._stop()
        if self._rounds.loop is not None:
            try:
                self._rounds.loop.call_soon_threadsafe(self.close)
            except RuntimeError:  # the loop has gone, and all that was open with it
                pass

    def _end(self, error: BaseException) -> None:
        log.error("the monitor ends by %s", type(error).__name__)
        self.ended_by = self.ended_by or error
        self.shut_down()

    def close(self) -> None:
        """Take no further command, finish the answers, close all."""
        self._stop()
        for listener in self.listeners:
            listener.close()
        self.listeners.clear()
        self._rounds.give_up_waiting()
        for connection in list(self._rounds.connections):
            connection.flush()
            connection.is_closing = True
            connection.settle()
            if connection.session.is_answering:
                assert self._rounds.loop is not None
                self._rounds.loop.call_later(limits.CLOSE_TIMEOUT, connection.stream.abort)
        self._check_closed()

    async def wait_closed(self) -> None:
        """Wait until it was shut down and all connections are gone."""
        self.attach_to_loop()
        assert self._closed is not None
        self._check_closed()  # it may have been shut down before there was a loop
        await self._closed.wait()

    def _stop(self) -> None:
        self._rounds.stop()
        self._is_shut_down = True

    def _check_closed(self) -> None:
        if self._is_shut_down and not self._rounds.connections and self._closed is not None:
            self._rounds.cancel_tasks()
            self._emission.close()
            for named_fds in self._named_fds:
                named_fds.close()
            self._closed.set()
