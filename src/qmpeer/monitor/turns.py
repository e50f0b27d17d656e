"""Turns: requests in, their commands executed in turn, replies and events out.

Theory of operation.  All of it runs on one event loop's thread. A turn begins when bytes or an
outcome come in: `pump` admits requests, the dispatcher says whose is next (where nobody waits, that
is the one just admitted), `_run` executes. Sync handlers run to their end inside the turn. Async
ones become tasks, blocking ones threads (`qmpeer.monitor.threads`), and each ends in a turn of its
own (`_finished`). What was written in a turn is sent at its end, one write a connection.

A handler may raise whatever it likes: its client gets an internal error, and the log the traceback.
`SystemExit` and `KeyboardInterrupt` then end the monitor, in order, and not the loop it runs on.

Every decision is the session's or the dispatcher's; here is only what needs a loop.
"""

import asyncio
import inspect
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from os import sched_yield
from time import perf_counter
from typing import Any, Final, Protocol, TypeAlias

from qmpeer import limits
from qmpeer.errors import CommandError
from qmpeer.messages import CommandMessage
from qmpeer.monitor.human.session import HumanSession
from qmpeer.monitor.loop import MonitorLoop
from qmpeer.monitor.threads import ENDING, Blocking, Done, Threads
from qmpeer.protocol import Dispatcher, ServerSession
from qmpeer.values import JsonValue

log: logging.Logger = logging.getLogger("qmpeer.monitor")
_JSON_TYPES = frozenset((dict, list, str, int, float, bool, type(None)))
_GONE: Final = CommandError("GenericError", "The client has gone")
_SHUT_DOWN: Final = CommandError("GenericError", "The monitor was shut down")


class Executor(Protocol):
    """What executes the commands of a connection."""

    def execute(
        self, command: CommandMessage, context: Any
    ) -> JsonValue | Awaitable[JsonValue] | Blocking:
        """Execute one command: give its value, an awaitable of it, or what a thread is to call."""


class TurnTaker(Protocol):
    """A connection, as far as its turns go."""

    @property
    def session(self) -> ServerSession | HumanSession:
        """Admits its requests and takes their answers."""

    @property
    def commands(self) -> Executor:
        """Executes its commands."""

    def flush(self) -> bool:
        """Send what the session has to send; tell whether it was anything."""

    def settle(self) -> None:
        """Read on or not, and close if all is done."""

    def take_turn(self) -> None:
        """Go on with what is left, for a moment."""


Outcome: TypeAlias = tuple[JsonValue, BaseException | None]
"""What a handler returned, or what it raised."""


async def outcome_of(value: Awaitable[JsonValue]) -> Outcome:
    """Wait for a handler's value; what it raises is returned.

    A task that raised SystemExit or KeyboardInterrupt would end the loop that it runs on.
    """
    try:
        return await value, None
    except BaseException as error:
        return None, error


