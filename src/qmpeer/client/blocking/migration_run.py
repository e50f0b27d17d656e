# Generated from aio/migration_run.py by scripts/blocking_client.py: `make fix` writes it anew.
"""One migration, from the command that starts it to its end.

The run follows MIGRATION events, whose capability it enables if the server has it. Without events,
and for progress, it polls query-migrate at a bounded rate. Anything that ends the run early cancels
the migration, except in postcopy: there the guest is spread over both sides, and would be lost.

Spec: QEMU, qapi/migration.json, MigrationStatus and MigrationCapability.
"""

from collections.abc import Callable
from typing import Any

from qmpeer import limits
from qmpeer.client.answers import text_of
from qmpeer.client.blocking.primitives import report_progress
from qmpeer.client.blocking.procedures import CommandClient, next_event, watchful_pause
from qmpeer.client.blocking.subscription import Events, events_of_this_connection
from qmpeer.client.migration import MigrationState, read_capabilities, read_migration
from qmpeer.client.timeouts import Countdown
from qmpeer.errors import CommandError, CommandInterrupted, ConnectionClosed, MigrationError
from qmpeer.messages import Event
from qmpeer.values import JsonObject

_FAILED = ("failed", "cancelled", "postcopy-paused")


class MigrationRun:
    """The run of one migration.

    Args:
        client: The client.
        arguments: The arguments of "migrate".
        progress: A function, called with the state whenever that changes.
        interval: Seconds between queries of the progress.
        countdown: The deadline of the whole run.
    """

    _events: Events[Event]

    def __init__(
        self,
        client: CommandClient,
        arguments: JsonObject,
        progress: Callable[[MigrationState], object] | None,
        interval: float,
        countdown: Countdown,
    ) -> None:
        self._client = client
        self._arguments = arguments
        self._progress = progress
        self._interval = max(interval, limits.PROGRESS_INTERVAL_LEAST)
        self._countdown = countdown
        self._has_events = False
        self._status = "setup"

    def run(self) -> MigrationState:
        """Start the migration, and return its last state, as described at `Client.migrate`."""
        # Subscribe before the command is sent: the first events may come before the reply.
        self._events = events_of_this_connection(
            self._client._channel, ("MIGRATION",), None, self._countdown.timeout
        )
        with self._events:
            return self._begin()

    def _begin(self) -> MigrationState:
        self._has_events = self._enable_events()
        is_begun = False
        try:
            self._execute("migrate", self._arguments, self._countdown)
            is_begun = True
            return self._follow()
        except (GeneratorExit, MigrationError):
            raise
        except (CommandInterrupted, ConnectionClosed) as error:
            if not is_begun:
                raise
            reason = f"{error.reason}; the migration may still be running"
            raise CommandInterrupted("migrate", None, reason) from error
        except BaseException as error:
            # A refused command started nothing, and another migration may be running: don't cancel
            # that one.
            if is_begun or not isinstance(error, CommandError):
                self._cancel(error)
            raise

    def _enable_events(self) -> bool:
        try:
            answer = self._execute("query-migrate-capabilities", None, self._countdown)
            states = read_capabilities(answer)
            if states.get("events") is False:
                wanted: JsonObject = {"capability": "events", "state": True}
                arguments: JsonObject = {"capabilities": [wanted]}
                self._execute("migrate-set-capabilities", arguments, self._countdown)
        except CommandError:
            return False
        return "events" in states

    def _follow(self) -> MigrationState:
        while True:
            is_changed = self._wait()
            if self._countdown.is_over and self._status not in (*_FAILED, "completed"):
                raise TimeoutError(f"the migration wasn't done in {self._countdown.timeout:.4g} s")
            if is_changed and self._has_events and not self._is_worth_a_query():
                continue
            state = self._query()
            report_progress(self._progress, state)
            if state.status == "completed":
                return state
            if state.status in _FAILED:
                raise MigrationError(state.status, state.error or "")
            if state.status == "pre-switchover":
                self._continue()

    def _is_worth_a_query(self) -> bool:
        """Return whether this status is worth a query-migrate."""
        return self._progress is not None or self._status in (
            *_FAILED,
            "completed",
            "pre-switchover",
        )

    def _wait(self) -> bool:
        """Wait until the state may have changed; return whether an event announced it."""
        if not self._has_events:
            watchful_pause(self._client._channel, self._countdown.remaining(self._interval))
            return False
        interval = self._interval if self._progress is not None else None
        event = next_event(self._events, self._countdown.remaining(interval))
        if event is None:
            return False
        self._status = text_of(event.data.get("status"))
        return True

    def _query(self) -> MigrationState:
        answer = self._client.execute("query-migrate", timeout=limits.CANCEL_TIMEOUT)
        state = read_migration(answer)
        self._status = state.status
        return state

    def _continue(self) -> None:
        """Continue at "pre-switchover", now that the progress function was called."""
        arguments: JsonObject = {"state": "pre-switchover"}
        try:
            self._client.execute("migrate-continue", arguments, timeout=limits.CANCEL_TIMEOUT)
        except CommandError:  # it has continued meanwhile
            state = self._query()
            if state.status == "pre-switchover":
                raise

    def _cancel(self, error: BaseException) -> None:
        """Cancel the migration and wait for its end; add a note to the error if that fails."""
        countdown = Countdown(limits.CANCEL_TIMEOUT)
        try:
            state = self._query()
            status = state.status
            # In postcopy neither side has the whole guest: cancelling would lose it.
            if status.startswith("postcopy"):
                error.add_note(
                    f"the migration is still running, as it can't be cancelled in {status}"
                )
                return
            self._execute("migrate_cancel", None, countdown)
            while status not in (*_FAILED, "completed", "none") and not countdown.is_over:
                seconds = countdown.remaining(limits.PROGRESS_INTERVAL_LEAST)
                watchful_pause(self._client._channel, seconds)
                state = self._query()
                status = state.status
            if status != "cancelled":
                error.add_note(f"the migration wasn't cancelled, its status is {status}")
        except (CommandError, CommandInterrupted, ConnectionClosed, TimeoutError) as failure:
            error.add_note(f"the migration may still be running, cancelling it failed: {failure}")

    def _execute(self, command: str, arguments: JsonObject | None, countdown: Countdown) -> Any:
        return self._client.execute(command, arguments, timeout=countdown.remaining())
