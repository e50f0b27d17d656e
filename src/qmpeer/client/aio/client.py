"""The async client: the same names as the blocking one, with await.

[Long on purpose: it is the public interface of a client, most of it documentation. The work is done
in the modules that it imports.]
"""

import socket
from collections.abc import Callable, Iterable, Sequence
from typing import IO, TYPE_CHECKING, Any, Literal, TypeVar, overload

from qmpeer import limits, transport
from qmpeer.client import aio
from qmpeer.client.aio.channel import AsyncChannel, AsyncOnLost
from qmpeer.client.aio.primitives import (
    ClosedOnExit,
    accept_connection,
    call_blocking,
    decoded,
    open_connection,
)
from qmpeer.client.aio.reply import Later, Reply
from qmpeer.client.aio.subscription import AsyncEvents
from qmpeer.client.binding_calls import (
    Binding,
    EventName,
    compare,
    event_names,
    event_types,
    named,
    one_event,
)
from qmpeer.client.events import EventLog, EventWait, Match, Names
from qmpeer.client.sessions import new_session
from qmpeer.client.timeouts import DEFAULT, Countdown, Deadline, Default, Timeout
from qmpeer.client.watching import announce
from qmpeer.errors import CommandError, ConnectionClosed
from qmpeer.messages import Event, Greeting
from qmpeer.transport import AddressLike, address_text
from qmpeer.values import JsonObject

if TYPE_CHECKING:
    import ssl
    import subprocess

    from qmpeer.bindings import Command, EventType, TypedEvent
    from qmpeer.client.aio.guest_agent import AsyncGuestAgent
    from qmpeer.client.aio.keyboard import AsyncKeyboard
    from qmpeer.client.aio.plug_run import AsyncPlugged
    from qmpeer.client.aio.pointer import AsyncPointer
    from qmpeer.client.aio.reconnecting_channel import AnyAsyncChannel
    from qmpeer.client.hotplug import Backends, DeviceBackend, Part
    from qmpeer.client.interruptions import Interruption
    from qmpeer.client.jobs import JobState, OnStopped, WhenReady
    from qmpeer.client.migration import MigrationState
    from qmpeer.client.preflight import Preflight
    from qmpeer.client.recorder import Record, Recorder
    from qmpeer.display.pictures import Picture
    from qmpeer.schema import Differences, Schema


R = TypeVar("R")
D = TypeVar("D")


