"""Turns: the loop's steps that admit requests, execute commands in order, and send replies.

Theory of operation.  Everything runs on one event loop's thread. A turn begins when bytes or a
handler's result come in. `pump` admits requests, the dispatcher chooses the next command (the one
just admitted, if no other waits), and `_run` executes it. Sync handlers run to their end inside the
turn. Async handlers become tasks and blocking ones run in threads (`qmpeer.monitor.threads`); each
of these ends in a later turn (`_finished`). At its end a turn sends its output, one write per
connection.

A handler may raise any exception: its client gets an internal error, and the log gets the
traceback. `SystemExit` and `KeyboardInterrupt` also shut down the monitor in order, but not the
loop.

The session and the dispatcher make all decisions. This module has only the parts that need a loop.
"""

import asyncio
import inspect
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from os import sched_yield
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from qmpeer import limits
from qmpeer.errors import CommandError
from qmpeer.messages import CommandMessage
from qmpeer.monitor.loop import MonitorLoop
from qmpeer.monitor.threads import ENDING, Blocking, Done, Threads
from qmpeer.protocol import Dispatcher, ServerSession
from qmpeer.values import JsonValue

if TYPE_CHECKING:
    from qmpeer.monitor.human.session import HumanSession

log: logging.Logger = logging.getLogger("qmpeer.monitor")
_JSON_TYPES = frozenset((dict, list, str, int, float, bool, type(None)))
_GONE: Final = CommandError("GenericError", "The client has gone")
_SHUT_DOWN: Final = CommandError("GenericError", "The monitor was shut down")


class Pending:
    """The type of `PENDING`."""


PENDING: Final = Pending()
"""An executor's result for a command whose reply is delivered later."""


class CommandExecutor(Protocol):
    """The executor of a connection's commands."""

    def execute(
        self, command: CommandMessage, context: Any
    ) -> JsonValue | Awaitable[JsonValue] | Blocking | Pending:
        """Execute one command; return its value, an awaitable of it, a `Blocking`, or PENDING."""


class TurnTaker(Protocol):
    """The part of a connection that `Turns` uses."""

    @property
    def session(self) -> "ServerSession | HumanSession":
        """The session, which admits requests and takes replies."""

    @property
    def commands(self) -> CommandExecutor:
        """The executor of its commands."""

    def flush(self) -> bool:
        """Send the session's output; return True if there was any."""

    def settle(self) -> None:
        """End a turn: pause or resume reading, and close if everything is done."""

    def take_turn(self) -> None:
        """Process unread bytes for a limited time."""


Outcome: TypeAlias = tuple[JsonValue, BaseException | None]
"""A handler's result, or the exception that it raised."""


async def outcome_of(value: Awaitable[JsonValue]) -> Outcome:
    """Await a handler's value; return its exception instead of raising it.

    A task that raised SystemExit or KeyboardInterrupt would stop its loop.
    """
    try:
        return await value, None
    except BaseException as error:
        return None, error


