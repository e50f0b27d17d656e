"""The raw backend of a scripted server: a script, its clients and its times."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from qmpeer import limits
from qmpeer.errors import CommandError
from qmpeer.messages import CommandMessage, Event, Timestamp
from qmpeer.monitor import RawClient
from qmpeer.monitor.turns import failure_of
from qmpeer.script.calls import Call, reported
from qmpeer.script.conversation import Conversation
from qmpeer.script.mismatches import Kind, Mismatch
from qmpeer.script.requests import Requests
from qmpeer.script.rules import Rule
from qmpeer.script.script import Script
from qmpeer.script.session import Recipient, ScriptSession
from qmpeer.script.steps import SendEvent, Step
from qmpeer.transport.descriptors import close_all
from qmpeer.values import JsonObject


class ScriptBackend:
    """A script as the raw backend of a monitor: ``Monitor(backend=…)``.

    Args:
        script: The script.
        greeting: The greeting, the whole message. Bytes are sent as they stand. None for a server
            that neither greets nor negotiates.
        clock: Returns seconds, for the times of calls and of the script.

    Attributes:
        script: The script.
        window: The in-band commands of one client that may be in flight.
        conversation: What passed. It gives calls their bytes if the monitor has
            ``wrap=backend.conversation.wrap``.
    """

    def __init__(
        self,
        script: Script,
        greeting: JsonObject | bytes | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.window: int = 1
        self.conversation: Conversation = Conversation(clock)
        self.script: Script = script
        self._greeting = greeting
        self._clock = clock
        self._stage = _Stage(script, clock)

    def begin(self) -> None:
        """Begin the script: from now on its times count."""
        self._stage.began = self._clock()
        self.script.begin(self._stage.began)

    def open_session(self, client: RawClient) -> ScriptSession:
        """Return the session of a client that has connected; see `qmpeer.monitor.RawBackend`."""
        session = self._stage.enter(client, self.conversation.requests_of(client))

        def begin() -> None:
            for rule in self.script.openings:
                session.play(rule)

        client.greet(self._greeting, begin)
        return session

    def emit(self, name: str, data: JsonObject | None = None) -> None:
        """Send an event to all clients that have negotiated. Callable from any thread.

        Raises:
            ScriptError: If the schema has no such event, or other data.
        """
        self._stage.emit(self.script.event(name, data))

    def goto(self, state: str) -> None:
        """Enter a state. Callable from any thread."""
        self._stage.goto(state)

    def reset(self) -> None:
        """Begin the script anew; see `Script.reset`. Call it in the monitor's thread."""
        self._stage.reset()

    def wait_call(self, command: str, count: int, timeout: float | None) -> Call:
        """Wait for a command, in another thread; see `ScriptedServer.wait_call`."""
        return self._stage.wait_call(command, count, timeout)

    def disconnect(self) -> None:
        """Disconnect every client; commands in flight get no reply. Callable from any thread."""
        self._stage.disconnect()

    def close(self) -> None:
        """Close the descriptors of calls; the monitor has stopped."""
        self._stage.close()