class AsyncClient(ClosedOnExit):
    """A client of a QMP server, for asyncio.

    Make one with `connect`, `accept` or `launch`, and use it as an async context manager. It
    belongs to the event loop and the process that made it. In a forked child, its methods raise
    ConnectionClosed, and closing it doesn't affect the parent's connection.

    Attributes:
        command_timeout: The default timeout of commands, wait_event, run_job and migrate, in
            seconds. None waits for ever.

    Example:
        >>> from qmpeer.errors import CommandError, ConnectionClosed
        >>> try:  # doctest: +SKIP
        ...     async with await AsyncClient.connect("unix:/run/vm.qmp", timeout=5.0) as vm:
        ...         await vm.execute("query-status")
        ... except ConnectionClosed:
        ...     ...
    """

    # blocking: - A client of a QMP server, for asyncio.
    # blocking: + A client of a QMP server, for blocking code; several threads may share one.
    # blocking: - belongs to the event loop and the process
    # blocking: + belongs to the process

    def __init__(self, channel: "AnyAsyncChannel", command_timeout: float | None) -> None:
        self.command_timeout = command_timeout
        self._channel: AnyAsyncChannel = channel
        self._preflight: Preflight | None = None
        self._checked_events: set[str] = set()  # names that the server has
        self._held_keys: list[str] = []
        self._plugged: dict[str, AsyncPlugged] = {}  # by QOM path
        self._recorder: Recorder | None = None
        announce(self)

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
        record: "Record | None" = None,
    ) -> "AsyncClient":
        """Connect to a server and negotiate capabilities.

        Args:
            address: Such as "unix:/run/vm.qmp", "localhost:4444", "tls:vm.example:4444",
                "wss://vm.example:4444/", or a connected socket.
            timeout: Seconds to connect, receive the greeting and negotiate; None waits for ever.
            command_timeout: The default timeout of later commands, in seconds; None waits for ever.
            negotiate: False for a guest agent, which neither sends a greeting nor negotiates.
            capabilities: The capabilities to enable; None enables "oob" if the server offers it.
            max_in_flight: The number of in-band commands that may be sent and not yet answered;
                further commands are queued. None sets no limit at first, and 8 from the first
                out-of-band command on, so that later out-of-band commands aren't held up.
            message_limit: The size of the longest message accepted, in bytes. A longer one ends the
                connection.
            strict: Check each command before it is sent, against the server's schema (True) or
                against the given schema. A command that the server would refuse raises
                ValidationError; a deprecated one gives a DeprecationWarning.
            wait_for_socket: Keep trying while nobody listens at the address yet. A unix socket that
                has just been made is given `limits.DIAL_SETTLE` seconds: a QEMU that starts may
                hang if a client connects at once.
            reconnect: After a connection is lost, keep trying to reconnect for this many seconds; 0
                doesn't reconnect, None never gives up. Event numbers continue, and `interruptions`
                records what was lost. A command that was cut off raises CommandInterrupted and
                isn't repeated. Everything else waits for the new connection, up to its own
                deadline.
            tls: The TLS context for tls and wss, instead of the options in the address.
            record: A file to which the conversation is recorded as a transcript, without secrets:
                what was sent and received as QMP, also below TLS or a WebSocket. A section is added
                to the file; `close` ends it. Or a `qmpeer.recording.Recording`, which several
                clients may share, and which `close` leaves open.

        Raises:
            OSError: If the server can't be reached, or if one side rejects the other's certificate.
                Also if the file of `record` can't be written; then nothing was connected to.
            TimeoutError: If the timeout passes; the message shows whether the server was silent.
            NegotiationError: If the server refuses the capabilities, or doesn't offer them.
            ConnectionClosed: If the server closes the connection, or isn't a QMP server.
            CommandError: If strict is True and the server can't return its schema.
            ValueError: If the address is malformed, or reconnect is set for one that can't be
                connected to again.
        """
        # blocking: - up to its own deadline.
        # blocking: + up to its own deadline. The next call that needs a connection makes it; events
        # blocking: + that the server sends before that are lost.

        async def open_channel(
            seconds: float | None, log: EventLog, on_lost: AsyncOnLost | None
        ) -> AsyncChannel:
            session = new_session(
                address_text(address),
                negotiate,
                capabilities,
                max_in_flight,
                message_limit,
                recorder,
            )
            return await open_connection(
                address,
                session,
                Deadline(seconds),
                log=log,
                on_lost=on_lost,
                wait_for_socket=wait_for_socket,
                tls=tls,
            )

        deadline = Deadline(timeout)
        recorder = None if record is None else aio.Recorder(record, address_text(address))
        channel: AnyAsyncChannel
        try:
            if reconnect == 0:
                channel = await open_channel(timeout, EventLog(), None)
            else:
                channel = aio.AsyncReconnectingChannel(address, open_channel, reconnect)
                await channel.begin(timeout)
        except BaseException:
            if recorder is not None:
                recorder.close()
            raise
        return await cls._made(channel, deadline, command_timeout, strict, recorder)

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
        record: "Record | None" = None,
    ) -> "AsyncClient":
        """Wait for a server that connects to us, as QEMU does without ``server=on``.

        Further arguments and exceptions are those of `connect`.

        Args:
            address: The address to listen at, or a listening socket, which stays open.
            timeout: Seconds until the server has connected and negotiated; None waits for ever.
            insecure: Allow an address that other machines can reach. The first peer that connects
                is taken for the server.
        """
        deadline = Deadline(timeout)
        recorder = None if record is None else aio.Recorder(record, address_text(address))
        try:
            listener = transport.listen(address, backlog=1, insecure=insecure)
            try:
                sock = await accept_connection(listener, timeout)
            finally:
                # A listening socket of the caller's stays open; only ours is removed.
                if listener is not address:
                    transport.unlink_if_ours(listener)
                    listener.close()
            session = new_session(
                address_text(address),
                negotiate,
                capabilities,
                max_in_flight,
                message_limit,
                recorder,
            )
            channel = await open_connection(sock, session, deadline)
        except BaseException:
            if recorder is not None:
                recorder.close()
            raise
        return await cls._made(channel, deadline, command_timeout, strict, recorder)

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
        record: "Record | None" = None,
    ) -> "AsyncClient":
        """Start a program with its monitor on a socket pair, and connect; `close` ends the program.

        Further arguments and exceptions are those of `connect`.

        Args:
            argv: The program and its options; the monitor's options are added.
            timeout: Seconds until it has negotiated; None waits for ever.
            monitor: The monitor's options, with "{fd}" for the descriptor; None adds QEMU's.
            stderr: The destination of its stderr, as for subprocess.Popen; None keeps it for error
                messages.
            ends_with_parent: End it when this process ends, in whatever way: by returning, by an
                exception, by os._exit or by a signal, including SIGKILL. A small Python process
                guards it. False leaves it running with its monitor closed.
            own_session: Run it in a session of its own, so that Ctrl-C at our terminal doesn't
                reach it, and you can still send it "quit". False runs it in our session.

        Raises:
            ConnectionClosed: If the program ends at once; the message holds its stderr.
        """
        from qmpeer.client.launching import Launched  # start: 20 ms

        deadline = Deadline(timeout)
        recorder = None if record is None else aio.Recorder(record, argv[0])
        launched: Launched | None = None
        try:
            launched = await call_blocking(
                Launched, argv, monitor, stderr, ends_with_parent, own_session
            )
            session = new_session(
                argv[0], True, capabilities, max_in_flight, message_limit, recorder
            )
            channel = await open_connection(launched.socket, session, deadline, launched=launched)
            return await cls._made(channel, deadline, command_timeout, strict, recorder)
        except BaseException:
            # After any exception, KeyboardInterrupt included: the program must not outlive the
            # failed launch.
            if launched is not None:
                await call_blocking(launched.end)
            if recorder is not None:
                recorder.close()
            raise

    @classmethod
    async def _made(
        cls,
        channel: "AnyAsyncChannel",
        deadline: Deadline,
        command_timeout: float | None,
        strict: "bool | Schema",
        recorder: "Recorder | None",
    ) -> "AsyncClient":
        client = cls(channel, command_timeout)
        client._recorder = recorder
        if strict is not False:
            try:
                await client._be_strict(strict, deadline.remaining())
            except BaseException:
                # Without the schema there is no strict client, so nobody will close it later.
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
        until: None = None,
        timeout: Timeout = DEFAULT,
        oob: bool = False,
        fds: Sequence[int] = (),
    ) -> Reply[Any]: ...
    @overload
    def execute(
        self,
        command: "Command[R]",
        *,
        until: None = None,
        timeout: Timeout = DEFAULT,
        oob: bool = False,
        fds: Sequence[int] = (),
    ) -> Reply[R]: ...
    @overload
    def execute(
        self,
        command: "str | Command[Any]",
        arguments: JsonObject | None = None,
        *,
        until: "EventType[D]",
        match: Match = None,
        failing: "EventName | Iterable[EventName] | None" = None,
        timeout: Timeout = DEFAULT,
        oob: bool = False,
        fds: Sequence[int] = (),
    ) -> Later["TypedEvent[D]"]: ...
    @overload
    def execute(
        self,
        command: "str | Command[Any]",
        arguments: JsonObject | None = None,
        *,
        until: Literal[True],
        match: Match = None,
        failing: "EventName | Iterable[EventName] | None" = None,
        timeout: Timeout = DEFAULT,
        oob: bool = False,
        fds: Sequence[int] = (),
    ) -> Later[Event | None]: ...
    @overload
    def execute(
        self,
        command: "str | Command[Any]",
        arguments: JsonObject | None = None,
        *,
        until: str,
        match: Match = None,
        failing: "EventName | Iterable[EventName] | None" = None,
        timeout: Timeout = DEFAULT,
        oob: bool = False,
        fds: Sequence[int] = (),
    ) -> Later[Event]: ...
    def execute(
        self,
        command: "str | Command[Any]",
        arguments: JsonObject | None = None,
        *,
        until: "EventName | Literal[True] | None" = None,
        match: Match = None,
        failing: "EventName | Iterable[EventName] | None" = None,
        timeout: Timeout = DEFAULT,
        oob: bool = False,
        fds: Sequence[int] = (),
    ) -> Any:
        """Send one command; await the returned future for its return value.

        The command is sent at once, even if the future is never awaited; cancelling the future
        drops the reply, not the command. The future can be used like a coroutine, for example with
        asyncio.create_task().

        If you call this from another thread, or while the client's loop isn't running, it returns a
        plain coroutine. Then nothing is sent until the loop runs the coroutine, for example by
        asyncio.run_coroutine_threadsafe().

        Args:
            command: The command's name, or a command made by a function of a binding.
            arguments: The arguments. A binding's command already holds them.
            until: The event that shows that the command has had its effect, by its name or its type
                in a binding: "DEVICE_DELETED" after device_del. It is waited for, and returned in
                place of the return value. It may come before the reply; an earlier one isn't taken
                for it. True takes the event, the match and the failing events that QEMU documents
                for this command: the how-to on waiting lists the commands.
            match: With until, members that the event's data must have, or a function of the event.
                It holds for the events in `failing`, too. None takes the table's if it has the
                command with this event, else accepts any.
            failing: With until, events that show a failure. None takes the table's if it has the
                command with this event; an empty tuple stands for none.
            timeout: Seconds until the reply, or until the event; None waits for ever. The server
                may still execute a command that timed out; its late reply is dropped.
            oob: Execute the command out of band, ahead of queued commands.
            fds: File descriptors to send with the command over a unix socket. You still have to
                close them.

        Returns:
            A future of the return value: a JSON value, {} if the command returns nothing, or the
            return type of a binding's command. The future raises CommandError if the server
            returned an error, TimeoutError if the deadline passed, and ValueError or OSError if the
            descriptors can't be sent. It raises CommandInterrupted if the connection ended before
            the reply, so the outcome is unknown; "quit" succeeds in this case. With until, a
            coroutine of the event, which sends nothing before it is awaited; with until=True, of
            None if the effect shows without an event: the machine was stopped before, or QEMU has
            a query only.

        Raises:
            CompletionError: With until, if a failing event comes; also if a guest must act, and
                RESET or SHUTDOWN shows that it won't.
            ConnectionClosed: If the connection had already ended.
            LocalProtocolError: If out-of-band execution isn't enabled.
            TypeError: If the arguments aren't JSON values, or match or failing come without until.
            ValueError: With until, if the table lacks the command, or the server the event.
            ValidationError: If the arguments hold a character that no server accepts (a lone
                surrogate, a noncharacter), infinity or NaN, or the client is strict and the server
                would refuse the command.
            LimitError: If the arguments are longer or deeper nested than a server accepts. With
                until, if more than 4,096 events came at once; the awaited one may be among them.
        """
        # blocking: - Send one command; await the returned future for its return value.
        # blocking: + Execute one command and return its return value.
        # blocking: - The command is sent at once … with asyncio.create_task().
        # blocking: - If you call this … run_coroutine_threadsafe().
        # blocking: - A future of the return value … has a query only.
        # blocking: + A JSON value, {} if the command returns nothing; or the return type of a
        # blocking: + binding's command. With until, the event; with until=True, None if the effect
        # blocking: + shows without an event: the machine was stopped before, or QEMU has a query
        # blocking: + only.
        # blocking: - ConnectionClosed: If
        # blocking: + CommandError: If the server returned an error.
        # blocking: + CommandInterrupted: If the connection ended before the reply, so the outcome
        # blocking: + is unknown; "quit" succeeds in this case.
        # blocking: + TimeoutError: If the deadline passed.
        # blocking: + ValueError: If descriptors can't be sent over this connection.
        # blocking: + OSError: If one of the descriptors isn't open.
        # blocking: + ConnectionClosed: If
        if until is not None:
            return self._execute_until(
                *named(command, arguments), until, match, failing, timeout, oob, fds
            )
        if match is not None or failing is not None:
            raise TypeError("found match or failing, expected until with them")
        if not isinstance(command, str):
            return decoded(
                command,
                self.execute(command.name, command.arguments, timeout=timeout, oob=oob, fds=fds),
            )
        if self._preflight is not None:
            self._preflight.check(command, arguments)
        seconds = self.command_timeout if isinstance(timeout, Default) else timeout
        return self._channel.execute(command, arguments, seconds, oob, fds)

    async def _execute_until(
        self,
        command: str,
        arguments: JsonObject,
        until: "EventName | Literal[True]",
        match: Match,
        failing: "EventName | Iterable[EventName] | None",
        timeout: Timeout,
        oob: bool,
        fds: Sequence[int],
    ) -> Any:
        if self._preflight is not None:
            self._preflight.check(command, arguments)
        countdown = Countdown(self._seconds(timeout))
        wanted, others = one_event(until), event_names(failing)
        name = wanted.names[0] if wanted.names else None
        run = aio.CompletionRun(self, command, arguments, name, match, others, countdown)
        if not oob:  # the query would wait behind a command that hangs
            await run.check_events(self._checked_events)
        event = await run.run(oob, fds)
        return None if event is None else wanted.hand_out(event)

    async def check(self, binding: Binding, *, timeout: Timeout = DEFAULT) -> "Differences":
        """Compare a binding's schema with the server's.

        Args:
            binding: The binding's module.
            timeout: Seconds until the server's answer; None waits for ever.

        Returns:
            What the server lacks ("gone"), what only the server has ("new"), and what differs.

        Raises:
            CommandError: If the server can't return its schema.
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
        """Subscribe to events that come from now on.

        Args:
            names: The events to receive, each as its name or its type in a binding; none means all.
                Events subscribed by type carry data of that type.
            match: Members that an event's data must have, or a function of the event.
            limit: The number of unread events to keep; beyond it, the oldest are dropped and
                counted.

        Returns:
            An async iterator and context manager; it ends with the connection.
        """
        wanted = event_types(names)
        queue = self._channel.log.subscribe(wanted.names, match, limit)
        return AsyncEvents(self._channel, queue, wanted.hand_out)

    async def event_mark(self) -> int:
        """Return a mark for wait_event that stands for "events after now".

        Events that have already arrived are received first, so they come before the mark.
        """
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
            names: One event name or several, or types of a binding; None accepts any event.
            match: Members that the event's data must have, or a function of the event.
            since: A mark of event_mark: events after it count, even if they have already come. None
                waits for a new event.
            timeout: Seconds; None waits for ever.

        Raises:
            TimeoutError: If no such event comes in time.
            ConnectionClosed: If the connection ends first.
            LimitError: If events after the mark are no longer kept, and one of them may match.
            TypeError: If the mark isn't a number.
        """
        seconds = self._seconds(timeout)
        deadline = Deadline(seconds)
        wanted = event_types(names)
        waiting = EventWait(self._channel.log, wanted.names, match, since)
        # The mark is taken before the first search, so no event can fall between the two.
        waiting.begin(await self.event_mark())
        try:
            if not await self._channel.wait(waiting.is_found, deadline):
                raise waiting.late(seconds, self._channel.interruptions)
        except ConnectionClosed as error:
            error.reason += waiting.missed()
            raise
        assert waiting.event is not None
        return wanted.hand_out(waiting.event)

    # Procedures of several commands

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
        """Start a job, follow its events to its end, and return its last state.

        A job that doesn't finalize or dismiss itself is finalized and dismissed. If the deadline
        passes, the progress function raises, or anything else ends this call early, the job is
        cancelled; if that fails, the exception gets a note.

        Args:
            command: The command that starts the job, by its name or from a binding:
                "blockdev-mirror", "blockdev-create", "snapshot-save", … Any command with a job-id
                works.
            arguments: The command's arguments; a job-id is added if there is none.
            when_ready: How to end a job that is ready and would otherwise run for ever. "complete"
                switches over to the target; "stop" ends the job and leaves the target as a copy.
            on_stopped: What to do when an error stops the job (on-target-error=stop). "raise"
                raises JobError and leaves the job stopped, for job-resume or job-cancel; "wait"
                waits for somebody else to resume or cancel it.
            progress: A function, called with the job's state whenever that changes; an awaitable
                result is awaited.
            interval: Seconds between queries of the progress; without a progress function, there
                are none.
            timeout: Seconds for the whole job; None waits for ever.

        Raises:
            JobError: If the job fails, somebody cancels it, or an error stops it.
            CommandError: If the server refuses to start the job.
            CommandInterrupted: If the connection ends meanwhile; the job may continue.
            ConnectionClosed: If the connection had already ended.
            TimeoutError: If the deadline passed.
        """
        # blocking: - ; an awaitable result is awaited
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
        """Migrate the machine, and return the migration's last state.

        MIGRATION events are enabled if the server has them; then only the progress is polled. If
        the deadline passes, the progress function raises, or anything else ends this call early,
        the migration is cancelled, except in postcopy. A migration that pauses before its
        switchover continues after the call of the progress function.

        Args:
            uri: The destination, such as "unix:/run/other.sock" or "exec:cat >file".
            arguments: Further arguments of "migrate".
            progress: A function, called with the state whenever that changes, and once per
                interval; an awaitable result is awaited.
            interval: Seconds between queries of the progress.
            timeout: Seconds for the whole migration; None waits for ever.

        Raises:
            MigrationError: If the migration fails, with the server's reason, or somebody cancels
                it.
            CommandError: If the server refuses to start the migration.
            CommandInterrupted: If the connection ends meanwhile; the migration may continue.
            ConnectionClosed: If the connection had already ended.
            TimeoutError: If the deadline passed.
        """
        # blocking: - ; an awaitable result is awaited
        given = dict(arguments or {}) if uri is None else {"uri": uri, **(arguments or {})}
        countdown = Countdown(self._seconds(timeout))
        return await aio.MigrationRun(self, given, progress, interval, countdown).run()

    # Repeatable calls

    async def ensure_present(
        self,
        kind: str,
        id: str,
        arguments: JsonObject | None = None,
        *,
        command: str | None = None,
        timeout: Timeout = DEFAULT,
    ) -> bool:
        """Create a thing unless it exists already; a call that was cut off may be repeated.

        It looks first. With ``reconnect`` it goes on if the connection is lost, and looks again
        before it acts again.

        Args:
            kind: "block-node", "device", "object", "netdev", "chardev" or "job".
            id: Its id; of a block node, its node-name.
            arguments: The arguments of the command that creates it; the id is added.
            command: For a job, the command that starts it, such as "blockdev-backup". The job stays
                when it has ended, whether it succeeded or not, so that it isn't started again:
                remove it with ensure_absent.
            timeout: Seconds for the whole call; None waits for ever.

        Returns:
            True if this call created it, False if it existed. If somebody else creates it while the
            connection is lost, this call takes that for its own.

        Raises:
            ConflictError: If it exists with another driver or type, or with a property that
                differs. Properties that the server doesn't show aren't compared.
            CommandError: If the server refuses to create it.
            CommandInterrupted: If the connection ends after the command was sent, and there is no
                other; or if it ends three times.
            ConnectionClosed: If it ends before.
            TimeoutError: If the deadline passed.
            ValueError: If the kind is unknown, or the arguments don't fit it.
        """
        ensuring = aio.Ensuring(self, kind, id, Countdown(self._seconds(timeout)))
        return await ensuring.be_present(arguments, command)

    async def ensure_absent(self, kind: str, id: str, *, timeout: Timeout = DEFAULT) -> bool:
        """Remove a thing if it exists; a call that was cut off may be repeated.

        A device is gone only once the guest has consented. A running job is cancelled.

        Args:
            kind: As for `ensure_present`.
            id: Its id; of a block node, its node-name; of a device, also its QOM path.
            timeout: Seconds for the whole call; None waits for ever.

        Returns:
            True if this call removed it, False if it didn't exist.

        Raises:
            CompletionError: If the guest refuses to give up a device.
            CommandError: If the server refuses to remove it, for example because it is in use.
            CommandInterrupted: If the connection ends after the command was sent, and there is no
                other; or if it ends three times.
            ConnectionClosed: If it ends before.
            TimeoutError: If the deadline passed.
            ValueError: If the kind is unknown.
        """
        ensuring = aio.Ensuring(self, kind, id, Countdown(self._seconds(timeout)))
        return await ensuring.be_absent()

    async def guest_agent(
        self,
        address: AddressLike | None = None,
        *,
        timeout: float | None = limits.CONNECT_TIMEOUT,
    ) -> "AsyncGuestAgent":
        """Connect to the guest's agent, and wait until it answers. You have to close the result.

        Args:
            address: The address of the chardev behind the agent's port. None asks the server for
                it, which works if the chardev is a listening socket.
            timeout: Seconds until the agent answers; None waits for ever.

        Raises:
            ValueError: If the server has no such address.
            OSError: If the address can't be connected to.
            TimeoutError: If the agent doesn't answer in time.
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
        """Return the names of existing objects, for completion.

        The list is empty if the server has no command that lists them.

        Args:
            kind: "block-node", "drive", "block" (either), "drive-device", "device", "job",
                "chardev", "netdev", "qom-path", "qom-property", "object", "iothread",
                "memory-backend", "block-export", "dirty-bitmap", "command", "event",
                "device-type", "qom-type" or "chardev-backend".
            within: For "qom-path" and "qom-property", the path whose children or properties to
                list.
            timeout: Seconds until the answer; None waits for ever.

        Raises:
            ValueError: If the kind is unknown.
            TimeoutError: If the server doesn't answer in time.
        """
        return await aio.names(self, kind, within, Countdown(timeout))

    # Further monitors

    async def new_monitor(self, *, timeout: float | None = limits.CONNECT_TIMEOUT) -> "AsyncClient":
        """Make a further monitor on the server, and connect to it. You have to close the result.

        The new client has a connection of its own, for a listener of events or a part of your
        program that waits long. Its deadlines and its strictness are this client's. When it closes,
        the server removes its monitor.

        Args:
            timeout: Seconds until it has negotiated; None waits for ever.

        Raises:
            ValueError: If the server has no monitors that can be added, as before QEMU 11.1; or if
                this connection isn't a unix socket.
            CommandError: If the server refuses one.
            CommandInterrupted: If the connection ends meanwhile.
            ConnectionClosed: If the connection had already ended.
            TimeoutError: If the deadline passed.
        """
        countdown = Countdown(timeout)
        sock = await aio.FurtherMonitor(self, self.greeting, countdown).open()
        try:
            client = await AsyncClient.connect(
                sock, timeout=countdown.remaining(), command_timeout=self.command_timeout
            )
        except BaseException:
            sock.close()  # then the server removes the monitor
            raise
        client._preflight = self._preflight
        return client

    async def new_monitor_socket(
        self, *, timeout: float | None = limits.CONNECT_TIMEOUT
    ) -> socket.socket:
        """Make a further monitor on the server, and return a socket that is connected to it.

        Nothing has been read from it yet. It is for another process, or for `connect` with other
        arguments. When it is closed in all processes, the server removes the monitor.

        Args:
            timeout: Seconds until the server has made it; None waits for ever.

        Raises:
            ValueError: As `new_monitor`, like all further exceptions.
        """
        return await aio.FurtherMonitor(self, self.greeting, Countdown(timeout)).open()

    # Keyboard, pointer, screen

    @property
    def keyboard(self) -> "AsyncKeyboard":
        """The guest's keyboard, to type texts and press keys."""
        return aio.AsyncKeyboard(self, self._held_keys)

    @property
    def pointer(self) -> "AsyncPointer":
        """The guest's pointer, to move it and to click."""
        return aio.AsyncPointer(self)

    async def screenshot(
        self, *, device: str | None = None, head: int | None = None, timeout: Timeout = DEFAULT
    ) -> "Picture":
        """Return a picture of the guest's screen.

        Over a unix socket the server receives an open file, so that it needs no permission for any
        folder of ours. Over other connections, or if it doesn't accept descriptors, it writes into
        a temporary folder; so it has to run on this host.

        Args:
            device: The display device; None for the first.
            head: The head of that device.
            timeout: Seconds for all of it; None waits for ever.

        Raises:
            CommandError: If the server has no screen, or can't write.
            OSError: If the server wrote no picture that we can read.
            ValueError: If there is a head without its device.
        """
        options = aio.screen_options(device, head)
        return await aio.take_picture(self, options, Countdown(self._seconds(timeout)))

    async def wait_screen(
        self,
        since: "Picture | None" = None,
        *,
        still: float | None = None,
        region: tuple[int, int, int, int] | None = None,
        tolerance: float = 0.0,
        interval: float = limits.SCREEN_INTERVAL,
        device: str | None = None,
        head: int | None = None,
        timeout: Timeout = DEFAULT,
    ) -> "Picture":
        """Wait until the screen changes, or stands still, and return its picture.

        With both `since` and `still` it has to change first, and to stand still then: that is how a
        program's answer to a key or a click looks. Take `since` before you press the key.

        Args:
            since: A picture of `screenshot` or of an earlier wait, from which it must differ.
            still: Seconds for which it must not change.
            region: The part to look at: x, y, width, height, in pixels; None for all of it.
            tolerance: The share of pixels that may change unnoticed, from 0 to 1: a blinking cursor
                is 0.0001 of a screen of text.
            interval: Seconds between two pictures.
            device: The display device; None for the first.
            head: The head of that device.
            timeout: Seconds; None waits for ever. Each picture also has the timeout of a command.

        Raises:
            TimeoutError: If that doesn't happen in time; the message has the last difference.
            CommandError: If the server has no screen, or can't write.
            OSError: If the server wrote no picture that we can read.
            ValueError: If there is nothing to wait for, or the region isn't on the screen.
        """
        watch = aio.ScreenWatch(since, still, region, tolerance)
        options = aio.screen_options(device, head)
        countdown = Countdown(self._seconds(timeout))
        patience = self.command_timeout
        return await aio.watch_screen(self, watch, interval, options, countdown, patience)

    # Plugging and unplugging

    async def plug(
        self, device: JsonObject, backend: "Backends" = (), *, timeout: Timeout = DEFAULT
    ) -> "AsyncPlugged":
        """Plug a device: add its backends, then the device itself.

        If a step fails, everything that was added is removed again, the last one first. The notes
        of the exception say what was taken back, and what is still there. After a time-out or a
        lost connection this looks first whether the step had been done.

        Args:
            device: The arguments of device_add: {"driver": "virtio-blk-pci", "bus": "port1"}. An id
                is made if there is none.
            backend: The host's half of the device, as the arguments of the command that adds it:
                blockdev-add if they have a "driver", netdev_add if they have a "type", chardev-add
                if they have a "backend", object-add if they have a "qom-type". A node-name or id is
                made if there is none. Several are added in the given order. The device's "drive",
                "netdev", "chardev", "memdev", "rng", "cryptodev" or "iothread" is the last backend
                of that kind that no other backend uses, unless it is given.
            timeout: Seconds for all commands together; None waits for ever.

        Returns:
            The plugged device; as an async context manager it is unplugged at its end.

        Raises:
            CommandError: If the server refuses one of the commands.
            CommandInterrupted: If the connection ended meanwhile.
            ConnectionClosed: If the connection had already ended.
            TimeoutError: If the deadline passed.
            ValueError: If a backend has none of these members, or the device no driver.
        """
        parts = aio.parts_of(device, backend, self._release())
        return (await self._plug(parts, "", timeout))[0]

    async def plug_cpus(
        self, count: int = 1, *, timeout: Timeout = DEFAULT
    ) -> "list[AsyncPlugged]":
        """Plug processors into the first free slots, as query-hotpluggable-cpus lists them.

        The guest may have to start using them. Exceptions are those of `plug`.

        Args:
            count: The number of slots. A slot takes one virtual CPU on most machines.
            timeout: Seconds for all commands together; None waits for ever.

        Raises:
            ValueError: If fewer slots are free.
        """
        countdown = Countdown(self._seconds(timeout))
        slots = await self.execute("query-hotpluggable-cpus", timeout=countdown.remaining())
        return await self._plug(aio.cpu_parts(slots, count), "", countdown.remaining())

    async def plug_memory(
        self,
        size: int,
        device: JsonObject | None = None,
        backend: JsonObject | None = None,
        *,
        timeout: Timeout = DEFAULT,
    ) -> "AsyncPlugged":
        """Plug a memory device. Exceptions are those of `plug`.

        Args:
            size: Its size in bytes.
            device: Further arguments of device_add; the driver is "pc-dimm" if there is none.
            backend: Further arguments of object-add; the qom-type is "memory-backend-ram" if there
                is none.
            timeout: Seconds for all commands together; None waits for ever.
        """
        parts = aio.memory_parts(size, device or {}, backend or {}, self._release())
        return (await self._plug(parts, aio.NO_MEMORY, timeout))[0]

    async def unplug(
        self,
        id: str,
        *,
        backends: bool = True,
        repeat: float | None = limits.UNPLUG_REPEAT,
        timeout: Timeout = DEFAULT,
    ) -> "tuple[DeviceBackend, ...]":
        """Unplug a device: ask the guest, wait until it lets the device go, remove the backends.

        Devices on its buses go with it. A reset doesn't end the wait: it completes some removals,
        and after the others the new guest is asked.

        Args:
            id: The device's id or QOM path.
            backends: Remove the backends, too: those that `plug` has added with the device, or that
                it names in "drive", "netdev", "chardev", "memdev", "rng" or "cryptodev"; the same
                for devices on its buses. Block nodes below the device's own stay, unless they
                were added by the same command or by `plug`.
            repeat: Seconds after which a guest that doesn't answer is asked again; None asks once.
            timeout: Seconds until the guest has let the device go; None waits for ever.

        Returns:
            The removed backends, in the order of their removal.

        Raises:
            CompletionError: If the guest refuses, or ends.
            CommandError: If there is no such device, unless this client has plugged it; if it can't
                be unplugged, or is gone and one of its backends can't be removed.
            CommandInterrupted: If the connection ended meanwhile; the device may be gone.
            ConnectionClosed: If the connection had already ended.
            TimeoutError: If the guest hasn't let the device go; it still may.
        """
        known = {path: each.backends for path, each in tuple(self._plugged.items())}
        countdown = Countdown(self._seconds(timeout))
        run = aio.UnplugRun(self, id, known, backends, repeat, countdown)
        try:
            return await run.run()
        finally:
            for path in run.gone:
                plugged = self._plugged.pop(path, None)
                if plugged is not None:
                    plugged.is_plugged = False

    async def _plug(self, parts: "list[Part]", hint: str, timeout: Timeout) -> "list[AsyncPlugged]":
        await aio.PlugRun(self, parts, hint, Countdown(self._seconds(timeout))).run()
        backends = tuple(part.backend for part in parts if part.kind != "device")
        made = []
        for part in parts:
            if part.kind == "device":
                plugged = aio.AsyncPlugged(self, part.name, backends)
                self._plugged[aio.path_of(part.name)] = plugged
                made.append(plugged)
        while len(self._plugged) > limits.PLUGGED:
            self._plugged.pop(next(iter(self._plugged)), None)
        return made

    def _release(self) -> int | None:
        """Return the major release of the server's QEMU, None if it isn't known."""
        version = None if self.greeting is None else self.greeting.version
        return None if version is None else version.qemu.major

    # The connection

    @property
    def greeting(self) -> Greeting | None:
        """The server's greeting; None if the client didn't negotiate."""
        return self._channel.session.greeting

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The enabled capabilities."""
        return self._channel.session.capabilities

    @property
    def process(self) -> "subprocess.Popen[bytes] | None":
        """The process that `launch` started, or None."""
        launched = self._channel.launched
        return None if launched is None else launched.process

    @property
    def interruptions(self) -> "tuple[Interruption, ...]":
        """The lost connections, oldest first; empty without ``reconnect``."""
        return self._channel.interruptions

    @property
    def is_closed(self) -> bool:
        """True if the connection has ended and no other will be made."""
        return self._channel.is_closed

    async def close(self) -> None:
        """Close the connection and end the program of `launch`; repeated calls do no harm."""
        await self._channel.close()
        if self._recorder is not None:
            self._recorder.close()

    def __repr__(self) -> str:
        phase = "closed" if self._channel.is_closed else self._channel.session.phase.value
        return f"<AsyncClient {phase}>"

    def _seconds(self, timeout: Timeout) -> float | None:
        return self.command_timeout if isinstance(timeout, Default) else timeout
