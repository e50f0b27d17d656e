"""Rounds of work: requests in, their commands executed in turn, replies and events out.

Theory of operation.  All of it runs on one event loop's thread. A round begins when bytes or an
outcome come in: `pump` admits requests, the dispatcher says whose turn it is, `_run` executes. Sync
handlers run to their end inside the round. Async ones become tasks, blocking ones threads
(`qmpeer.monitor.threads`), and each ends in a round of its own (`_finished`). What a round wrote is
sent at its end, one write a connection.

A handler may raise whatever it likes: its client gets an internal error, and the log the traceback.
`SystemExit` and `KeyboardInterrupt` then end the monitor, in order, and not the loop it runs on.

Every decision is the session's or the dispatcher's; here is only what needs a loop.
"""

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from os import sched_yield
from time import perf_counter
from typing import Any, Final, TypeAlias

from qmpeer import limits
from qmpeer.errors import CommandError
from qmpeer.messages import Command
from qmpeer.monitor.connection import Connection
from qmpeer.monitor.human.session import HumanSession
from qmpeer.monitor.registry import ENDING, Blocking
from qmpeer.monitor.threads import Done, Threads
from qmpeer.protocol import Dispatcher, ServerSession
from qmpeer.values import JsonValue

__all__ = ["Outcome", "Rounds", "failure_of", "outcome_of"]

log: logging.Logger = logging.getLogger("qmpeer.monitor")
_JSON_TYPES = frozenset((dict, list, str, int, float, bool, type(None)))
_GONE: Final = CommandError("GenericError", "The client has gone")
_SHUT_DOWN: Final = CommandError("GenericError", "The monitor was shut down")


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


def _nothing() -> None:
    pass


def _ignore(error: BaseException) -> None:
    pass


