"""The embeddable monitor: commands in from any number of clients, replies and events out.

Theory of operation.  All of it runs on one event loop's thread; `emit` and `shutdown` alone may be
called from any. A round begins when bytes, an outcome or an event come in: `pump` admits requests,
the dispatcher says whose turn it is, `_run` executes. Sync handlers run to their end inside the
round. Async ones become tasks, blocking ones threads, and each ends in a round of its own
(`_finished`). What the round wrote is sent at its end, one write a connection.

Spec: facts of QEMU 7.2 in `qmpeer.protocol`; here is only what needs a loop.
"""

import asyncio
import inspect
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from os import sched_yield
from socket import socket
from time import perf_counter
from typing import Any, TypeVar

from qmpeer import limits
from qmpeer.errors import CommandError
from qmpeer.messages import (
    Command,
    QemuVersion,
    Timestamp,
    Version,
    event_message,
    version_value,
)
from qmpeer.monitor.backend import Backend, CommandInfo
from qmpeer.monitor.connection import Connection
from qmpeer.monitor.registry import Blocking, Registry, command_not_found
from qmpeer.protocol import Dispatcher, ServerSession, Throttle
from qmpeer.transport import AddressLike, parse_address
from qmpeer.transport.aio import Listener, Stream, open_stream, start_listening
from qmpeer.values import JsonObject, JsonValue
from qmpeer.wire import encode_line, encode_pretty

__all__ = ["Monitor"]

log: logging.Logger = logging.getLogger("qmpeer.monitor")
_JSON_TYPES = frozenset((dict, list, str, int, float, bool, type(None)))
Function = TypeVar("Function", bound=Callable[..., Any])
Call = Callable[[Callable[[], None]], object]
"""Have a function called in some thread of the caller's choice, soon, and return at once."""


