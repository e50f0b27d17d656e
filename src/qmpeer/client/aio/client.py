"""The async client: the same names as the blocking one, with await.

[Long on purpose: it is the face of a client, most of it documentation; what it does stands in the
modules that it imports.]
"""

from collections.abc import Callable, Iterable, Sequence
from typing import IO, TYPE_CHECKING, Any, TypeVar, overload

from qmpeer import limits, transport
from qmpeer.client import aio
from qmpeer.client.aio.channel import AsyncChannel, AsyncOnLost
from qmpeer.client.aio.door import Door, accepted, aside, decoded, opened
from qmpeer.client.aio.reply import Reply
from qmpeer.client.aio.subscription import AsyncEvents
from qmpeer.client.binding_calls import Binding, EventName, compare, event_types, named
from qmpeer.client.events import EventLog, EventWait, Match, Names
from qmpeer.client.sessions import new_session
from qmpeer.client.timeouts import DEFAULT, Countdown, Deadline, Default, Timeout
from qmpeer.errors import CommandError, ConnectionClosed
from qmpeer.messages import Event, Greeting
from qmpeer.transport import AddressLike, address_text
from qmpeer.values import JsonObject

if TYPE_CHECKING:
    import ssl
    import subprocess

    from qmpeer.bindings import Command, EventType, TypedEvent
    from qmpeer.client.aio.guest_agent import AsyncGuestAgent
    from qmpeer.client.aio.reconnecting_channel import AnyAsyncChannel
    from qmpeer.client.interruptions import Interruption
    from qmpeer.client.jobs import JobState, OnStopped, WhenReady
    from qmpeer.client.migration import MigrationState
    from qmpeer.client.preflight import Preflight
    from qmpeer.schema import Differences, Schema


R = TypeVar("R")
D = TypeVar("D")


