"""A server that follows a script, on a real wire."""

import asyncio
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from socket import AF_UNIX, SOCK_STREAM, socket, socketpair
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal

from qmpeer.errors import CommandError, ScriptError, ScriptMismatch
from qmpeer.faults import Faults, Injector
from qmpeer.messages import (
    CAPABILITIES,
    CommandMessage,
    Event,
    QemuVersion,
    Timestamp,
    Version,
    greeting_message,
)
from qmpeer.monitor import Monitor, RawClient
from qmpeer.monitor.turns import failure_of
from qmpeer.script.calls import Call, Calls, reported
from qmpeer.script.checks import NO_CHECKS, Checks, unchecked_notice
from qmpeer.script.conversation import Conversation
from qmpeer.script.mismatches import Kind, Mismatch
from qmpeer.script.places import calling_place
from qmpeer.script.requests import Requests
from qmpeer.script.rules import Rule
from qmpeer.script.script import Script
from qmpeer.script.session import ScriptSession
from qmpeer.script.steps import SendEvent, Step
from qmpeer.transport import AddressLike
from qmpeer.transport.aio import HandlerFactory
from qmpeer.transport.descriptors import close_all
from qmpeer.values import UNSET, JsonObject, UnsetType

if TYPE_CHECKING:
    from qmpeer.script.schema_sources import SchemaSource

_WAIVED_UNEXPECTED: Final = frozenset({Kind.UNEXPECTED, Kind.TOO_OFTEN, Kind.OUT_OF_ORDER})