class _Stage:
    """The clients of a script, and the steps that no client's command has caused."""

    def __init__(self, script: Script, clock: Callable[[], float]) -> None:
        self.began: float = clock()
        self._script = script
        self._clock = clock
        self._called = threading.Condition()
        self._sessions: list[ScriptSession] = []
        self._clients = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._fds: list[int] = []
        self._everyone = ScriptSession(0, _Everyone(self.disconnect), self, Requests())

    # Clients

    def enter(self, client: RawClient, requests: Requests) -> ScriptSession:
        """Return the session of a new client."""
        self._clients += 1
        session = ScriptSession(self._clients, client, self, requests)
        self._sessions.append(session)
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._set_timer()
        return session

    def left(self, session: ScriptSession) -> None:
        """Forget a client."""
        self._sessions.remove(session)

    def disconnect(self) -> None:
        """Disconnect every client."""
        for session in list(self._sessions):
            session.client.close()

    def close(self) -> None:
        """Close the descriptors of calls."""
        close_all(self._fds)
        self._fds.clear()

    # Commands

    def answer(
        self, command: CommandMessage, session: ScriptSession
    ) -> tuple[Call, Rule | Sequence[Step]]:
        """Return a command as a call, and the rule or the steps that answer it."""
        call = Call(
            command.name,
            command.arguments or {},
            command.id,
            command.is_oob,
            self._take_fds(session.client),
            session.requests.take(command),
            self._clock() - self.began,
            session.number,
        )
        answer = self._script.ask(call)
        with self._called:
            self._called.notify_all()
        return call, answer

    def _take_fds(self, client: Recipient) -> tuple[int, ...]:
        """Return a command's descriptors, and close the oldest of all beyond the limit."""
        fds = client.take_fds()
        if fds:
            self._fds += fds
            close_all(self._fds[: -limits.SCRIPT_FDS])
            del self._fds[: -limits.SCRIPT_FDS]
        return tuple(fds)

    def wait_call(self, command: str, count: int, timeout: float | None) -> Call:
        """Wait for a command, in another thread; see `ScriptedServer.wait_call`."""

        def found() -> list[Call]:
            return list(self._script.calls.of(command))

        with self._called:
            if self._called.wait_for(lambda: len(found()) >= count, timeout):
                return found()[count - 1]
        text = f"found {len(found())} calls of {command} after {timeout} s, expected {count}"
        raise TimeoutError(text)

    def judge(self, rule: Rule, call: Call, steps: Sequence[Step]) -> None:
        """Check what a function returned against the schema."""
        for step in steps:
            if (fault := rule.fault_of(step, call.name)) is not None:
                self._keep(Kind.DRIFT, rule, call, fault)

    def function_failed(self, rule: Rule, call: Call, error: BaseException) -> JsonObject:
        """Return the error reply for what a function raised, and keep it as a mismatch."""
        error_class, desc = failure_of(call.name, error)
        if not isinstance(error, CommandError):
            text = f"{type(error).__name__}: {error}".removesuffix(": ")
            self._keep(Kind.FAILED, rule, call, text)
        return {"class": error_class, "desc": desc}

    def _keep(self, kind: Kind, rule: Rule, call: Call, note: str) -> None:
        asked = reported(call.name, call.arguments, str(rule.place))
        self._script.add(Mismatch(kind, asked, note=note))

    # Events and times

    def emit(self, step: SendEvent) -> None:
        """Send an event to all clients; callable from any thread."""
        self.broadcast([self.event(step)], self._everyone)

    def broadcast(self, events: Sequence[Event], sender: ScriptSession) -> None:
        """Deliver events to all other clients."""
        for session in list(self._sessions):
            if session is not sender:
                session.client.deliver(*events)

    def event(self, step: SendEvent) -> Event:
        """Return an event that happens now."""
        seconds, fraction = divmod(time.time(), 1)
        return Event(step.name, step.data or {}, Timestamp(int(seconds), int(fraction * 1e6)))

    def goto(self, state: str) -> None:
        """Enter a state; callable from any thread."""
        self._script.goto(state, self._clock())
        if self._loop is not None:
            with suppress(RuntimeError):  # the monitor has stopped
                self._loop.call_soon_threadsafe(self._set_timer)

    def reset(self) -> None:
        """Begin the script anew."""
        self.began = self._clock()
        self._script.reset(self.began)
        if self._loop is not None:
            self._set_timer()

    def _set_timer(self) -> None:
        """Take the steps that are due, and set the timer for the next ones."""
        assert self._loop is not None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # One at a time: steps without an end, such as two states that enter each other, leave the
        # loop time for its clients, and for its end.
        if (rule := self._script.due(self._clock())) is not None:
            self._everyone.play(rule)
        if (due := self._script.next_due) is not None:
            self._timer = self._loop.call_later(due - self._clock(), self._set_timer)


class _Everyone:
    """All clients as one, for steps that no client's command has caused.

    Args:
        disconnect: Disconnects every client.
    """

    def __init__(self, disconnect: Callable[[], None]) -> None:
        self.close: Callable[[], None] = disconnect
        self.finish: Callable[[], None] = disconnect

    def take_fds(self) -> list[int]:
        """Return nothing."""
        return []

    def deliver(self, *messages: object) -> None:
        """Do nothing: events are delivered to each client."""