class Monitor:
    """Give a program a QMP monitor.

    Register handlers with `command`, send events with `emit`, and open it with `serve` or `listen`
    inside asyncio, or with `start` beside a main loop of another kind.

    Args:
        name: What the program is; it stands in "package" of the version if none is given.
        version: Its release, as major, minor, micro.
        package: Free text for the version.
        backend: What executes the commands that aren't registered here.

    Example:
        >>> monitor = Monitor(name="my-emulator", version=(1, 2, 0))
        >>> @monitor.command("stop")
        ... def stop() -> None:
        ...     monitor.emit("STOP")
        >>> monitor.version.package
        'my-emulator'
    """

    def __init__(
        self,
        name: str = "qmpeer",
        version: tuple[int, int, int] = (0, 0, 0),
        package: str | None = None,
        *,
        backend: Backend | None = None,
    ) -> None:
        self.name = name
        self.version: Version = Version(QemuVersion(*version), name if package is None else package)
        self._registry = Registry()
        self._backend = backend
        self._backend_infos: dict[str, CommandInfo] | None = None
        self._dispatcher = Dispatcher()
        self._throttle = Throttle()
        self._throttle_timer: asyncio.TimerHandle | None = None
        self._connections: set[Connection] = set()
        self._dirty: list[Connection] = []
        self._stalled: set[Connection] = set()
        self._is_in_round = False
        self._last_served: Connection | None = None
        self._is_lingering = False
        self._linger_until = 0.0
        self._listeners: list[Listener] = []
        self._tasks: set[asyncio.Future[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread: int | None = None
        self._closed: asyncio.Event | None = None
        self._is_shut_down = False
        self._emitted: deque[tuple[str, JsonObject | None, Timestamp]] = deque()
        self._is_taking_due = False
        self._has_lost_emitted = False
        self._call: Call | None = None
        self._thread: threading.Thread | None = None
        if backend is not None:
            backend.subscribe(self.emit)
        self.command("query-version")(self._query_version)
        self.command("query-commands")(self._query_commands)

    # Commands

    def command(
        self,
        name: str,
        *,
        allow_oob: bool = False,
        blocking: bool = False,
        features: Iterable[str] = (),
    ) -> Callable[[Function], Function]:
        """Register the decorated function as a command's handler.

        Its parameters are the command's arguments, underscores written as dashes; their annotations
        are the types, and those with a default are optional. A parameter annotated `Context` gets
        that instead. It returns the command's value, None for {}. To answer with an error it raises
        `CommandError`; any other exception is logged and answered as a GenericError.

        A sync handler runs on the loop and must not block. An async one may take its time: it keeps
        back only the in-band commands of its own client.

        Args:
            name: The command's name on the wire.
            allow_oob: It may be executed out of band.
            blocking: Run it in a thread; no other in-band command goes ahead meanwhile, as in QEMU.
            features: Such as "deprecated".

        Raises:
            ValueError: If the name is taken.
            TypeError: If its signature can't be a command's.
        """

        def register(function: Function) -> Function:
            self._registry.add(
                function, name, allow_oob=allow_oob, blocking=blocking, features=features
            )
            return function

        return register

    def _query_version(self) -> JsonObject:
        return version_value(self.version)

    def _query_commands(self) -> JsonValue:
        names = {info.name for info in self._registry.commands()} | {"qmp_capabilities"}
        names.update(self._infos_of_backend())
        return [{"name": name} for name in sorted(names)]

    def _infos_of_backend(self) -> dict[str, CommandInfo]:
        if self._backend is None:
            return {}
        if self._backend_infos is None:
            self._backend_infos = {info.name: info for info in self._backend.commands()}
        return self._backend_infos

    # Opening and closing

    async def listen(
        self,
        address: AddressLike,
        *,
        many: bool = False,
        pretty: bool = False,
        insecure: bool = False,
    ) -> Listener:
        """Start to listen, and return at once.

        Args:
            address: Where; unix paths get mode 0600, TCP ports other than on loopback are refused.
            many: Greet any number of clients at once; by default one, and the next one waits.
            pretty: Write replies and events over many lines.
            insecure: Let a TCP port be open to the network.

        Returns:
            The listener; its ``address`` is the real one where port 0 was asked for.

        Raises:
            OSError: If that address can't be had.
            ValueError: If it isn't one.
        """
        self._attach_to_loop()
        listener = await start_listening(
            address, self.connection_factory(pretty=pretty), many=many, insecure=insecure
        )
        self._listeners.append(listener)
        return listener

    async def connect(
        self,
        address: AddressLike,
        *,
        pretty: bool = False,
        timeout: float | None = limits.CONNECT_TIMEOUT,
    ) -> None:
        """Dial a client that listens, and serve it; return once connected.

        Raises:
            OSError: If nobody can be reached.
            TimeoutError: If it takes too long.
        """
        self._attach_to_loop()
        await open_stream(address, self.connection_factory(pretty=pretty), timeout=timeout)

    async def serve(
        self,
        *addresses: AddressLike,
        many: bool = False,
        pretty: bool = False,
        insecure: bool = False,
    ) -> None:
        """Listen on all addresses and serve until `shutdown`, or until cancelled."""
        self._attach_to_loop()
        try:
            for address in addresses:
                await self.listen(address, many=many, pretty=pretty, insecure=insecure)
            await self.wait_closed()
        finally:
            self._close()

    async def attach(self, source: socket, *, pretty: bool = False, many: bool = False) -> None:
        """Serve a connected socket, or what comes in at a listening one."""
        self._attach_to_loop()
        address = parse_address(source)
        assert isinstance(address, socket)
        if _is_listening(source):
            await self.listen(source, many=many, pretty=pretty)
        else:
            await self.connect(source, pretty=pretty)

    def connection_factory(self, *, pretty: bool = False) -> Callable[[Stream], Connection]:
        """Return what makes the handler of a new stream: the way in for any transport."""

        def connect(stream: Stream) -> Connection:
            self._attach_to_loop()
            connection = Connection(self, stream, pretty)
            self._connections.add(connection)
            log.debug("%s: = connected", stream.peer)
            connection.flush()
            if self._is_shut_down:  # it was on its way in when the listener closed
                stream.close()
            return connection

        return connect

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Where it listens."""
        return tuple(self._listeners)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    def shutdown(self) -> None:
        """Take no further command, finish the answers, close all. Callable from any thread."""
        self._dispatcher.stop()
        self._is_shut_down = True
        if self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self._close)
            except RuntimeError:  # the loop has gone, and all that was open with it
                pass

    async def wait_closed(self) -> None:
        """Wait until it was shut down and all connections are gone."""
        self._attach_to_loop()
        assert self._closed is not None
        self._check_closed()  # it may have been shut down before there was a loop
        await self._closed.wait()

    def _close(self) -> None:
        self._is_shut_down = True
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for connection in list(self._connections):
            connection.flush()
            connection.is_closing = True
            connection.settle()
            if connection.session.is_answering:
                assert self._loop is not None
                self._loop.call_later(limits.CLOSE_TIMEOUT, connection.stream.abort)
        self._check_closed()

    def _check_closed(self) -> None:
        if self._is_shut_down and not self._connections and self._closed is not None:
            for task in self._tasks:
                task.cancel()
            if self._throttle_timer is not None:
                self._throttle_timer.cancel()
            self._closed.set()

    def _attach_to_loop(self) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop_thread = threading.get_ident()
            self._closed = asyncio.Event()
            self._check_closed()  # it may have been shut down before

    # Beside a blocking main loop

    def start(
        self,
        *addresses: AddressLike,
        many: bool = False,
        pretty: bool = False,
        insecure: bool = False,
        call: Call | None = None,
    ) -> None:
        """Serve from a thread of its own; return once it listens. `stop` ends it.

        Args:
            addresses: Where to listen, as in `listen`.
            many: As in `listen`.
            pretty: As in `listen`.
            insecure: As in `listen`.
            call: Has a function called in the thread where sync handlers belong, such as a main
                loop's "call this when idle". By default they run in the monitor's own thread.

        Raises:
            OSError: If an address can't be had.
            RuntimeError: If it was started before.
        """
        if self._thread is not None or self._loop is not None:
            raise RuntimeError("this monitor was started before")
        self._call = call
        self._registry.runs_elsewhere = call is not None
        started = threading.Event()
        failure: list[BaseException] = []

        async def run() -> None:
            try:
                for address in addresses:
                    await self.listen(address, many=many, pretty=pretty, insecure=insecure)
            except BaseException as error:
                failure.append(error)
                self._close()
                return
            finally:
                started.set()
            await self.serve()

        def run_loop() -> None:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(run())

        self._thread = threading.Thread(target=run_loop, name=f"{self.name} monitor", daemon=True)
        self._thread.start()
        started.wait()
        if failure:
            raise failure[0]

    def stop(self, timeout: float | None = 2 * limits.CLOSE_TIMEOUT) -> None:
        """Shut down what `start` started, and wait for it; doing so twice is fine.

        A handler that calls it in the monitor's own thread doesn't wait.
        """
        if self._thread is not None:
            self.shutdown()
            if self._thread is not threading.current_thread():
                self._thread.join(timeout)

    # Events

    def emit(self, name: str, data: JsonObject | None = None) -> None:
        """Send an event to every client that has negotiated. Callable from any thread.

        An event that a handler emits stands before its reply. The seven events that QEMU limits to
        one a second are limited here too. Without clients it is lost, as in QEMU.

        Args:
            name: The event's name.
            data: Its data; None if it has none.
        """
        now = time.time_ns() // 1000
        timestamp = Timestamp(now // 1_000_000, now % 1_000_000)
        if self._loop is None or self._closed is None or self._closed.is_set():
            return
        if threading.get_ident() == self._loop_thread:
            if self._emitted:
                self._take_emitted()
            self._offer(name, data, timestamp)
            return
        emitted = self._emitted
        emitted.append((name, data, timestamp))
        try:
            if not self._is_taking_due:  # set before, and cleared before the events are taken
                self._is_taking_due = True
                self._loop.call_soon_threadsafe(self._take_emitted)
            elif len(emitted) > limits.EMITTED_EVENTS:
                emitted.popleft()
                self._warn_of_lost()
        except (RuntimeError, IndexError):  # the loop has gone; it has taken all meanwhile
            pass

    def _warn_of_lost(self) -> None:
        if not self._has_lost_emitted:
            self._has_lost_emitted = True
            log.warning("events are emitted faster than they are sent: the oldest are lost")

    def _take_emitted(self) -> None:
        self._is_taking_due = self._has_lost_emitted = False
        emitted = self._emitted
        while emitted:
            try:
                event = emitted.popleft()
            except IndexError:
                break
            self._offer(*event)

    def _offer(self, name: str, data: JsonObject | None, timestamp: Timestamp) -> None:
        if self._throttle.passes(name, data, timestamp, time.monotonic()):
            self._broadcast(name, data, timestamp)
        if self._throttle_timer is None and self._throttle.next_due is not None:
            self._set_throttle_timer()

    def _set_throttle_timer(self) -> None:
        assert self._loop is not None
        due = self._throttle.next_due
        self._throttle_timer = (
            None
            if due is None
            else self._loop.call_later(max(0.0, due - time.monotonic()), self._throttle_due)
        )

    def _throttle_due(self) -> None:
        for event in self._throttle.due(time.monotonic()):
            self._broadcast(*event)
        self._set_throttle_timer()

    def _broadcast(self, name: str, data: JsonObject | None, timestamp: Timestamp) -> None:
        message = event_message(name, data, timestamp)
        line = pretty = b""
        for connection in self._connections:
            if not connection.session.is_ready:
                continue
            if connection.is_pretty:
                pretty = pretty or encode_pretty(message)
                connection.session.send_event(pretty)
            else:
                line = line or encode_line(message)
                connection.session.send_event(line)
            if connection.session.output_size > limits.UNSENT_OUTPUT:
                connection.flush()  # a burst within one round has its bound as well
            self._mark(connection)

    # Rounds of work

    def pump(self, connection: Connection) -> None:
        """Execute what a connection asks for, as far as the rules let it now."""
        session = connection.session
        dispatcher = self._dispatcher
        self._is_in_round = True
        connection.is_dirty = True  # what it says in its own round is sent by its own flush
        while True:
            while not self._is_shut_down and (admitted := session.admit()) is not False:
                if admitted is True:
                    dispatcher.enlist(session)
                    self._dispatch()
                else:
                    self._run(connection, admitted)
            if not connection.flush() or session.wants_data:
                break
        connection.is_dirty = False
        self._is_in_round = False
        connection.settle()
        if session.wants_data:
            self._stalled.discard(connection)
        else:
            self._stalled.add(connection)
        if self._dirty:
            self._flush_dirty()
        if connection is self._last_served:
            self._linger_until = perf_counter() + limits.LINGER
            if not self._is_lingering:
                self._is_lingering = True
                assert self._loop is not None
                self._loop.call_soon(self._linger)
        else:
            self._last_served = connection

    def resume(self, connection: Connection) -> None:
        """Go on with a connection whose output has room again."""
        if connection.session.can_take:
            self._dispatcher.enlist(connection.session)
            self._dispatch()
        self.pump(connection)

    def _linger(self) -> None:
        """Keep the loop from sleeping for a moment: the next command is often on its way.

        To be woken costs more than to execute a small command. That is so while one client asks
        and waits in turn; where many do, the time is better spent on more of them at once.
        Whoever else wants the processor goes first.
        """
        sched_yield()
        if perf_counter() < self._linger_until:
            assert self._loop is not None
            self._loop.call_soon(self._linger)
        else:
            self._is_lingering = False

    def _mark(self, connection: Connection) -> None:
        """Take note that a connection has something to send, soon."""
        if connection.is_dirty:
            return
        connection.is_dirty = True
        if not self._dirty and not self._is_in_round:
            assert self._loop is not None
            self._loop.call_soon(self._flush_dirty)
        self._dirty.append(connection)

    def _flush_dirty(self) -> None:
        dirty, self._dirty = self._dirty, []
        for connection in dirty:
            connection.is_dirty = False
            connection.flush()
            connection.settle()
            if connection.session.can_take:  # much output had kept it back
                assert self._loop is not None
                self._loop.call_soon(self.resume, connection)

    def _dispatch(self) -> None:
        dispatcher = self._dispatcher
        while (entry := dispatcher.next_command()) is not None:
            session, command = entry
            if command is None:
                self._mark(session.owner)
                continue
            self._run(session.owner, command)
            if session.can_take:
                dispatcher.enlist(session)

    def _run(self, connection: Connection, command: Command) -> None:
        session = connection.session
        try:
            value = self._execute(connection, command)
            if type(value) in _JSON_TYPES:
                session.respond(command, value)  # type: ignore[arg-type]  # it is one of these
            elif isinstance(value, Blocking):
                self._run_elsewhere(connection, command, value)
            elif inspect.isawaitable(value):
                self._run_task(connection, command, value)
            else:
                session.respond(command, value)
        except (Exception, asyncio.CancelledError) as error:
            _respond_failure(session, command, error)
        self._mark(connection)

    def _execute(
        self, connection: Connection, command: Command
    ) -> JsonValue | Awaitable[JsonValue] | Blocking:
        registry = self._registry
        if command.is_oob:
            self._check_oob(command)
        if self._backend is None or command.name in registry:
            return registry.execute(command, connection)
        return self._backend.execute(command, connection)

    def _check_oob(self, command: Command) -> None:
        info = self._registry.info(command.name) or self._infos_of_backend().get(command.name)
        if info is None and command.name != "qmp_capabilities":
            raise command_not_found(command.name)
        if info is None or not info.allow_oob:
            desc = f"The command {command.name} does not support OOB"
            raise CommandError("GenericError", desc)

    def _run_task(
        self, connection: Connection, command: Command, value: Awaitable[JsonValue]
    ) -> None:
        task = asyncio.ensure_future(value)
        self._tasks.add(task)

        def done(task: "asyncio.Future[JsonValue]") -> None:
            self._tasks.discard(task)
            error: BaseException | None
            if not task.cancelled():
                error = task.exception()
            elif self._is_shut_down:
                error = CommandError("GenericError", "The monitor was shut down")
            else:
                error = asyncio.CancelledError("it was cancelled")
            self._finished(connection, command, None if error else task.result(), error)

        task.add_done_callback(done)

    def _run_elsewhere(self, connection: Connection, command: Command, work: Blocking) -> None:
        loop = self._loop
        assert loop is not None

        def run() -> None:
            value: JsonValue = None
            failure: BaseException | None = None
            try:
                value = work()
            except BaseException as error:
                failure = error
            try:
                loop.call_soon_threadsafe(self._finished, connection, command, value, failure)
            except RuntimeError:  # the loop has gone meanwhile
                pass

        if not command.is_oob:
            self._dispatcher.hold(command)
        try:
            if self._call is not None:
                self._call(run)
            else:
                threading.Thread(target=run, name=f"{command.name} handler", daemon=True).start()
        except BaseException:
            self._dispatcher.release(command)
            raise

    def _finished(
        self,
        connection: Connection,
        command: Command,
        value: JsonValue,
        error: BaseException | None,
    ) -> None:
        """End a command that ran on: answer it, and let go ahead what waited for it."""
        self._take_emitted()
        session = connection.session
        if error is None:
            try:
                session.respond(command, value)
            except Exception as failure:
                error = failure
        if error is not None:
            _respond_failure(session, command, error)
        self._dispatcher.release(command)
        self._mark(connection)
        if session.can_take:
            self._dispatcher.enlist(session)
        self._dispatch()
        self.pump(connection)
        for stalled in list(self._stalled):
            self.pump(stalled)

    def forget(self, connection: Connection, error: OSError | None) -> None:
        """Take note that a client is gone."""
        log.debug("%s: = gone: %s", connection.peer, error or "closed")
        self._connections.discard(connection)
        self._stalled.discard(connection)
        if connection is self._last_served:
            self._last_served = None
        self._check_closed()


def _respond_failure(session: ServerSession, command: Command, error: BaseException) -> None:
    """Answer a command whose handler raised, whatever it raised."""
    if isinstance(error, CommandError):
        session.respond_error(command, str(error.error_class), str(error.desc))
        return
    log.error("the handler of %s failed", command.name, exc_info=error)
    try:
        text = str(error)
    except Exception:
        text = ""
    desc = f"Internal error in {command.name}: {text or type(error).__name__}"
    session.respond_error(command, "GenericError", desc)


def _is_listening(source: socket) -> bool:
    import socket as module

    return bool(source.getsockopt(module.SOL_SOCKET, module.SO_ACCEPTCONN))


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a new loop: uvloop's if it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