class ScriptedServer:
    """A QMP server that answers what its script says, and judges what it is asked.

    It is a real server: `Monitor` greets, negotiates, reads QEMU's dialect and keeps QEMU's order;
    the script is its raw backend. It runs in a thread of its own, so it serves blocking programs,
    asyncio, and other processes.

    As a context manager it starts, and at the end stops and calls `verify`, unless the block has
    raised an error.

    Args:
        address: Where it listens; by default on a unix socket in a new folder with a short path,
            which is removed at the end.
        schema: The schema of what it pretends to be. The script and what arrives are checked
            against it. A schema; a QAPI file; a recording, or a saved answer to query-qmp-schema;
            the address of a running server; "installed" for the QEMU on PATH, or
            "installed:PROGRAM". None checks nothing.
        deprecated: "fail" reports the use of commands and arguments that the schema calls
            deprecated.
        version: The version in its greeting as major, minor, micro.
        package: The version's "package".
        capabilities: The capabilities that it offers.
        greeting: Another greeting, the whole message; None for a server that neither greets nor
            negotiates, such as a guest agent.
        many: Serve any number of clients at once. By default one at a time on each socket, as QEMU.
        pretty: Write each message over several lines.
        faults: Faults between it and its clients.
        seed: The seed of their chance.
        clock: Returns seconds, for the times of calls.

    Attributes:
        script: The script.

    Example:
        >>> from qmpeer import Client
        >>> with ScriptedServer() as server:
        ...     _ = server.on("stop").event("STOP").reply()
        ...     with Client.connect(server.address) as vm:
        ...         _ = vm.execute("stop")
        >>> server.calls.names
        ['stop']
    """

    window: int = 1

    def __init__(
        self,
        address: AddressLike | None = None,
        *,
        schema: "SchemaSource | None" = None,
        deprecated: Literal["accept", "fail"] = "accept",
        version: tuple[int, int, int] = (7, 2, 0),
        package: str = "",
        capabilities: Sequence[str] = CAPABILITIES,
        greeting: JsonObject | UnsetType | None = UNSET,
        many: bool = False,
        pretty: bool = False,
        faults: Faults | None = None,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        checks = _checks(schema, deprecated)
        own_version = Version(QemuVersion(*version), package)
        if isinstance(greeting, UnsetType):
            greeting = greeting_message(own_version, tuple(capabilities))
        self.script: Script = Script(checks, None if greeting is None else own_version)
        self._wanted = address
        self._greeting = greeting
        self._is_many = many
        self._is_pretty = pretty
        self._clock = clock
        self._began = clock()
        self._conversation = Conversation(clock)
        self._injector = None if faults is None else Injector(faults, seed=seed)
        self._monitor = Monitor(backend=self, wrap=self._wrap, linger=0)
        self._folder: str | None = None
        self._called = threading.Condition()
        self._sessions: list[ScriptSession] = []
        self._clients = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._everyone = ScriptSession(0, _Everyone(self), self, Requests())
        self._fds: list[int] = []

    def _wrap(self, factory: HandlerFactory) -> HandlerFactory:
        if self._injector is not None:
            factory = self._injector.wrap(factory)
        return self._conversation.wrap(factory)

    # Its life

    def start(self) -> "ScriptedServer":
        """Listen, and return the server itself.

        Raises:
            OSError: If the address can't be bound.
            RuntimeError: If it was started before.
        """
        self._began = self._clock()
        if self._wanted is None:
            self._folder = tempfile.mkdtemp(prefix="qmp-")
        self._monitor.start(
            self._wanted or self.address, many=self._is_many, pretty=self._is_pretty
        )
        self.script.begin(self._began)
        return self

    def stop(self) -> None:
        """Disconnect all clients, and remove what `start` made. Idempotent."""
        self._monitor.stop()
        close_all(self._fds)
        self._fds.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> "ScriptedServer":
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        if error is None:
            self.verify()

    @property
    def address(self) -> str:
        """The address at which clients reach it, such as "unix:/tmp/qmp-4f2/qmp"."""
        if listeners := self._monitor.listeners:
            return str(listeners[0].address)
        if self._folder is None:
            raise RuntimeError("the server isn't started")
        return f"unix:{os.path.join(self._folder, 'qmp')}"

    def new_socket(self) -> socket:
        """Return a connected socket, whose other end is a new client of the server.

        The caller owns it.
        """
        ours, theirs = socketpair(AF_UNIX, SOCK_STREAM)
        self._monitor.attach(ours, pretty=self._is_pretty)
        return theirs

    # The script

    def on(
        self,
        command: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        state: str | None = None,
        exact: bool = False,
        where: Callable[[Call], bool] | None = None,
    ) -> Rule:
        """Add a rule for a command; see `Script.on`."""
        return self.script.on(command, arguments, state=state, exact=exact, where=where)

    def expect(
        self,
        command: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        exact: bool = False,
        where: Callable[[Call], bool] | None = None,
    ) -> Rule:
        """Add an expectation: they are to be met in their order; see `Script.expect`."""
        return self.script.expect(command, arguments, exact=exact, where=where)

    def otherwise(self) -> Rule:
        """Return a new rule for every command that nothing else answers."""
        return self.script.otherwise()

    def when_ready(self) -> Rule:
        """Add steps that happen whenever a client has negotiated."""
        return self.script.when_ready()

    def after(self, seconds: float, *, state: str | None = None) -> Rule:
        """Add steps that happen some time after a state was entered; see `Script.after`."""
        return self.script.after(seconds, state=state)

    def state(self, machine: str = "") -> str:
        """Return the current state of a machine of states."""
        return self.script.state(machine)

    def goto(self, state: str) -> None:
        """Enter a state. Callable from any thread."""
        self.script.goto(state, self._clock())
        if self._loop is not None:
            with suppress(RuntimeError):  # the server has stopped
                self._loop.call_soon_threadsafe(self._set_timer)

    def emit(self, name: str, data: JsonObject | None = None) -> None:
        """Send an event to all clients that have negotiated. Callable from any thread.

        Raises:
            ScriptError: If the schema has no such event, or other data.
        """
        step = self.script.event(name, data)
        self.broadcast([self.event(step)], self._everyone)

    # What happened

    @property
    def calls(self) -> Calls:
        """The commands that came, oldest first."""
        return self.script.calls

    def wait_call(self, command: str, *, count: int = 1, timeout: float | None = 10.0) -> Call:
        """Wait for a command, and return its call.

        Args:
            command: Its name.
            count: Wait for so many calls of it, and return the last of these.
            timeout: In seconds; None waits for ever.

        Raises:
            TimeoutError: If it doesn't come in time.
        """
        with self._called:
            if self._called.wait_for(lambda: len(self.calls.of(command)) >= count, timeout):
                return self.calls.of(command)[count - 1]
        found = len(self.calls.of(command))
        raise TimeoutError(f"found {found} calls of {command} after {timeout} s, expected {count}")

    @property
    def conversation(self) -> str:
        """The newest part of what passed, as a transcript, newest last, without secrets."""
        return self._conversation.text

    def verify(self, *, allow_unexpected: bool = False, allow_unmet: bool = False) -> None:
        """Check that what happened is what the script says.

        Args:
            allow_unexpected: Allow commands that no rule answered.
            allow_unmet: Allow rules that weren't asked as often as they must be.

        Raises:
            ScriptMismatch: With all differences.
        """
        waived = _WAIVED_UNEXPECTED if allow_unexpected else frozenset[Kind]()
        waived |= {Kind.NOT_MET} if allow_unmet else frozenset[Kind]()
        found = [str(each) for each in self.script.outcome() if each.kind not in waived]
        if found:
            raise ScriptMismatch(tuple(found), unchecked_notice(self.script.checks))

    # RawBackend

    def open_session(self, client: RawClient) -> ScriptSession:
        """Return the session of a client that has connected; see `qmpeer.monitor.RawBackend`."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._set_timer()
        self._clients += 1
        requests = self._conversation.requests_of(client)
        session = ScriptSession(self._clients, client, self, requests)
        self._sessions.append(session)

        def begin() -> None:
            for rule in self.script.openings:
                session.play(rule)

        client.greet(self._greeting, begin)
        return session

    # Stage

    def answer(
        self, command: CommandMessage, session: ScriptSession
    ) -> tuple[Call, Rule | Sequence[Step]]:
        """Return a command as a call, and the rule or the steps that answer it."""
        fds = session.client.take_fds()
        self._fds += fds
        call = Call(
            command.name,
            command.arguments or {},
            command.id,
            command.is_oob,
            tuple(fds),
            session.requests.take(command),
            self._clock() - self._began,
            session.number,
        )
        answer = self.script.ask(call)
        with self._called:
            self._called.notify_all()
        return call, answer

    def broadcast(self, events: Sequence[Event], sender: ScriptSession) -> None:
        """Deliver events to all other clients."""
        for session in list(self._sessions):
            if session is not sender:
                session.client.deliver(*events)

    def event(self, step: SendEvent) -> Event:
        """Return an event that happens now."""
        seconds, fraction = divmod(time.time(), 1)
        return Event(step.name, step.data or {}, Timestamp(int(seconds), int(fraction * 1e6)))

    def judge(self, rule: Rule, call: Call, steps: Sequence[Step]) -> None:
        """Check what a function returned against the schema."""
        for step in steps:
            if (fault := rule.fault_of(step, call.name)) is not None:
                self._keep(Kind.DRIFT, rule, call, fault)

    def function_failed(self, rule: Rule, call: Call, error: BaseException) -> JsonObject:
        """Return the error reply for what a function raised, and keep it as a mismatch."""
        error_class, desc = failure_of(call.name, error)
        if not isinstance(error, CommandError):
            self._keep(Kind.FAILED, rule, call, f"{type(error).__name__}: {error}")
        return {"class": error_class, "desc": desc}

    def _keep(self, kind: Kind, rule: Rule, call: Call, note: str) -> None:
        place = str(rule.place)
        self.script.add(Mismatch(kind, reported(call.name, call.arguments, place), note=note))

    def left(self, session: ScriptSession) -> None:
        """Forget a client."""
        self._sessions.remove(session)

    # Times

    def _set_timer(self) -> None:
        """Take the steps that are due, and set the timer for the next ones."""
        assert self._loop is not None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while (rule := self.script.due(self._clock())) is not None:
            self._everyone.play(rule)
        if (due := self.script.next_due) is not None:
            self._timer = self._loop.call_later(due - self._clock(), self._set_timer)


def _checks(schema: "SchemaSource | None", deprecated: str) -> Checks:
    if schema is None:
        if deprecated != "accept":
            raise ScriptError(
                f"found deprecated={deprecated!r}, expected a schema with it", str(calling_place())
            )
        return NO_CHECKS
    from qmpeer.script.schema_sources import checks_of  # start: 40 ms

    if deprecated not in ("accept", "fail"):
        raise ScriptError(
            f'found deprecated={deprecated!r}, expected "accept" or "fail"', str(calling_place())
        )
    return checks_of(schema, rejects_deprecated=deprecated == "fail")


class _Everyone:
    """All clients of a server as one, for steps that no client's command has caused."""

    peer: str = "everyone"

    def __init__(self, server: ScriptedServer) -> None:
        self._server = server

    def take_fds(self) -> list[int]:
        """Return nothing."""
        return []

    def greet(
        self, greeting: JsonObject | None, on_ready: Callable[[], None] | None = None
    ) -> None:
        """Do nothing."""

    def deliver(self, *messages: object) -> None:
        """Do nothing: the server delivers events to each client."""

    def close(self) -> None:
        """Disconnect every client."""
        for session in list(self._server._sessions):
            session.client.close()