class Turns:
    """The scheduler of commands for all connections of a monitor.

    Args:
        loop: The monitor's loop.
        threads: Runs the handlers that don't run in the loop's thread.
        take_emitted: Sends the events that other threads have emitted; called before a reply.
        on_ended: Called, from any thread, with an exception of a handler that ends the monitor.
        linger: Seconds for which the loop stays awake for the next command while only one client is
            active.

    Attributes:
        is_stopped: True when no further command is executed.
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
        self._is_in_backend = False
        self._loop = loop
        self._threads = threads
        self._take_emitted = take_emitted
        self._on_ended = on_ended
        self._linger = linger
        self._alone_since = 0.0  # since when all turns have been the last served connection's
        self._dispatcher = Dispatcher[TurnTaker]()
        self._pumped: TurnTaker | None = None  # pump() flushes it, so mark() needn't
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
        """Answer the commands that still wait for a thread with an error."""
        self._threads.forget_all(_SHUT_DOWN)

    def cancel_tasks(self) -> None:
        """Cancel the async handlers that are still running."""
        for task in self._tasks:
            task.cancel()

    def pump(self, connection: TurnTaker) -> None:
        """Execute those commands of a connection whose turn it is."""
        session = connection.session
        self._pumped = connection
        is_over = False
        try:
            is_over = self._admit_all(connection)
        except ENDING as error:  # raised by a hook, such as completion's
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
        """Admit requests and execute them; return True if the turn's time ended before that."""
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
                # Between commands only: one command is never cut off.
                if perf_counter() > until and not session.wants_data:
                    connection.flush()
                    return True
            # Output that was flushed makes room, so that the session may admit more.
            if not connection.flush() or session.wants_data or session.is_writing:
                return False

    def later(self, connection: TurnTaker) -> None:
        """Schedule another turn for a connection.

        Between two turns, of whichever connections, the loop handles its other events.
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
        """Continue with a connection whose output has room again."""
        if connection.session.can_take:
            self._dispatcher.enlist(connection.session, connection)
            self._dispatch()
        self.pump(connection)

    def _linger_for(self, connection: TurnTaker) -> None:
        """Keep the loop awake for a moment if only this client is active.

        Waking up costs more than executing a small command. If many clients are active, sleeping is
        better: the loop then serves several of them at once.
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
        sched_yield()  # other processes that need the processor go first
        if perf_counter() < self._linger_until:
            self._loop.running.call_soon(self._stay_awake)
        else:
            self._is_lingering = False

    def mark(self, connection: TurnTaker) -> None:
        """Schedule the sending of a connection's output."""
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
            if connection.session.can_take:  # too much output had delayed its next command
                self._loop.running.call_soon(self.resume, connection)

    def _dispatch(self) -> None:
        dispatcher = self._dispatcher
        while (entry := dispatcher.next_command()) is not None:
            connection, command = entry
            if command is None:  # the session has answered it itself
                self.mark(connection)
                continue
            self._run(connection, command)
            if connection.session.can_take:
                dispatcher.enlist(connection.session, connection)

    def _run(self, connection: TurnTaker, command: CommandMessage) -> None:
        session = connection.session
        try:
            value = connection.commands.execute(command, connection)
            # The commonest case first: a sync handler's JSON value.
            if type(value) in _JSON_TYPES:
                session.respond(command, value)  # type: ignore[arg-type]  # it is one of these
            elif isinstance(value, Pending):
                pass
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
            # cancel_tasks() has cancelled it: the client gets the reason.
            if isinstance(error, asyncio.CancelledError) and self.is_stopped:
                error = _SHUT_DOWN
            self._finished(connection, command, result, error)

        task.add_done_callback(done)

    def run_blocking(self, work: Blocking, name: str) -> "asyncio.Future[Outcome]":
        """Run the blocking part of a command in progress in a thread."""
        future: asyncio.Future[Outcome] = self._loop.running.create_future()
        command = CommandMessage(name)

        def done(value: JsonValue, error: BaseException | None) -> None:
            if not future.done():
                future.set_result((value, error))  # set_exception() refuses a StopIteration
            if self._dispatcher.release(command):
                self._go_on()

        self._start_elsewhere(future, command, work, done)
        future.add_done_callback(partial(self._threads.forget, error=_GONE))  # if cancelled
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
        """Answer a command that ended in a later turn; start the commands that waited for it."""
        self._take_emitted()  # events of the handler's thread are sent before its reply
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

    def run_backend(
        self, execute: Callable[[CommandMessage], None], command: CommandMessage
    ) -> None:
        """Let a raw backend execute a command; what it delivers meanwhile starts no other."""
        self._is_in_backend = True
        try:
            execute(command)
        finally:
            self._is_in_backend = False

    def delivered(self, connection: TurnTaker) -> None:
        """Send what a raw backend has delivered, and go on with the commands that waited for it."""
        if connection is self._pumped:
            return  # pump() does it
        # In another connection's turn this one gets its own. In a command of its own it must not
        # start the next command, which would start the next, and so on.
        if self._pumped is not None or self._is_in_backend:
            self.mark(connection)
            self.later(connection)
            return
        session = connection.session
        if session.can_take or not session.wants_data:
            self.resume(connection)
            return
        connection.flush()  # the fast path: nothing else waits
        connection.settle()
        if self._linger:
            self._linger_for(connection)

    def _fail(
        self, session: "ServerSession | HumanSession", command: CommandMessage, error: BaseException
    ) -> None:
        """Answer a command whose handler raised any exception."""
        session.respond_error(command, *failure_of(command.name, error))
        if isinstance(error, ENDING):
            self._on_ended(error)

    def end(self, error: BaseException) -> None:
        """End the monitor because code other than a handler raised an exception."""
        log.error("code of the program outside its handlers failed", exc_info=error)
        self._on_ended(error)

    def _go_on(self) -> None:
        """Continue with the commands that an exclusive command has delayed."""
        self._dispatch()
        # A copy: pump() changes the set.
        for stalled in list(self._stalled):
            self.pump(stalled)

    def forget(self, connection: TurnTaker) -> None:
        """Forget a connection that has ended."""
        self._stalled.discard(connection)
        self._waiting.pop(connection, None)
        self._threads.forget(connection, _GONE)
        if connection is self._last_served:
            self._last_served = None
            self._linger_until = 0.0


def failure_of(name: str, error: BaseException) -> tuple[str, str]:
    """Return the error class and the text of the reply to a handler's exception.

    An exception that isn't a CommandError is logged.
    """
    if isinstance(error, CommandError):
        try:
            return str(error.error_class), str(error.desc)
        except BaseException as failure:  # a program's subclass may fail here
            error = failure
    log.error("the handler of %s failed", name, exc_info=error)
    try:
        text = str(error)
    except BaseException:
        text = ""
    return "GenericError", f"Internal error in {name}: {text or type(error).__name__}"
