"""Rounds of work: requests in, their commands executed in turn, replies and events out.

Theory of operation.  All of it runs on one event loop's thread. A round begins when bytes or an
outcome come in: `pump` admits requests, the dispatcher says whose turn it is, `_run` executes. Sync
handlers run to their end inside the round. Async ones become tasks, blocking ones threads, and each
ends in a round of its own (`_finished`). What a round wrote is sent at its end, one write a
connection.

Every decision is the session's or the dispatcher's; here is only what needs a loop.
"""

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from os import sched_yield
from time import perf_counter
from typing import Any, TypeAlias

from qmpeer import limits
from qmpeer.errors import CommandError
from qmpeer.messages import Command
from qmpeer.monitor.connection import Connection
from qmpeer.monitor.human.session import HumanSession
from qmpeer.monitor.registry import Blocking
from qmpeer.protocol import Dispatcher, ServerSession
from qmpeer.values import JsonValue

__all__ = ["Call", "Rounds", "note_failure"]

log: logging.Logger = logging.getLogger("qmpeer.monitor")
_JSON_TYPES = frozenset((dict, list, str, int, float, bool, type(None)))
Call: TypeAlias = Callable[[Callable[[], None]], object]
"""Have a function called in some thread of the caller's choice, soon, and return at once."""


def _nothing() -> None:
    pass


class Rounds:
    """Execute the commands of all connections of a monitor.

    Attributes:
        connections: All that there are.
        loop: The loop that all of this runs on, once there is one.
        call: Where handlers go that don't run in the loop's thread; None for a new thread each.
        is_stopped: No further command is executed.
        take_emitted: Sends the events that other threads have emitted; called before a reply.
        when_gone: Called when a connection has gone.
    """

    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.call: Call | None = None
        self.is_stopped: bool = False
        self.take_emitted: Callable[[], None] = _nothing
        self.when_gone: Callable[[], None] = _nothing
        self._dispatcher = Dispatcher()
        self._dirty: list[Connection] = []
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

    def cancel_tasks(self) -> None:
        """Cancel the async handlers that still run."""
        for task in self._tasks:
            task.cancel()

    def pump(self, connection: Connection) -> None:
        """Execute what a connection asks for, as far as the rules let it now."""
        session = connection.session
        dispatcher = self._dispatcher
        self._is_in_round = True
        connection.is_dirty = True  # what it says in its own round is sent by its own flush
        while True:
            while not self.is_stopped and (admitted := session.admit()) is not False:
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
                assert self.loop is not None
                self.loop.call_soon(self._linger)
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
        except (Exception, asyncio.CancelledError) as error:
            _respond_failure(session, command, error)
        self.mark(connection)

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
            elif self.is_stopped:
                error = CommandError("GenericError", "The monitor was shut down")
            else:
                error = asyncio.CancelledError("it was cancelled")
            self._finished(connection, command, None if error else task.result(), error)

        task.add_done_callback(done)

    def _run_elsewhere(self, connection: Connection, command: Command, work: Blocking) -> None:
        if not command.is_oob:
            self._dispatcher.hold(command)
        try:
            self._start_elsewhere(work, command.name, partial(self._finished, connection, command))
        except BaseException:
            self._dispatcher.release(command)
            raise

    def run_blocking(self, work: Blocking, name: str) -> "asyncio.Future[JsonValue]":
        """Run what a command in progress has yet to do, where blocking handlers are run.

        Nothing in-band goes ahead until it ends.
        """
        assert self.loop is not None
        future: asyncio.Future[JsonValue] = self.loop.create_future()
        command = Command(name)

        def done(value: JsonValue, error: BaseException | None) -> None:
            self._dispatcher.release(command)
            if not future.done():
                if error is None:
                    future.set_result(value)
                else:
                    future.set_exception(error)
            self._dispatch()
            self._pump_stalled()

        self._dispatcher.hold(command)
        try:
            self._start_elsewhere(work, name, done)
        except BaseException:
            self._dispatcher.release(command)
            raise
        return future

    def _start_elsewhere(
        self,
        work: Blocking,
        name: str,
        done: Callable[[JsonValue, BaseException | None], None],
    ) -> None:
        """Have something run in a thread; its outcome comes back to the loop's."""
        loop = self.loop
        assert loop is not None

        def run() -> None:
            value: JsonValue = None
            failure: BaseException | None = None
            try:
                value = work()
            except BaseException as error:
                failure = error
            try:
                loop.call_soon_threadsafe(done, value, failure)
            except RuntimeError:  # the loop has gone meanwhile
                pass

        if self.call is not None:
            self.call(run)
        else:
            threading.Thread(target=run, name=f"{name} handler", daemon=True).start()

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
            except Exception as failure:
                error = failure
        if error is not None:
            _respond_failure(session, command, error)
        self._dispatcher.release(command)
        self.mark(connection)
        if session.can_take:
            self._dispatcher.enlist(session)
        self._dispatch()
        self.pump(connection)
        self._pump_stalled()

    def _pump_stalled(self) -> None:
        for stalled in list(self._stalled):
            self.pump(stalled)

    def forget(self, connection: Connection, error: OSError | None) -> None:
        """Take note that a client is gone."""
        log.debug("%s: = gone: %s", connection.peer, error or "closed")
        self.connections.discard(connection)
        self._stalled.discard(connection)
        if connection is self._last_served:
            self._last_served = None
        self.when_gone()


def _respond_failure(
    session: ServerSession | HumanSession, command: Command, error: BaseException
) -> None:
    """Answer a command whose handler raised, whatever it raised."""
    if isinstance(error, CommandError):
        session.respond_error(command, str(error.error_class), str(error.desc))
        return
    session.respond_error(command, "GenericError", note_failure(command.name, error))


def note_failure(name: str, error: BaseException) -> str:
    """Log that a handler failed; return what its client is told."""
    log.error("the handler of %s failed", name, exc_info=error)
    try:
        text = str(error)
    except Exception:
        text = ""
    return f"Internal error in {name}: {text or type(error).__name__}"
