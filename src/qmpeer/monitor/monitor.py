"""The embeddable monitor: commands in from any number of clients, replies and events out.

This module is the interface for programs. `qmpeer.monitor.commands` finds the handler of a command,
`qmpeer.monitor.turns` executes it, `qmpeer.monitor.event_broadcast` sends events, and
`qmpeer.monitor.openings` opens and closes the monitor. All code runs in one event loop's thread.
Methods that other threads may call are documented so.

[Long on purpose: it is a monitor's whole public interface, and most of it is documentation.]
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import cached_property
from socket import socket
from typing import TYPE_CHECKING, Any, TypeVar

from qmpeer import limits
from qmpeer.messages import QemuVersion, Version, version_value
from qmpeer.messages.qemu_texts import PROMPT
from qmpeer.monitor.attachment import Attachment
from qmpeer.monitor.backend import Backend, Context, RawBackend
from qmpeer.monitor.connection import MonitorConnection
from qmpeer.monitor.event_broadcast import EventBroadcast
from qmpeer.monitor.handlers.type_hints import wire_name
from qmpeer.monitor.loop import MonitorLoop
from qmpeer.monitor.openings import (
    CharacterDevice,
    DetachableDevice,
    FactoryWrapper,
    OpeningOptions,
    Openings,
)
from qmpeer.monitor.threads import ENDING, CallSoon, Threads
from qmpeer.monitor.turns import Turns
from qmpeer.transport import AddressLike, raise_fd_limit
from qmpeer.transport.aio import Listener, Stream
from qmpeer.transport.forking import own
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:
    import qmpeer.schema
    from qmpeer.monitor.commands import Commands
    from qmpeer.monitor.human.commands import HumanCommands
    from qmpeer.monitor.human.table import Completions
    from qmpeer.monitor.human_connection import HumanConnection
    from qmpeer.monitor.human_lines import HumanLines
    from qmpeer.monitor.interface import Interface
    from qmpeer.schema import Schema

log: logging.Logger = logging.getLogger("qmpeer.monitor")
Function = TypeVar("Function", bound=Callable[..., Any])


class Monitor:
    """A QMP monitor for a program to embed.

    Register handlers with `command`, and send events with `emit`. Open the monitor with `serve` or
    `listen` inside asyncio, or with `start` beside a main loop of another kind.

    Args:
        name: The program's name; the default of ``package``.
        version: The program's release as major, minor, micro.
        package: Free text for the version's "package".
        backend: Executes the commands that aren't registered here. A `RawBackend` answers all
            commands, and greets: it stands for another server.
        schema: Declares commands and events, conditions settled by `select`. It defines the
            arguments and features of its commands and whether they allow oob; their handlers'
            signatures must match. Other commands are defined by their handlers' signatures.
        policy: The policy on deprecated and unstable features; by default they are accepted.
        checks_output: Check replies and events against the schema too, for tests: a reply that
            doesn't match becomes an internal error, and `emit` raises ValidationError.
        linger: Seconds for which the loop stays awake for the next command while only one client is
            active. This makes that client's commands up to twice as fast and takes processor time.
            0 switches it off, for programs that do other work on the same loop.
        wrap: Puts something between each stream and its handler, wherever a control monitor is
            opened: ``Injector(faults).wrap`` of `qmpeer.faults` injects faults. It gets the factory
            of the handlers and returns another one.

    Raises:
        ValueError: If the schema's types clash with those of the monitor's own commands, or if
            there is a schema but a raw backend.

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
        backend: Backend | RawBackend | None = None,
        schema: "Schema | None" = None,
        policy: "qmpeer.schema.Policy | None" = None,
        checks_output: bool = False,
        linger: float = limits.LINGER,
        wrap: FactoryWrapper | None = None,
    ) -> None:
        self.name: str = name
        self.version: Version = Version(QemuVersion(*version), name if package is None else package)
        raw_backend = backend if isinstance(backend, RawBackend) else None
        if raw_backend is not None and schema is not None:
            raise ValueError("found a schema, expected none: a raw backend answers all commands")
        self._declared = schema, policy, checks_output
        is_hiding = policy is not None and bool(policy.hidden)
        self._judges_events = schema is not None and (checks_output or is_hiding)
        self._ended_by: BaseException | None = None
        self._loop = MonitorLoop()
        self._threads = Threads()
        connections: set[MonitorConnection] = set()
        self._events = EventBroadcast(self._loop, connections)
        self._turns = Turns(self._loop, self._threads, self._events.take_emitted, self._end, linger)
        self._has_raw_backend = raw_backend is not None
        self._backend = None if isinstance(backend, RawBackend) else backend
        self._openings = Openings(
            self,
            self._loop,
            self._turns,
            self._events,
            connections,
            lambda: self._commands,
            lambda: self.human,
            raw_backend,
            wrap,
        )
        self._thread: threading.Thread | None = None
        own(self)
        if raw_backend is not None:
            return
        if self._backend is not None:
            self._backend.subscribe(self.emit)
        self.command("query-version")(self._query_version)
        self.command("query-commands")(self._query_commands)
        if backend is None or schema is not None:  # without a schema the backend answers it
            self.command("query-qmp-schema")(self._interface.introspection)

    # Made on first use: a raw backend needs none of these.

    @cached_property
    def _interface(self) -> "Interface":
        from qmpeer.monitor.interface import Interface  # start: 20 ms
        from qmpeer.schema import Policy  # start: 5 ms

        schema, policy, checks_output = self._declared
        return Interface(schema, policy or Policy(), checks_output)

    @cached_property
    def _commands(self) -> "Commands":
        from qmpeer.monitor.commands import Commands  # start: 20 ms

        return Commands(self._interface, self._backend, self._threads)

    @cached_property
    def human(self) -> "HumanCommands":
        """The commands of its human monitors, and the hooks for completion and registers."""
        from qmpeer.monitor.human.commands import HumanCommands  # start: 10 ms

        return HumanCommands(self._threads)

    @cached_property
    def _lines(self) -> "HumanLines":
        from qmpeer.monitor.human_lines import HumanLines  # start: 10 ms

        return HumanLines(self, self._loop, self._turns, self.human)

    # Commands

    def command(
        self,
        name: str,
        *,
        allow_oob: bool = False,
        blocking: bool = False,
        exclusive: bool = False,
        features: Iterable[str] = (),
    ) -> Callable[[Function], Function]:
        """Register the decorated function as a command's handler.

        Its parameters are the command's arguments, with dashes for underscores. Their annotations
        are the types, and parameters with a default are optional. A parameter annotated `Context`
        receives the command's context. The handler returns the command's value, or None for {}. It
        raises `CommandError` to answer with an error. Any other exception is logged and answered as
        a GenericError. SystemExit and KeyboardInterrupt also shut the monitor down, as `shutdown`
        does; see `ended_by`.

        A sync handler runs on the loop and must not block. An async handler may take long: only the
        in-band commands of its own client wait for it.

        Args:
            name: The command's name on the wire.
            allow_oob: Allow out-of-band execution. Leave it out where a schema declares it.
            blocking: Run the handler in a thread. Only the in-band commands of its own client wait
                for it, so it may run beside any other handler, itself included. At most
                `limits.BLOCKING_THREADS` run at once; further commands wait.
            exclusive: Run the handler in a thread, and start no other in-band command of any client
                meanwhile, as in QEMU. If it hangs, only out-of-band commands are still executed.
            features: Such as "deprecated". Leave them out where a schema declares them.

        Raises:
            ValueError: If the name is taken or isn't valid in QAPI, if the call repeats features or
                allow_oob of a declared command, or if a raw backend answers all commands.
            TypeError: If the signature can't be a command's, or doesn't match the declaration; or
                if the decorator is used without a name, as ``@monitor.command``.

        Example:
            >>> monitor = Monitor()
            >>> @monitor.command("query-load")
            ... def query_load() -> float:
            ...     return 0.5
            >>> @monitor.command  # the name is never derived from the function's
            ... def query_load() -> float: ...
            Traceback (most recent call last):
            TypeError: found a function, expected a name: @monitor.command("query-load")
        """
        _check_name(name, "command")
        if self._has_raw_backend:
            raise ValueError(f"command {name} can't be registered: a raw backend answers all")
        if isinstance(features, str):
            raise TypeError(f"found features={features!r}, expected a list: [{features!r}]")
        from qmpeer.schema import name_fault  # start: 10 ms

        if (fault := name_fault("command", name)) and not self._interface.is_declared(name):
            raise ValueError(fault)

        def register(function: Function) -> Function:
            self._commands.add(
                function,
                name,
                allow_oob=allow_oob,
                blocking=blocking,
                exclusive=exclusive,
                features=features,
            )
            return function

        return register

    def human_command(
        self,
        name: str,
        *,
        args: str | None = None,
        params: str | None = None,
        help: str | None = None,
        blocking: bool = False,
        exclusive: bool = False,
        complete: Callable[[Sequence[str]], "Iterable[str] | Completions"] | None = None,
        details: str | Callable[[], str] | None = None,
    ) -> Callable[[Function], Function]:
        r"""Register the decorated function as the handler of a human monitor's command.

        Its parameters are the command's arguments. It returns the text to print, another value,
        which is printed in a readable form, or None. Errors are handled as with `command`, and
        printed as ``Error: DESC``. Sync, async and blocking handlers run as those of `command` do.

        Args:
            name: The command's name, with aliases behind ``|``: ``stop|s``; or a subcommand's name:
                ``info status``.
            args: The arguments by QEMU's letters: ``force:-f,device:B``. By default they come from
                the signature: see `qmpeer.monitor.human.signatures`.
            params: The arguments as help shows them; by default derived from ``args``.
            help: The command's description; by default the first line of the docstring.
            blocking: As with `command`: run it in a thread.
            exclusive: As with `command`: start no in-band command meanwhile.
            complete: Returns completions. It gets the words up to the cursor, with the command's
                name first and the word to complete last.
            details: The text that ``help NAME`` prints in place of the command's line, as QEMU does
                for ``log``.

        Raises:
            ValueError: If a name is taken, or ``args`` can't be read.
            TypeError: If the signature can't be a command's, or if the decorator has no name.

        Example:
            >>> monitor = Monitor()
            >>> @monitor.human_command("eject")
            ... def eject(device: str, force: bool = False) -> str:
            ...     '''Open a drive's tray.'''
            ...     return f"{device} is open"
            >>> monitor.run_human("help eject")
            "eject [-f] device -- open a drive's tray\r\n"
            >>> monitor.run_human("eject -f cd0")
            'cd0 is open\r\n'
        """
        _check_name(name, "human_command")

        def register(function: Function) -> Function:
            self.human.add(
                function,
                name,
                args=args,
                params=params,
                help=help,
                blocking=blocking,
                exclusive=exclusive,
                complete=complete,
                details=details,
            )
            return function

        return register

    def human_from_qmp(
        self,
        command: str,
        name: str | None = None,
        *,
        args: str | None = None,
        params: str | None = None,
        help: str | None = None,
        show: Callable[[Any], str] | None = None,
        complete: Callable[[Sequence[str]], "Iterable[str] | Completions"] | None = None,
    ) -> None:
        r"""Register a human monitor's command that executes a QMP command.

        Args:
            command: The QMP command's name.
            name: The human command's name, ``stop|s`` or ``info status``; by default the same.
            args: Its arguments by QEMU's letters, named as the QMP command's arguments. By default
                they come from the signature of the QMP command's handler.
            params: The arguments as help shows them; by default derived from ``args``.
            help: The command's description; by default the first line of the handler's docstring.
            show: Formats the QMP command's value for people; by default one member a line.
            complete: As in `human_command`.

        Raises:
            ValueError: If a name is taken, or ``args`` are needed or can't be read.
            TypeError: If a line can't hold a parameter of the signature.

        Example:
            >>> monitor = Monitor(version=(7, 2, 0), package="mine")
            >>> monitor.human_from_qmp("query-version", "info version", help="show the version",
            ...                        show=lambda version: f"7.2.0{version['package']}")
            >>> monitor.run_human("info version")
            '7.2.0mine\r\n'
        """
        self.human.derive(
            command,
            self._commands.function(command),
            self._commands.execute,
            name or command,
            args=args,
            params=params,
            help=help,
            show=show,
            complete=complete,
        )

    def run_human(
        self, line: str, context: Context | None = None, *, cpu_index: int | None = None
    ) -> str | Awaitable[str]:
        r"""Execute a line as a human monitor does, for QMP's human-monitor-command.

        Errors are returned as text, too. A QMP handler may return this method's result.

        Args:
            line: The line.
            context: The context of the QMP command that sent the line, if there is one.
            cpu_index: The CPU to use; the handler finds it in its context's ``state``.

        Returns:
            The printed text, with CR LF at the ends of lines; an awaitable of it for a command that
            is async or blocking.

        Example:
            >>> monitor = Monitor()
            >>> @monitor.command("human-monitor-command")
            ... def run(command_line: str, *, context: Context) -> str | Awaitable[str]:
            ...     return monitor.run_human(command_line, context)
            >>> monitor.run_human("print /d 6*7")
            '42\r\n'
        """
        return self._lines.run(line, context, cpu_index)

    def _query_version(self) -> JsonObject:
        return version_value(self.version)

    def _query_commands(self) -> JsonValue:
        return [{"name": name} for name in self._commands.names()]

    def schema(self) -> "Schema":
        """Return the monitor's interface: declared types and events, and commands with a handler.

        Commands that no schema declares come from the signatures and docstrings of their handlers.
        A backend's commands aren't included.
        """
        return self._interface.schema()

    def missing_handlers(self) -> list[str]:
        """Return the commands that the schema declares but that have no handler yet."""
        return self._interface.missing()

    # Opening and closing

    async def listen(
        self,
        address: AddressLike,
        *,
        many: bool = False,
        max_clients: int | None = None,
        pretty: bool = False,
        human: bool = False,
        insecure: bool = False,
    ) -> Listener:
        """Start to listen, and return at once.

        Args:
            address: The address. A unix path gets mode 0600; a TCP port is refused unless it is on
                loopback.
            many: Serve many clients at once; by default one, and the next one waits.
            max_clients: The largest number of clients; by default `limits.LISTENER_CLIENTS`,
                10,000. It is never more than RLIMIT_NOFILE less 64. The next client waits, which is
                logged.
            pretty: Write replies and events over many lines.
            human: Serve a human monitor there, for terminals.
            insecure: Allow a TCP port that is open to the network.

        Returns:
            The listener. Its ``address`` has the real port if you asked for port 0.

        Raises:
            OSError: If the address can't be bound.
            ValueError: If it isn't an address.
        """
        options = OpeningOptions(many, max_clients, pretty, human, insecure)
        return await self._openings.listen(address, options)

    async def connect(
        self,
        address: AddressLike,
        *,
        pretty: bool = False,
        human: bool = False,
        timeout: float | None = limits.CONNECT_TIMEOUT,
    ) -> None:
        """Dial a client that listens, and serve it; return once connected.

        Raises:
            OSError: If the client can't be reached.
            TimeoutError: If connecting takes longer than ``timeout`` seconds.
        """
        await self._openings.connect(
            address, OpeningOptions(pretty=pretty, human=human), timeout=timeout
        )

    async def serve(
        self,
        *addresses: AddressLike,
        many: bool = False,
        max_clients: int | None = None,
        pretty: bool = False,
        human: bool = False,
        insecure: bool = False,
    ) -> None:
        """Listen on all addresses and serve until `shutdown`, or until cancelled.

        With ``many``, the process's soft limit of descriptors is raised as the clients need it.
        """
        self._loop.attach()
        options = OpeningOptions(many, max_clients, pretty, human, insecure)
        if many:
            raise_fd_limit(max_clients or limits.LISTENER_CLIENTS)
        try:
            for address in addresses:
                await self._openings.listen(address, options)
            await self.wait_closed()
        finally:
            self._openings.close()

    def attach(
        self,
        source: "socket | CharacterDevice",
        *,
        many: bool = False,
        max_clients: int | None = None,
        pretty: bool = False,
        human: bool = False,
        insecure: bool = False,
    ) -> None:
        """Serve a connected socket, the clients of a listening socket, or a character device.

        The monitor then owns the socket. Call it in the loop's thread, or after `start` from any
        thread. For other transports use `connection_factory`.

        Args:
            source: The socket or the character device.
            many: As in `listen`; for sockets.
            max_clients: As in `listen`; for sockets.
            pretty: As in `listen`.
            human: As in `listen`.
            insecure: As in `listen`; for sockets.

        Raises:
            ChardevError: If the character device has a front end already.
            TypeError: If ``source`` is something else, such as an address.
            ValueError: If both ``human`` and ``pretty`` are set.
        """
        self._openings.attach(source, OpeningOptions(many, max_clients, pretty, human, insecure))

    def attach_device(
        self,
        device: DetachableDevice,
        *,
        pretty: bool = False,
        human: bool = False,
        when_left: Callable[[], None] | None = None,
    ) -> Attachment:
        """Serve a character device as `attach` does, so that the monitor can be removed again.

        Call it in the loop's thread.

        Args:
            device: The character device.
            pretty: As in `listen`.
            human: As in `listen`.
            when_left: Called when a client has left, but neither when the attachment is removed nor
                while the whole monitor shuts down.

        Raises:
            ChardevError: If the character device has a front end already.
            ValueError: If both ``human`` and ``pretty`` are set.
        """
        return self._openings.attach_device(
            device, OpeningOptions(pretty=pretty, human=human), when_left
        )

    def open_devices(self) -> None:
        """Greet on the character devices that open now rather than when they were made."""
        self._openings.open_devices()

    def connection_factory(
        self, *, pretty: bool = False, oob: bool = True
    ) -> Callable[[Stream], MonitorConnection]:
        """Return the factory for the handlers of new streams, for any transport.

        Args:
            pretty: Write replies and events over many lines.
            oob: Offer out-of-band execution.
        """
        return self._openings.control_factory(pretty, oob=oob)

    def human_connection_factory(
        self, *, prompt: str = PROMPT, greeting: str | None = None, focused: bool = True
    ) -> "Callable[[Stream], HumanConnection]":
        """Return the factory for the handlers of a human monitor's streams.

        All these streams, in turn or at once, belong to one monitor: they share one history.

        Args:
            prompt: The prompt before each line.
            greeting: The first text on the terminal, by default QEMU's banner.
            focused: The terminal has the focus from the start. With False, as on a mux, the prompt
                waits for the handler's ``focus_gained()``.
        """
        return self._openings.human_factory(prompt=prompt, greeting=greeting, focused=focused)

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """The open listeners."""
        return tuple(each for each in self._openings.listeners if not each.is_closed)

    @property
    def connections(self) -> int:
        """The number of connected clients."""
        return len(self._openings.connections)

    def shutdown(self) -> None:
        """Take no further commands, finish the replies and close. Callable from any thread."""
        self._openings.shut_down()

    @property
    def ended_by(self) -> BaseException | None:
        """The SystemExit or KeyboardInterrupt of a handler that shut the monitor down, or None.

        The program goes on. To end it as well, raise this exception when `serve` has returned.
        """
        return self._ended_by

    def _end(self, error: BaseException) -> None:
        """Shut down because of a handler's exception; callable from any thread."""
        log.error("the monitor ends by %s", type(error).__name__)
        self._ended_by = self._ended_by or error
        self.shutdown()

    async def wait_closed(self) -> None:
        """Wait until the monitor is shut down and all connections are closed."""
        await self._openings.wait_closed()

    # Beside a blocking main loop

    def start(
        self,
        *addresses: AddressLike,
        many: bool = False,
        max_clients: int | None = None,
        pretty: bool = False,
        human: bool = False,
        insecure: bool = False,
        call: CallSoon | None = None,
    ) -> None:
        """Serve in a separate thread, and return once it listens. `stop` ends it.

        Args:
            addresses: The addresses, as in `listen`.
            many: As in `listen`.
            max_clients: As in `listen`.
            pretty: As in `listen`.
            human: As in `listen`.
            insecure: As in `listen`.
            call: Schedules a function in the thread where sync handlers shall run, such as a main
                loop's "call this when idle". By default they run in the monitor's own thread.
                Blocking handlers run through ``call`` too. Others run one at a time.

        Raises:
            OSError: If an address can't be bound.
            RuntimeError: If the monitor was started before.
        """
        if self._thread is not None or self._loop.loop is not None:
            raise RuntimeError("this monitor was started before")
        self._threads.hand_over(call)
        options = OpeningOptions(many, max_clients, pretty, human, insecure)
        started = threading.Event()
        failure: list[BaseException] = []

        async def run() -> None:
            try:
                for address in addresses:
                    await self._openings.listen(address, options)
            except BaseException as error:
                failure.append(error)
                self._openings.close()
                return
            finally:
                # Even after a failure: start() waits for it.
                started.set()
            await self.serve()

        def run_loop() -> None:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                loop = runner.get_loop()
                serving = loop.create_task(run())
                while not serving.done():
                    try:
                        loop.run_until_complete(serving)
                    except ENDING as error:
                        # A task or a callback of the program raised it, which stopped the loop.
                        # Run the loop again, so that the monitor still answers its clients.
                        self._turns.end(error)

        self._thread = threading.Thread(target=run_loop, name=f"{self.name} monitor", daemon=True)
        self._thread.start()
        started.wait()
        if failure:
            raise failure[0]

    def stop(self, timeout: float | None = 2 * limits.CLOSE_TIMEOUT) -> None:
        """Shut down the thread that `start` started, and wait for its end. Idempotent.

        A handler that calls it in the monitor's own thread doesn't wait.
        """
        if self._thread is not None:
            self.shutdown()
            if self._thread is not threading.current_thread():
                self._thread.join(timeout)

    def _disown(self, reason: str) -> None:
        """Forget the thread and all connections: in a forked child they belong to the parent."""
        self._thread = None
        self._openings.disown()

    # Events

    def emit(self, name: str, data: JsonObject | None = None) -> None:
        """Send an event to every client that has negotiated. Callable from any thread.

        An event that a handler emits is sent before its reply. The seven events that QEMU limits to
        one a second are limited here too. Without clients the event is lost, as in QEMU.

        Args:
            name: The event's name.
            data: The event's data, or None.

        Raises:
            TypeError: If JSON can't hold the data; then nothing is sent.
            ValidationError: If `checks_output` is on and the event doesn't match its declaration.
        """
        if self._judges_events:
            is_sent, data = self._interface.event(name, data)
            if not is_sent:
                return
        self._events.emit(name, data)


def _check_name(name: object, decorator: str) -> None:
    """Refuse a decorator without a name, which would silently register nothing.

    Raises:
        TypeError: If the name isn't a str.
    """
    if isinstance(name, str):
        return
    found, example = repr(name), "NAME"
    if callable(name):
        found = "a function"
        example = wire_name(getattr(name, "__name__", example))
    raise TypeError(f'found {found}, expected a name: @monitor.{decorator}("{example}")')


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop: uvloop's if uvloop is installed."""
    try:
        import uvloop  # optional extra: fast
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