class Turns:
    """The execution of commands, for all connections of a monitor.

    Args:
        loop: The monitor's.
        threads: Where handlers go that don't run in the loop's thread.
        take_emitted: Sends the events that other threads have emitted; called before a reply.
        on_ended: Called when a handler has raised what ends the monitor; from any thread.
        linger: Seconds for which the loop is kept awake for the next command of the only client
            that is active.

    Attributes:
        is_stopped: No further command is executed.
    """

    def __init__(
        self,
        loop: MonitorLoop,
        threads: Threads,
        take_emitted: Callable[[], None],
        on_ended: Callable[[BaseException], None],
        linger: float,
    ) -> None:
        self.is_stopped: bool = False
        self._loop = loop
        self._threads = threads
        self._take_emitted = take_emitted
        self._on_ended = on_ended
        self._linger = linger
        self._alone_since = 0.0  # when another connection than the last one was served
        self._dispatcher = Dispatcher[TurnTaker]()
        self._pumped: TurnTaker | None = None  # it is sent what it says in its own turn
        self._dirty: dict[TurnTaker, None] = {}
        self._waiting: OrderedDict[TurnTaker, None] = OrderedDict()
        self._is_turn_due = False
        self._stalled: set[TurnTaker] = set()
        self._tasks: set[asyncio.Future[Any]] = set()
        self._last_served: TurnTaker | None = None
        self._is_lingering = False
        self._linger_until = 0.0

    def stop(self) -> None:
        """Execute no further command; callable from any thread."""
        self._dispatcher.stop()
        self.is_stopped = True

    def give_up_waiting(self) -> None:
        """Answer what still waits for a thread."""
        self._threads.forget_all(_SHUT_DOWN)

    def cancel_tasks(self) -> None:
        """Cancel the async handlers that still run."""
        for task in self._tasks:
            task.cancel()

    def pump(self, connection: TurnTaker) -> None:
        """Execute what a connection asks for, as far as the rules let it now."""
        session = connection.session
        self._pumped = connection
        is_over = False
        try:
            is_over = self._admit_all(connection)
        except ENDING as error:  # of a hook, such as that of completion
            self.end(error)
        finally:
            self._pumped = None
        connection.settle()
        if is_over:
            self.later(connection)
        if session.wants_data:
            self._stalled.discard(connection)
        else:
            self._stalled.add(connection)
        if self._dirty:
            self._flush_dirty()
        if self._linger:
            self._linger_for(connection)

    def _admit_all(self, connection: TurnTaker) -> bool:
        """Admit requests and execute them; tell whether the turn was over before all were."""
        session, dispatcher = connection.session, self._dispatcher
        until = perf_counter() + limits.TURN_TIME
        while True:
            while not self.is_stopped:
                admitted = session.admit(dispatcher.is_free)
                if admitted is False:
                    break
                if admitted is True:
                    dispatcher.enlist(session, connection)
                    self._dispatch()
                else:
                    self._run(connection, admitted)
                if perf_counter() > until and not session.wants_data:
                    connection.flush()
                    return True
            if not connection.flush() or session.wants_data or session.is_writing:
                return False

    def later(self, connection: TurnTaker) -> None:
        """Let a connection go on when it is its turn.

        Between two turns, whoever they are for, the loop sees to what has come from others.
        """
        self._waiting.setdefault(connection)
        if not self._is_turn_due:
            self._is_turn_due = True
            self._loop.running.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        try:
            if self._waiting:
                self._waiting.popitem(last=False)[0].take_turn()
        finally:
            self._is_turn_due = bool(self._waiting)
            if self._is_turn_due:
                self._loop.running.call_soon(self._take_turn)

    def resume(self, connection: TurnTaker) -> None:
        """Go on with a connection whose output has room again."""
        if connection.session.can_take:
            self._dispatcher.enlist(connection.session, connection)
            self._dispatch()
        self.pump(connection)

    def _linger_for(self, connection: TurnTaker) -> None:
        """Keep the loop awake for a moment, if this is the only client that is active.

        To be woken costs more than to execute a small command. Where many clients are active, the
        time is better spent on more of them at once.
        """
        now = perf_counter()
        if connection is not self._last_served:
            self._last_served = connection
            self._alone_since = now
            self._linger_until = 0.0
        elif now - self._alone_since > limits.LINGER_ALONE:
            self._linger_until = now + self._linger
            if not self._is_lingering:
                self._is_lingering = True
                self._loop.running.call_soon(self._stay_awake)

    def _stay_awake(self) -> None:
        sched_yield()  # whoever else wants the processor goes first
        if perf_counter() < self._linger_until:
            self._loop.running.call_soon(self._stay_awake)
        else:
            self._is_lingering = False

    def mark(self, connection: TurnTaker) -> None:
        """Take note that a connection has something to send, soon."""
        if connection is self._pumped:
            return
        if not self._dirty and self._pumped is None:
            self._loop.running.call_soon(self._flush_dirty)
        self._dirty[connection] = None

    def _flush_dirty(self) -> None:
        dirty, self._dirty = self._dirty, {}
        for connection in dirty:
            connection.flush()
            connection.settle()
            if connection.session.can_take:  # much output had kept it back
                self._loop.running.call_soon(self.resume, connection)

    def _dispatch(self) -> None:
        dispatcher = self._dispatcher
        while (entry := dispatcher.next_command()) is not None:
            connection, command = entry
            if command is None:
                self.mark(connection)
                continue
            self._run(connection, command)
            if connection.session.can_take:
                dispatcher.enlist(connection.session, connection)

    def _run(self, connection: TurnTaker, command: CommandMessage) -> None:
        session = connection.session
        try:
            value = connection.commands.execute(command, connection)
            if type(value) in _JSON_TYPES:
                session.respond(command, value)  # type: ignore[arg-type]  # it is one of these
            elif isinstance(value, Blocking):
                done = partial(self._finished, connection, command)
                self._start_elsewhere(connection, command, value, done)
            elif inspect.isawaitable(value):
                self._run_task(connection, command, value)
            else:
                session.respond(command, value)
        except BaseException as error:
            self._fail(session, command, error)
        if connection is not self._pumped:
            self.mark(connection)

    def _run_task(
        self, connection: TurnTaker, command: CommandMessage, value: Awaitable[JsonValue]
    ) -> None:
        task = asyncio.ensure_future(outcome_of(value))
        self._tasks.add(task)

        def done(task: "asyncio.Future[Outcome]") -> None:
            self._tasks.discard(task)
            result, error = (None, asyncio.CancelledError()) if task.cancelled() else task.result()
            if isinstance(error, asyncio.CancelledError) and self.is_stopped:
                error = _SHUT_DOWN
            self._finished(connection, command, result, error)

        task.add_done_callback(done)

    def run_blocking(self, work: Blocking, name: str) -> "asyncio.Future[Outcome]":
        """Run what a command in progress has yet to do, where blocking handlers are run."""
        future: asyncio.Future[Outcome] = self._loop.running.create_future()
        command = CommandMessage(name)

        def done(value: JsonValue, error: BaseException | None) -> None:
            if not future.done():
                future.set_result((value, error))  # set_exception() refuses a StopIteration
            if self._dispatcher.release(command):
                self._go_on()

        self._start_elsewhere(future, command, work, done)
        future.add_done_callback(partial(self._threads.forget, error=_GONE))  # it was cancelled
        return future

    def _start_elsewhere(
        self, owner: object, command: CommandMessage, work: Blocking, done: Done
    ) -> None:
        if work.is_exclusive and not command.is_oob:
            self._dispatcher.hold(command)
        try:
            self._threads.run(self._loop.running, owner, command.name, work, done)
        except BaseException:
            self._dispatcher.release(command)
            raise

    def _finished(
        self,
        connection: TurnTaker,
        command: CommandMessage,
        value: JsonValue,
        error: BaseException | None,
    ) -> None:
        """End a command that ran on: answer it, and let go ahead what waited for it."""
        self._take_emitted()
        session = connection.session
        if error is None:
            try:
                session.respond(command, value)
            except BaseException as failure:
                error = failure
        if error is not None:
            self._fail(session, command, error)
        was_held = self._dispatcher.release(command)
        self.mark(connection)
        if session.can_take:
            self._dispatcher.enlist(session, connection)
        self._dispatch()
        self.pump(connection)
        if was_held:
            self._go_on()

    def _fail(
        self, session: ServerSession | HumanSession, command: CommandMessage, error: BaseException
    ) -> None:
        """Answer a command whose handler raised, whatever it raised."""
        session.respond_error(command, *failure_of(command.name, error))
        if isinstance(error, ENDING):
            self._on_ended(error)

    def end(self, error: BaseException) -> None:
        """End the monitor by what was raised elsewhere than in a handler."""
        log.error("what the program runs beside its handlers failed", exc_info=error)
        self._on_ended(error)

    def _go_on(self) -> None:
        """Go on with what an exclusive command has held up."""
        self._dispatch()
        for stalled in list(self._stalled):
            self.pump(stalled)

    def forget(self, connection: TurnTaker) -> None:
        """Take note that a client is gone."""
        self._stalled.discard(connection)
        self._waiting.pop(connection, None)
        self._threads.forget(connection, _GONE)
        if connection is self._last_served:
            self._last_served = None
            self._linger_until = 0.0


def failure_of(name: str, error: BaseException) -> tuple[str, str]:
    """Return the class and the text by which a handler's exception is answered.

    One that isn't a CommandError is logged.
    """
    if isinstance(error, CommandError):
        try:
            return str(error.error_class), str(error.desc)
        except BaseException as failure:
            error = failure
    log.error("the handler of %s failed", name, exc_info=error)
    try:
        text = str(error)
    except BaseException:
        text = ""
    return "GenericError", f"Internal error in {name}: {text or type(error).__name__}"