class Rounds:
    """Execute the commands of all connections of a monitor.

    Attributes:
        connections: All that there are.
        loop: The loop that all of this runs on, once there is one.
        threads: Where handlers go that don't run in the loop's thread.
        is_stopped: No further command is executed.
        take_emitted: Sends the events that other threads have emitted; called before a reply.
        when_gone: Called when a connection has gone.
        when_ended: Called when a handler has raised what ends the monitor; from any thread.
    """

    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.threads: Threads = Threads()
        self.is_stopped: bool = False
        self.take_emitted: Callable[[], None] = _nothing
        self.when_gone: Callable[[], None] = _nothing
        self.when_ended: Callable[[BaseException], None] = _ignore
        self._dispatcher = Dispatcher()
        self._dirty: list[Connection] = []
        self._turns: deque[Connection] = deque()
        self._stalled: set[Connection] = set()
        self._tasks: set[asyncio.Future[Any]] = set()
        self._is_in_round = False
        self._last_served: Connection | None = None
        self._is_lingering = False
        self._linger_until = 0.0

    def stop(self) -> None:
        """Execute no further command; callable from any thread."""
        self._dispatcher.stop()
        self.is_stopped = True

    def give_up_waiting(self) -> None:
        """Answer what still waits for a thread."""
        self.threads.forget_all(_SHUT_DOWN)

    def cancel_tasks(self) -> None:
        """Cancel the async handlers that still run."""
        for task in self._tasks:
            task.cancel()

    def pump(self, connection: Connection) -> None:
        """Execute what a connection asks for, as far as the rules let it now."""
        session = connection.session
        self._is_in_round = True
        connection.is_dirty = True  # what it says in its own round is sent by its own flush
        is_over = False
        try:
            is_over = self._admit_all(connection)
        except ENDING as error:  # of a hook, such as that of completion
            self.end(error)
        finally:
            connection.is_dirty = False
            self._is_in_round = False
        connection.settle()
        if is_over:
            self.later(connection)
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
                assert self.loop is not None
                self.loop.call_soon(self._linger)
        else:
            self._last_served = connection

    def _admit_all(self, connection: Connection) -> bool:
        """Admit requests and execute them; tell whether the turn was over before all were."""
        session = connection.session
        until = perf_counter() + limits.TURN_TIME
        while True:
            while not self.is_stopped and (admitted := session.admit()) is not False:
                if admitted is True:
                    self._dispatcher.enlist(session)
                    self._dispatch()
                else:
                    self._run(connection, admitted)
                if perf_counter() > until and not session.wants_data:
                    connection.flush()
                    return True
            if not connection.flush() or session.wants_data or session.is_writing:
                return False

    def later(self, connection: Connection) -> None:
        """Let a connection go on when it is its turn.

        Between two turns, whoever they are for, the loop sees to what has come from others.
        """
        if connection.is_awaiting_turn:
            return
        connection.is_awaiting_turn = True
        if not self._turns:
            assert self.loop is not None
            self.loop.call_soon(self._take_turn)
        self._turns.append(connection)

    def _take_turn(self) -> None:
        connection = self._turns[0]
        connection.is_awaiting_turn = False
        try:
            if connection in self.connections:
                connection.take_turn()
        finally:
            self._turns.popleft()
            if self._turns:
                assert self.loop is not None
                self.loop.call_soon(self._take_turn)

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
            assert self.loop is not None
            self.loop.call_soon(self._linger)
        else:
            self._is_lingering = False

    def mark(self, connection: Connection) -> None:
        """Take note that a connection has something to send, soon."""
        if connection.is_dirty:
            return
        connection.is_dirty = True
        if not self._dirty and not self._is_in_round:
            assert self.loop is not None
            self.loop.call_soon(self._flush_dirty)
        self._dirty.append(connection)

    def _flush_dirty(self) -> None:
        dirty, self._dirty = self._dirty, []
        for connection in dirty:
            connection.is_dirty = False
            connection.flush()
            connection.settle()
            if connection.session.can_take:  # much output had kept it back
                assert self.loop is not None
                self.loop.call_soon(self.resume, connection)

    def _dispatch(self) -> None:
        dispatcher = self._dispatcher
        while (entry := dispatcher.next_command()) is not None:
            session, command = entry
            if command is None:
                self.mark(session.owner)
                continue
            self._run(session.owner, command)
            if session.can_take:
                dispatcher.enlist(session)

    def _run(self, connection: Connection, command: Command) -> None:
        session = connection.session
        try:
            value = connection.commands.execute(command, connection)
            if type(value) in _JSON_TYPES:
                session.respond(command, value)  # type: ignore[arg-type]  # it is one of these
            elif isinstance(value, Blocking):
                self._run_elsewhere(connection, command, value)
            elif inspect.isawaitable(value):
                self._run_task(connection, command, value)
            else:
                session.respond(command, value)
        except BaseException as error:
            self._fail(session, command, error)
        self.mark(connection)

    def _run_task(
        self, connection: Connection, command: Command, value: Awaitable[JsonValue]
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

    def _run_elsewhere(self, connection: Connection, command: Command, work: Blocking) -> None:
        done = partial(self._finished, connection, command)
        self._start_elsewhere(connection, command, work, done)

    def run_blocking(self, work: Blocking, name: str) -> "asyncio.Future[Outcome]":
        """Run what a command in progress has yet to do, where blocking handlers are run."""
        assert self.loop is not None
        future: asyncio.Future[Outcome] = self.loop.create_future()
        command = Command(name)

        def done(value: JsonValue, error: BaseException | None) -> None:
            if not future.done():
                future.set_result((value, error))  # set_exception() refuses a StopIteration
            if self._dispatcher.release(command):
                self._go_on()

        self._start_elsewhere(future, command, work, done)
        future.add_done_callback(partial(self.threads.forget, error=_GONE))  # it was cancelled
        return future

    def _start_elsewhere(self, owner: object, command: Command, work: Blocking, done: Done) -> None:
        assert self.loop is not None
        if work.is_exclusive and not command.is_oob:
            self._dispatcher.hold(command)
        try:
            self.threads.run(self.loop, owner, command.name, work, done)
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
        self.take_emitted()
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
            self._dispatcher.enlist(session)
        self._dispatch()
        self.pump(connection)
        if was_held:
            self._go_on()

    def _fail(
        self, session: ServerSession | HumanSession, command: Command, error: BaseException
    ) -> None:
        """Answer a command whose handler raised, whatever it raised."""
        session.respond_error(command, *failure_of(command.name, error))
        if isinstance(error, ENDING):
            self.when_ended(error)

    def end(self, error: BaseException) -> None:
        """End the monitor by what was raised elsewhere than in a handler."""
        log.error("what the program runs beside its handlers failed", exc_info=error)
        self.when_ended(error)

    def _go_on(self) -> None:
        """Go on with what an exclusive command has held up."""
        self._dispatch()
        for stalled in list(self._stalled):
            self.pump(stalled)

    def forget(self, connection: Connection, error: OSError | None) -> None:
        """Take note that a client is gone."""
        log.debug("%s: = gone: %s", connection.peer, error or "closed")
        self.connections.discard(connection)
        self._stalled.discard(connection)
        self.threads.forget(connection, _GONE)
        if connection is self._last_served:
            self._last_served = None
        self.when_gone()


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
