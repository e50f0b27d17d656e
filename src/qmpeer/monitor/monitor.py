"""The embeddable monitor: commands in from any number of clients, replies and events out.

This is the face that a program sees. `qmpeer.monitor.commands` finds the handler of a command,
`qmpeer.monitor.turns` executes it, events go through `qmpeer.monitor.event_broadcast`, and
`qmpeer.monitor.openings` knows where the monitor is open. All of it runs on one event loop's
thread; what may be called from others says so.

[Long on purpose: it is the face of a monitor, most of it documentation.]
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from socket import socket
from typing import Any, TypeVar

from qmpeer import limits
from qmpeer.messages import QemuVersion, Version, version_value
from qmpeer.monitor.backend import Backend, Context
from qmpeer.monitor.commands import Commands
from qmpeer.monitor.connection import Connection
from qmpeer.monitor.event_broadcast import EventBroadcast
from qmpeer.monitor.handlers.type_hints import wire_name
from qmpeer.monitor.human.commands import HumanCommands
from qmpeer.monitor.human.session import PROMPT
from qmpeer.monitor.human.table import Completions
from qmpeer.monitor.human_connection import HumanConnection
from qmpeer.monitor.human_lines import HumanLines
from qmpeer.monitor.interface import Interface
from qmpeer.monitor.loop import MonitorLoop
from qmpeer.monitor.openings import CharacterDevice, Opening, Openings
from qmpeer.monitor.threads import ENDING, Call, Threads
from qmpeer.monitor.turns import Turns
from qmpeer.schema import Policy, Schema, name_fault
from qmpeer.transport import AddressLike, raise_fd_limit
from qmpeer.transport.aio import Listener, Stream
from qmpeer.transport.forking import own
from qmpeer.values import JsonObject, JsonValue

log: logging.Logger = logging.getLogger("qmpeer.monitor")
Function = TypeVar("Function", bound=Callable[..., Any])


class Monitor:
    """Give a program a QMP monitor.

    Register handlers with `command`, send events with `emit`, and open it with `serve` or `listen`
    inside asyncio, or with `start` beside a main loop of another kind.

    Args:
        name: What the program is; it stands in "package" of the version if none is given.
        version: Its release, as major, minor, micro.
        package: Free text for the version.
        backend: What executes the commands that aren't registered here.
        schema: Declares commands and events, conditions settled by `select`. A command in it takes
            its arguments, features and whether it allows oob from there; its handler's signature
            must go with that. Others are what their handlers' signatures say.
        policy: What is done about what is deprecated or unstable; by default it is accepted.
        checks_output: Hold replies and events to the schema too, which is for tests: a reply that
            isn't as declared becomes an internal error, and `emit` raises ValidationError.
        linger: Seconds for which the loop is kept awake for the next command while one client alone
            is active, which makes such a client's commands up to twice as fast and takes processor
            time. 0 switches it off, for programs that do other work on the same loop.

    Attributes:
        human: The commands of its human monitors, and the hooks of their completion and registers.

    Raises:
        ValueError: If the schema's types clash with those of the monitor's own commands.

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
        schema: Schema | None = None,
        policy: Policy | None = None,
        checks_output: bool = False,
        linger: float = limits.LINGER,
    ) -> None:
        self.name: str = name
        self.version: Version = Version(QemuVersion(*version), name if package is None else package)
        policy = policy or Policy()
        self._interface = Interface(schema, policy, checks_output)
        self._judges_events = schema is not None and (checks_output or bool(policy.hidden))
        self._ended_by: BaseException | None = None
        self._loop = MonitorLoop()
        self._threads = Threads()
        connections: set[Connection] = set()
        self._events = EventBroadcast(self._loop, connections)
        self._turns = Turns(self._loop, self._threads, self._events.take_emitted, self._end, linger)
        self._commands = Commands(self._interface, backend, self._threads)
        self.human: HumanCommands = HumanCommands(self._threads)
        self._lines = HumanLines(self, self._loop, self._turns, self.human)
        self._openings = Openings(
            self,
            self._loop,
            self._turns,
            self._events,
            connections,
            self._commands,
            self.human,
        )
        self._thread: threading.Thread | None = None
        own(self)
        if backend is not None:
            backend.subscribe(self.emit)
        self.command("query-version")(self._query_version)
        self.command("query-commands")(self._query_commands)
        if backend is None or schema is not None:  # a backend alone knows its interface itself
            self.command("query-qmp-schema")(self._interface.introspection)

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

        Its parameters are the command's arguments, underscores written as dashes; their annotations
        are the types, and those with a default are optional. A parameter annotated `Context` gets
        that instead. It returns the command's value, None for {}. To answer with an error it raises
        `CommandError`; any other exception is logged and answered as a GenericError. SystemExit and
        KeyboardInterrupt then shut the monitor down as `shutdown` does; see `ended_by`.

        A sync handler runs on the loop and must not block. An async one may take its time: it keeps
        back only the in-band commands of its own client.

        Args:
            name: The command's name on the wire.
            allow_oob: It may be executed out of band. Leave it out where a schema declares it.
            blocking: Run it in a thread. It keeps back only the in-band commands of its own client,
                so it may run beside any other handler, itself included. At most
                `limits.BLOCKING_THREADS` run at once; further commands wait.
            exclusive: Run it in a thread, and let no other in-band command start meanwhile, whoever
                sends it, as in QEMU. One that hangs leaves only out-of-band commands to everybody.
            features: Such as "deprecated". Leave them out where a schema declares them.

        Raises:
            ValueError: If the name is taken or can't be one in QAPI, or what the schema declares is
                said again.
            TypeError: If its signature can't be a command's, or isn't that of what is declared; or
                if this stands without a name, as ``@monitor.command``.

        Example:
            >>> monitor = Monitor()
            >>> @monitor.command("query-load")
            ... def query_load() -> float:
            ...     return 0.5
            >>> @monitor.command  # a program says which name is promised to its clients
            ... def query_load() -> float: ...
            Traceback (most recent call last):
            TypeError: found a function, expected a name: @monitor.command("query-load")
        """
        _check_name(name, "command")
        if isinstance(features, str):
            raise TypeError(f"found features={features!r}, expected a list: [{features!r}]")
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
        complete: Callable[[Sequence[str]], Iterable[str] | Completions] | None = None,
        details: str | Callable[[], str] | None = None,
    ) -> Callable[[Function], Function]:
        r"""Register the decorated function as the handler of a human monitor's command.

        Its parameters are the command's arguments. It returns the text to print, any other value
        to have it written out, or None. Errors are as with `command`, and printed as
        ``Error: DESC``. Sync, async and blocking handlers are run as those of `command` are.

        Args:
            name: The command's name, with others behind ``|``: ``stop|s``; or that of a subcommand:
                ``info status``.
            args: The arguments by QEMU's letters: ``force:-f,device:B``. By default they are what
                the signature says: see `qmpeer.monitor.human.signatures`.
            params: The arguments as help shows them; by default what ``args`` says.
            help: What the command does; by default the first line of the docstring.
            blocking: As with `command`: run it in a thread.
            exclusive: As with `command`: let no in-band command start meanwhile.
            complete: Offers completions. It is given the words up to the cursor, the command's name
                first and what is to be completed last.
            details: What ``help NAME`` prints in place of the command's line, as QEMU does for
                ``log``.

        Raises:
            ValueError: If a name is taken, or ``args`` can't be read.
            TypeError: If the signature can't be a command's, or if this stands without a name.

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
        complete: Callable[[Sequence[str]], Iterable[str] | Completions] | None = None,
    ) -> None:
        r"""Make a human monitor's command of a QMP command.

        Args:
            command: The QMP command's name.
            name: The human one's, ``stop|s`` or ``info status``; by default the same.
            args: Its arguments by QEMU's letters; their names are those of the QMP command's. By
                default what the signature of the QMP command's handler says.
            params: The arguments as help shows them; by default what ``args`` says.
            help: What the command does; by default the first line of its handler's docstring.
            show: Writes the QMP command's value for people; by default members a line each.
            complete: As in `human_command`.

        Raises:
            ValueError: If a name is taken, or ``args`` are needed or can't be read.
            TypeError: If a line can't give what the signature asks for.

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

        Errors are text too. A QMP handler may return what this returns.

        Args:
            line: The line.
            context: Where it came from, if that is known.
            cpu_index: The CPU that it is for; the handler finds it in its context's ``state``.

        Returns:
            What was printed, with CR LF at the ends of lines; an awaitable of it for a command that
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

    def schema(self) -> Schema:
        """Return the interface: what is declared, of commands those with a handler, and the rest.

        Commands that no schema declares are what the signatures and docstrings of their handlers
        say. A backend's aren't there.
        """
        return self._interface.schema()

    def missing_handlers(self) -> list[str]:
        """Return the commands that the schema declares but nothing answers yet."""
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
            address: Where; unix paths get mode 0600, TCP ports other than on loopback are refused.
            many: Greet many clients at once; by default one, and the next one waits.
            max_clients: How many of them; by default `limits.LISTENER_CLIENTS`, 10,000. They are
                never more than RLIMIT_NOFILE allows, less 64. The next one waits; the log says so.
            pretty: Write replies and events over many lines.
            human: Be a human monitor there, for terminals.
            insecure: Let a TCP port be open to the network.

        Returns:
            The listener; its ``address`` is the real one where port 0 was asked for.

        Raises:
            OSError: If that address can't be had.
            ValueError: If it isn't one.
        """
        opening = Opening(many, max_clients, pretty, human, insecure)
        return await self._openings.listen(address, opening)

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
            OSError: If nobody can be reached.
            TimeoutError: If it takes too long.
        """
        await self._openings.connect(address, Opening(pretty=pretty, human=human), timeout=timeout)

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

        With ``many`` the process's soft limit of descriptors is raised to what the clients need.
        """
        self._loop.attach()
        opening = Opening(many, max_clients, pretty, human, insecure)
        if many:
            raise_fd_limit(max_clients or limits.LISTENER_CLIENTS)
        try:
            for address in addresses:
                await self._openings.listen(address, opening)
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
        """Serve a connected socket, what comes in at a listening one, or a character device.

        A socket belongs to us then. Call it in the loop's thread, or after `start` from any. For
        other transports there is `connection_factory`.

        Args:
            source: What is to be served.
            many: As in `listen`; for sockets.
            max_clients: As in `listen`; for sockets.
            pretty: As in `listen`.
            human: As in `listen`.
            insecure: As in `listen`; for sockets.

        Raises:
            ChardevError: If the character device has a front end already.
            TypeError: If it is something else, such as an address.
            ValueError: If a human monitor is to be pretty.
        """
        self._openings.attach(source, Opening(many, max_clients, pretty, human, insecure))

    def open_devices(self) -> None:
        """Greet on the character devices that open only now."""
        self._openings.open_devices()

    def connection_factory(
        self, *, pretty: bool = False, oob: bool = True
    ) -> Callable[[Stream], Connection]:
        """Return what makes the handler of a new stream: the way in for any transport.

        Args:
            pretty: Write replies and events over many lines.
            oob: Offer out-of-band execution.
        """
        return self._openings.control_factory(pretty, oob=oob)

    def human_connection_factory(
        self, *, prompt: str = PROMPT, greeting: str | None = None, focused: bool = True
    ) -> Callable[[Stream], HumanConnection]:
        """Return what makes the handler of a human monitor's streams.

        It is one monitor for all of them, in turn or at once: they have one history.

        Args:
            prompt: What stands before a line.
            greeting: What a terminal is shown first, QEMU's banner by default.
            focused: The terminal is ours from the start. With False, as on a mux, the prompt waits
                for the handler's ``focus_gained()``.
        """
        return self._openings.human_factory(prompt=prompt, greeting=greeting, focused=focused)

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Where it listens."""
        return tuple(self._openings.listeners)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._openings.connections)

    def shutdown(self) -> None:
        """Take no further command, finish the answers, close all. Callable from any thread."""
        self._openings.shut_down()

    @property
    def ended_by(self) -> BaseException | None:
        """The SystemExit or KeyboardInterrupt of a handler by which the monitor was shut down.

        The program goes on. If it is to end as well, raise this when `serve` has returned.
        """
        return self._ended_by

    def _end(self, error: BaseException) -> None:
        """Take in that a handler has raised what ends the monitor; callable from any thread."""
        log.error("the monitor ends by %s", type(error).__name__)
        self._ended_by = self._ended_by or error
        self.shutdown()

    async def wait_closed(self) -> None:
        """Wait until it was shut down and all connections are gone."""
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
        call: Call | None = None,
    ) -> None:
        """Serve from a thread of its own; return once it listens. `stop` ends it.

        Args:
            addresses: Where to listen, as in `listen`.
            many: As in `listen`.
            max_clients: As in `listen`.
            pretty: As in `listen`.
            human: As in `listen`.
            insecure: As in `listen`.
            call: Has a function called in the thread where sync handlers belong, such as a main
                loop's "call this when idle". By default they run in the monitor's own thread.
                Blocking ones go there too. Those that aren't blocking stay one at a time.

        Raises:
            OSError: If an address can't be had.
            RuntimeError: If it was started before.
        """
        if self._thread is not None or self._loop.loop is not None:
            raise RuntimeError("this monitor was started before")
        self._threads.hand_over(call)
        opening = Opening(many, max_clients, pretty, human, insecure)
        started = threading.Event()
        failure: list[BaseException] = []

        async def run() -> None:
            try:
                for address in addresses:
                    await self._openings.listen(address, opening)
            except BaseException as error:
                failure.append(error)
                self._openings.close()
                return
            finally:
                started.set()
            await self.serve()

        def run_loop() -> None:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                loop = runner.get_loop()
                serving = loop.create_task(run())
                while not serving.done():
                    try:
                        loop.run_until_complete(serving)
                    except ENDING as error:  # of a task or a callback of the program's own
                        self._turns.end(error)

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

    def _disown(self, reason: str) -> None:
        """Take in that this is a forked child: what is open, and the thread, are its parent's."""
        self._thread = None
        self._openings.disown()

    # Events

    def emit(self, name: str, data: JsonObject | None = None) -> None:
        """Send an event to every client that has negotiated. Callable from any thread.

        An event that a handler emits stands before its reply. The seven events that QEMU limits to
        one a second are limited here too. Without clients it is lost, as in QEMU.

        Args:
            name: The event's name.
            data: Its data; None if it has none.

        Raises:
            TypeError: If there is something in it that JSON can't hold; nothing is sent then.
            ValidationError: If it isn't what the schema declares, and `checks_output` is on.
        """
        if self._judges_events:
            is_sent, data = self._interface.event(name, data)
            if not is_sent:
                return
        self._events.emit(name, data)


def _check_name(name: object, decorator: str) -> None:
    """Refuse a decorator without a name: it would register nothing, in silence.

    Raises:
        TypeError: If it is no text.
    """
    if isinstance(name, str):
        return
    found, example = repr(name), "NAME"
    if callable(name):
        found = "a function"
        example = wire_name(getattr(name, "__name__", example))
    raise TypeError(f'found {found}, expected a name: @monitor.{decorator}("{example}")')


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a new loop: uvloop's if it is installed."""
    try:
        import uvloop  # optional extra: fast
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