class AsyncClient(Door):
    """A QMP server, driven from asyncio.

    Make one with `connect`, `accept` or `launch`, and use it as an async context manager. It
    belongs to the loop that it was made on, and to the process that made it: in a forked child,
    using it raises ConnectionClosed, and closing it doesn't touch the parent's connection.

    Attributes:
        command_timeout: Seconds for a command and for wait_event unless they say otherwise.

    Example:
        >>> from qmpeer.errors import CommandError, ConnectionClosed
        >>> try:  # doctest: +SKIP
        ...     async with await AsyncClient.connect("unix:/run/vm.qmp", timeout=5.0) as vm:
        ...         await vm.execute("query-status")
        ... except ConnectionClosed:
        ...     ...
    """

    # blocking: - driven from asyncio.
    # blocking: + driven from blocking code; several threads may share one.
    # blocking: - belongs to the loop that it was made on, and to the process
    # blocking: + belongs to the process

    def __init__(self, channel: "AnyAsyncChannel", command_timeout: float | None) -> None:
        self.command_timeout = command_timeout
        self._channel: AnyAsyncChannel = channel
        self._preflight: Preflight | None = None

    # Connecting

    @classmethod
    async def connect(
        cls,
        address: AddressLike,
        *,
        timeout: float | None = limits.CONNECT_TIMEOUT,
        command_timeout: float | None = limits.COMMAND_TIMEOUT,
        negotiate: bool = True,
        capabilities: Sequence[str] | None = None,
        max_in_flight: int | None = None,
        message_limit: int = limits.MESSAGE_SIZE,
        strict: "bool | Schema" = False,
        wait_for_socket: bool = False,
        reconnect: float | None = 0.0,
        tls: "ssl.SSLContext | None" = None,
    ) -> "AsyncClient":
        """Connect to a server, take its greeting and negotiate.

        Args:
            address: Such as "unix:/run/vm.qmp", "localhost:4444", "tls:vm.example:4444",
                "wss://vm.example:4444/", or a connected socket.
            timeout: Seconds for all of that together; None waits for ever.
            command_timeout: Seconds for each command later on.
            negotiate: False for a guest agent, which neither greets nor negotiates.
            capabilities: Those to enable; None enables "oob" if it is offered.
            max_in_flight: In-band commands sent before the first of them is answered; the others
                wait their turn. None: any number, and 8 from the first out-of-band command on, so
                that the next one isn't kept waiting.
            message_limit: Bytes of the longest message; a longer one ends the connection.
            strict: Check commands before they are sent, against the server's schema or the one
                given here; what the server would refuse raises ValidationError then. What is
                deprecated gives a DeprecationWarning.
            wait_for_socket: Keep trying while nobody listens there yet.
            reconnect: Seconds for which another connection is tried for whenever one is lost; None
                for ever. Numbers of events go on, and `interruptions` tells what was lost: a
                command that was cut off raises CommandInterrupted, as ever, and isn't repeated; all
                else waits, no longer than its own deadline.
            tls: For tls and wss: certificates, and what is checked, in place of the options that
                such an address has.

        Raises:
            OSError: If it can't be reached, or if it, or we, refuse the other's certificate.
            TimeoutError: If time runs out; it says whether the server was silent.
            NegotiationError: If the server refuses.
            ConnectionClosed: If it leaves, or isn't a QMP server.
            CommandError: If it can't say what its schema is, and strict=True asked for that.
            ValueError: If the address isn't one, or can't be connected to again.
        """
        # blocking: - longer than its own deadline.
        # blocking: + longer than its own deadline. It is whoever needs the connection that makes
        # blocking: + the new one: events that come while nobody waits for any are lost.

        async def open_channel(
            seconds: float | None, log: EventLog, on_lost: AsyncOnLost | None
        ) -> AsyncChannel:
            session = new_session(
                address_text(address), negotiate, capabilities, max_in_flight, message_limit
            )
            return await opened(
                address,
                session,
                Deadline(seconds),
                log=log,
                on_lost=on_lost,
                wait_for_socket=wait_for_socket,
                tls=tls,
            )

        deadline = Deadline(timeout)
        channel: AnyAsyncChannel
        if reconnect == 0:
            channel = await open_channel(timeout, EventLog(), None)
        else:
            channel = aio.AsyncReconnectingChannel(address, open_channel, reconnect)
            await channel.begin(timeout)
        return await cls._made(channel, deadline, command_timeout, strict)

    @classmethod
    async def accept(
        cls,
        address: AddressLike,
        *,
        timeout: float | None = limits.CONNECT_TIMEOUT,
        command_timeout: float | None = limits.COMMAND_TIMEOUT,
        negotiate: bool = True,
        capabilities: Sequence[str] | None = None,
        max_in_flight: int | None = None,
        message_limit: int = limits.MESSAGE_SIZE,
        strict: "bool | Schema" = False,
        insecure: bool = False,
    ) -> "AsyncClient":
        """Wait for a server that dials us, as QEMU does without ``server=on``; else as `connect`.

        Args:
            address: Where to listen, or a socket that listens already, which stays open.
            timeout: Seconds until it has come, greeted and negotiated.
            insecure: Listen where other machines can reach it; whoever comes first is the server.
        """
        deadline = Deadline(timeout)
        listener = transport.listen(address, backlog=1, insecure=insecure)
        try:
            sock = await accepted(listener, timeout)
        finally:
            if listener is not address:
                transport.unlink_if_ours(listener)
                listener.close()
        session = new_session(
            address_text(address), negotiate, capabilities, max_in_flight, message_limit
        )
        channel = await opened(sock, session, deadline)
        return await cls._made(channel, deadline, command_timeout, strict)

    @classmethod
    async def launch(
        cls,
        argv: Sequence[str],
        *,
        timeout: float | None = limits.CONNECT_TIMEOUT,
        command_timeout: float | None = limits.COMMAND_TIMEOUT,
        capabilities: Sequence[str] | None = None,
        max_in_flight: int | None = None,
        message_limit: int = limits.MESSAGE_SIZE,
        strict: "bool | Schema" = False,
        monitor: Sequence[str] | None = None,
        stderr: int | IO[bytes] | None = None,
        ends_with_parent: bool = True,
        own_session: bool = True,
    ) -> "AsyncClient":
        """Start a program with its monitor on a socket pair, and connect; `close` ends it.

        What isn't told of here is as in `connect`.

        Args:
            argv: The program and its options; those of the monitor are added.
            timeout: Seconds until it has greeted and negotiated.
            monitor: The options to add, "{fd}" standing for the descriptor; by default QEMU's.
            stderr: Where its stderr goes, as for subprocess.Popen; None keeps it for errors.
            ends_with_parent: It ends when this program does, however that ends: by returning, by
                an exception, by os._exit or by a signal, SIGKILL included. A small process of
                Python stands guard over it. False leaves it running, and its monitor closed.
            own_session: It runs in a session of its own, so that Ctrl-C at this program's terminal
                doesn't reach it, and it can be told to quit. False leaves it in ours.

        Raises:
            ConnectionClosed: If it ends at once; with what it wrote to stderr.
        """
        from qmpeer.client.launching import Launched  # start: 20 ms

        deadline = Deadline(timeout)
        launched = await aside(Launched, argv, monitor, stderr, ends_with_parent, own_session)
        try:
            session = new_session(argv[0], True, capabilities, max_in_flight, message_limit)
            channel = await opened(launched.socket, session, deadline, launched=launched)
            return await cls._made(channel, deadline, command_timeout, strict)
        except BaseException:
            await aside(launched.end)
            raise

    @classmethod
    async def _made(
        cls,
        channel: "AnyAsyncChannel",
        deadline: Deadline,
        command_timeout: float | None,
        strict: "bool | Schema",
    ) -> "AsyncClient":
        client = cls(channel, command_timeout)
        if strict is not False:
            try:
                await client._be_strict(strict, deadline.remaining())
            except BaseException:
                await client.close()
                raise
        return client

    async def _be_strict(self, strict: "bool | Schema", timeout: float | None) -> None:
        from qmpeer.client.preflight import Preflight, no_schema  # start: 40 ms

        if isinstance(strict, bool):
            try:
                answer = await self.execute("query-qmp-schema", timeout=timeout)
            except CommandError as error:
                raise no_schema(error) from None
            self._preflight = Preflight.of_answer(answer)
        else:
            self._preflight = Preflight(strict)

    # Commands

    @overload
    def execute(
        self,
        command: str,
        arguments: JsonObject | None = None,
        *,
        timeout: Timeout = DEFAULT,
        oob: bool = False,
        fds: Sequence[int] = (),
    ) -> Reply[Any]: ...
    @overload
    def execute(
        self,
        command: "Command[R]",
        *,
        timeout: Timeout = DEFAULT,
        oob: bool = False,
        fds: Sequence[int] = (),
    ) -> Reply[R]: ...
    def execute(
        self,
        command: "str | Command[Any]",
        arguments: JsonObject | None = None,
        *,
        timeout: Timeout = DEFAULT,
        oob: bool = False,
        fds: Sequence[int] = (),
    ) -> Reply[Any]:
        """Send one command; await what this returns for its value.

        It is sent whether or not it is awaited; cancelling the future drops the reply, not the
        command. The future goes wherever a coroutine goes, such as asyncio.create_task(). From
        another thread, or while the client's loop isn't running, this returns a mere coroutine, and
        nothing is sent until the loop runs that, as by asyncio.run_coroutine_threadsafe().

        Args:
            command: Its name, or what a function of a binding returned.
            arguments: Its arguments; those of a binding's command are in it already.
            timeout: Seconds until the reply; None waits for ever. A command that timed out may
                still be executed; its late reply is dropped.
            oob: Execute it out of band, overtaking those that wait.
            fds: Descriptors to send with it, over a unix socket; they stay the caller's.

        Returns:
            A future of the value as JSON has it, {} where the command returns nothing; of a
            binding's command as the type that it returns. It raises
            CommandError if the server answered with an error; CommandInterrupted if the connection
            ended first, and the outcome is unknown (the reply of "quit" may be cut off, which
            counts as success); TimeoutError if the deadline passed; ValueError or OSError if the
            descriptors can't be sent.

        Raises:
            ConnectionClosed: If the connection has ended before.
            LocalProtocolError: If out-of-band execution isn't enabled.
            TypeError: If JSON can't hold the arguments.
            ValidationError: If there is a character in them that no server reads (a lone surrogate,
                a noncharacter), or the client is strict, and the server would refuse the command.
            LimitError: If they are nested deeper, or longer, than a server reads.
        """
        # blocking: - Send one command; await what this returns for its value.
        # blocking: + Execute one command and return its value.
        # blocking: - It is sent whether … run_coroutine_threadsafe().
        # blocking: - A future of the value … can't be sent.
        # blocking: + The value as JSON has it, {} where the command returns nothing; of a binding's
        # blocking: + command as the type that it returns.
        # blocking: - ConnectionClosed: If
        # blocking: + CommandError: If the server answered with an error.
        # blocking: + CommandInterrupted: If the connection ended first, and the outcome is unknown;
        # blocking: + the reply of "quit" may be cut off, which counts as success.
        # blocking: + TimeoutError: If the deadline passed.
        # blocking: + ValueError: If descriptors can't be sent here.
        # blocking: + OSError: If one of them isn't open.
        # blocking: + ConnectionClosed: If
        if not isinstance(command, str):
            return decoded(
                command,
                self.execute(command.name, command.arguments, timeout=timeout, oob=oob, fds=fds),
            )
        if self._preflight is not None:
            self._preflight.check(command, arguments)
        seconds = self.command_timeout if isinstance(timeout, Default) else timeout
        return self._channel.execute(command, arguments, seconds, oob, fds)

    async def check(self, binding: Binding, *, timeout: Timeout = DEFAULT) -> "Differences":
        """Compare the schema that a binding is for with the server's.

        Args:
            binding: The module of the binding.
            timeout: Seconds for the server's answer; None waits for ever.

        Returns:
            What the server lacks ("gone"), what it has more ("new"), and what differs.

        Raises:
            CommandError: If the server can't say what its schema is.
        """
        return compare(binding, await self.execute("query-qmp-schema", timeout=timeout))

    # Events

    @overload
    def events(
        self,
        name: "EventType[D]",
        /,
        *,
        match: Match = None,
        limit: int = limits.EVENTS_SUBSCRIBED,
    ) -> "AsyncEvents[TypedEvent[D]]": ...
    @overload
    def events(
        self, *names: str, match: Match = None, limit: int = limits.EVENTS_SUBSCRIBED
    ) -> "AsyncEvents[Event]": ...
    @overload
    def events(
        self, *names: EventName, match: Match = None, limit: int = limits.EVENTS_SUBSCRIBED
    ) -> "AsyncEvents[Any]": ...
    def events(
        self, *names: EventName, match: Match = None, limit: int = limits.EVENTS_SUBSCRIBED
    ) -> "AsyncEvents[Any]":
        """Subscribe to the events that come from now on.

        Args:
            names: Those wanted, each by its name or its type in a binding, in which case events are
                handed out with data of that type; none means all.
            match: Members that their data must have, or a function of the event.
            limit: How many may be unread before the oldest are dropped, and counted.

        Returns:
            An async iterator and context manager; it ends when the connection does.
        """
        wanted = event_types(names)
        queue = self._channel.log.subscribe(wanted.names, match, limit)
        return AsyncEvents(self._channel, queue, wanted.hand_out)

    async def event_mark(self) -> int:
        """Take in what has arrived, and return a mark: "everything after now" for wait_event."""
        await self._channel.take_in_what_has_arrived()
        return self._channel.log.last

    @overload
    async def wait_event(
        self,
        names: "EventType[D]",
        match: Match = None,
        *,
        since: int | None = None,
        timeout: Timeout = DEFAULT,
    ) -> "TypedEvent[D]": ...
    @overload
    async def wait_event(
        self,
        names: Names = None,
        match: Match = None,
        *,
        since: int | None = None,
        timeout: Timeout = DEFAULT,
    ) -> Event: ...
    @overload
    async def wait_event(
        self,
        names: Iterable[EventName],
        match: Match = None,
        *,
        since: int | None = None,
        timeout: Timeout = DEFAULT,
    ) -> Any: ...
    async def wait_event(
        self,
        names: EventName | Iterable[EventName] | None = None,
        match: Match = None,
        *,
        since: int | None = None,
        timeout: Timeout = DEFAULT,
    ) -> Any:
        """Wait for an event and return it.

        Args:
            names: One name or several, or types of a binding; None is any.
            match: Members that its data must have, or a function of the event.
            since: A mark: events after it count that have come already. None: only new ones.
            timeout: Seconds; None waits for ever.

        Raises:
            TimeoutError: If none comes in time.
            ConnectionClosed: If the connection ends first.
            LimitError: If events after the mark are no longer kept, so that it may be one of them.
            TypeError: If the mark isn't one.
        """
        seconds = self._seconds(timeout)
        deadline = Deadline(seconds)
        wanted = event_types(names)
        waiting = EventWait(self._channel.log, wanted.names, match, since)
        waiting.begin(await self.event_mark())
        try:
            if not await self._channel.wait(waiting.is_found, deadline):
                raise waiting.late(seconds, self._channel.interruptions)
        except ConnectionClosed as error:
            error.reason += waiting.missed()
            raise
        assert waiting.event is not None
        return wanted.hand_out(waiting.event)

    # What takes several commands

    async def run_job(
        self,
        command: "str | Command[Any]",
        arguments: JsonObject | None = None,
        *,
        when_ready: "WhenReady" = "complete",
        on_stopped: "OnStopped" = "raise",
        progress: "Callable[[JobState], object] | None" = None,
        interval: float = limits.PROGRESS_INTERVAL,
        timeout: Timeout = DEFAULT,
    ) -> "JobState":
        """Begin a job, see it through by its events, and return how it stood at its end.

        It is finalized and dismissed if it doesn't do so by itself. What keeps this from seeing its
        end, be it the deadline or an exception of the progress function, cancels it; if that
        doesn't work, the exception bears a note of it.

        Args:
            command: What begins it: "blockdev-mirror", "blockdev-create", "snapshot-save", …; any
                that takes a job-id, by its name or from a binding.
            arguments: Its arguments; without a job-id it is given one.
            when_ready: Whether a job that is ready, and could go on for ever, switches over to its
                target ("complete"), or stops, so that the target is a copy of what was ("stop").
            on_stopped: Whether a job that an error has stopped (on-target-error=stop) raises
                JobError and is left as it is, for job-resume or job-cancel ("raise"), or is waited
                for, as somebody else will see to it ("wait").
            progress: Called with the job's state whenever that changes; a coroutine is awaited.
            interval: Seconds from one question for the progress to the next; without a progress
                function, none is asked.
            timeout: Seconds for all of it; None waits for ever.

        Raises:
            JobError: If the job fails, somebody cancels it, or an error has stopped it.
            CommandError: If it can't be begun.
            CommandInterrupted: If the connection ends meanwhile; the job may go on.
            ConnectionClosed: Likewise.
            TimeoutError: If the deadline passed.
        """
        # blocking: - ; a coroutine is awaited
        name, given = named(command, arguments)
        countdown = Countdown(self._seconds(timeout))
        run = aio.JobRun(self, name, given, when_ready, on_stopped, progress, interval, countdown)
        return await run.run()

    async def migrate(
        self,
        uri: str | None = None,
        arguments: JsonObject | None = None,
        *,
        progress: "Callable[[MigrationState], object] | None" = None,
        interval: float = limits.PROGRESS_INTERVAL,
        timeout: Timeout = DEFAULT,
    ) -> "MigrationState":
        """Migrate the machine, and return how that stood at its end.

        Where the server has MIGRATION events they are enabled, and nothing is polled but the
        progress. What keeps this from seeing the end cancels the migration, but not in postcopy.
        One that pauses before it switches over goes on once the progress function has been told.

        Args:
            uri: Whereto, such as "unix:/run/other.sock" or "exec:cat >file".
            arguments: Further arguments of the command "migrate".
            progress: Called with the state whenever that changes, and each interval; a coroutine
                is awaited.
            interval: Seconds from one question for the progress to the next.
            timeout: Seconds for all of it; None waits for ever.

        Raises:
            MigrationError: If it fails, for the server's own reason, or somebody cancels it.
            CommandError: If it can't be begun.
            CommandInterrupted: If the connection ends meanwhile; the migration may go on.
            ConnectionClosed: Likewise.
            TimeoutError: If the deadline passed.
        """
        # blocking: - ; a coroutine is awaited
        given = dict(arguments or {}) if uri is None else {"uri": uri, **(arguments or {})}
        countdown = Countdown(self._seconds(timeout))
        return await aio.MigrationRun(self, given, progress, interval, countdown).run()

    async def guest_agent(
        self,
        address: AddressLike | None = None,
        *,
        timeout: float | None = limits.CONNECT_TIMEOUT,
    ) -> "AsyncGuestAgent":
        """Connect to the guest's agent, and wait until it answers; to be closed by the caller.

        Args:
            address: Of the chardev behind its port; None asks the server, which tells it if it is
                a socket that waits for somebody.
            timeout: Seconds for that; None waits for ever.

        Raises:
            ValueError: If the server doesn't tell an address.
            OSError: If it can't be reached.
            TimeoutError: If the agent doesn't answer.
        """
        countdown = Countdown(timeout)
        if address is None:
            address = await aio.find_agent(self, countdown)
        return await aio.AsyncGuestAgent.connect(
            address, timeout=countdown.remaining(), command_timeout=self.command_timeout
        )

    async def names(
        self, kind: str, *, within: str = "", timeout: float | None = limits.NAMES_TIMEOUT
    ) -> list[str]:
        """Return the names of what is there, for completion; none if the server can't be asked.

        Args:
            kind: "block-node", "drive", "block" (either), "drive-device", "device", "job",
                "chardev", "netdev", "qom-path", "qom-property", "object", "iothread",
                "memory-backend", "block-export", "dirty-bitmap", "command", "event",
                "device-type", "qom-type" or "chardev-backend".
            within: Where to look: the path whose children or properties are meant.
            timeout: Seconds for asking.

        Raises:
            ValueError: If there is no such kind.
            TimeoutError: If the server doesn't answer in time.
        """
        return await aio.names(self, kind, within, Countdown(timeout))

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
    def interruptions(self) -> "tuple[Interruption, ...]":
        """The connections that were lost, the oldest first; none without ``reconnect``."""
        return self._channel.interruptions

    @property
    def is_closed(self) -> bool:
        """The connection has ended, and no other will be made."""
        return self._channel.is_closed

    async def close(self) -> None:
        """Close the connection, and end what `launch` started; doing so twice is fine."""
        await self._channel.close()

    def __repr__(self) -> str:
        phase = "closed" if self._channel.is_closed else self._channel.session.phase.value
        return f"<AsyncClient {phase}>"

    def _seconds(self, timeout: Timeout) -> float | None:
        return self.command_timeout if isinstance(timeout, Default) else timeout
