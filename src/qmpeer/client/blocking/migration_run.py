# Generated from aio/migration_run.py by scripts/blocking_client.py: `make fix` writes it anew.
"""A migration, from the command that begins it to its end.

MIGRATION events say how it goes on, where the server has them: their capability is enabled
first. Without them, and for progress, query-migrate is asked at a bounded rate. What ends this
procedure before the migration's end cancels it, but never in postcopy, where the guest is on both
sides and would be lost.

Spec: QEMU, qapi/migration.json, MigrationStatus and MigrationCapability.
"""

from collections.abc import Callable
from typing import Any

from qmpeer import limits
from qmpeer.client.answers import text_of
from qmpeer.client.blocking.door import tell
from qmpeer.client.blocking.procedures import Executor, next_event, watchful_pause
from qmpeer.client.blocking.subscription import Events, events_of_this_connection
from qmpeer.client.migration import MigrationState, read_capabilities, read_migration
from qmpeer.client.timeouts import Countdown
from qmpeer.errors import CommandError, CommandInterrupted, ConnectionClosed, MigrationError
from qmpeer.messages import Event
from qmpeer.values import JsonObject

_FAILED = ("failed", "cancelled", "postcopy-paused")


class MigrationRun:
    """A migration that is begun here, and seen through.

    Args:
        client: The server's.
        arguments: Those of the command "migrate".
        progress: Called with the state whenever that changes.
        interval: Seconds from one question for the progress to the next.
        countdown: The deadline of all of it.
    """

    _events: Events[Event]

    def __init__(
        self,
        client: Executor,
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
        """Begin it, and return how it stood at its end, as `Client.migrate` says."""
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
            reason = f"{error.reason}; the migration may go on"
            raise CommandInterrupted("migrate", None, reason) from error
        except BaseException as error:
            # One that was refused began nothing; another may be under way.
            if is_begun or not isinstance(error, CommandError):
                self._cancel(error)
            raise

    def _enable_events(self) -> bool:
        try:
            answer = self._execute("query-migrate-capabilities", None, self._countdown)
            states = read_capabilities(answer)
            if states.get("events") is False:
                wanted: JsonObject = {"capability": "events", "state": True}
                given: JsonObject = {"capabilities": [wanted]}
                self._execute("migrate-set-capabilities", given, self._countdown)
        except CommandError:
            return False
        return "events" in states

    def _follow(self) -> MigrationState:
        while True:
            is_changed = self._wait()
            if self._countdown.is_over and self._status not in (*_FAILED, "completed"):
                raise TimeoutError(f"the migration wasn't done in {self._countdown.timeout:.4g} s")
            if is_changed and self._has_events and not self._is_telling():
                continue
            state = self._query()
            tell(self._progress, state)
            if state.status == "completed":
                return state
            if state.status in _FAILED:
                raise MigrationError(state.status, state.error or "")
            if state.status == "pre-switchover":
                self._go_on()

    def _is_telling(self) -> bool:
        """Return whether it is worth a question what lies behind the status."""
        return self._progress is not None or self._status in (
            *_FAILED,
            "completed",
            "pre-switchover",
        )

    def _wait(self) -> bool:
        """Wait until something may have changed; tell whether an event said so."""
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

    def _go_on(self) -> None:
        """Let it switch over: it was to pause before, and the caller has been told."""
        arguments: JsonObject = {"state": "pre-switchover"}
        try:
            self._client.execute("migrate-continue", arguments, timeout=limits.CANCEL_TIMEOUT)
        except CommandError:  # it has gone on meanwhile
            state = self._query()
            if state.status == "pre-switchover":
                raise

    def _cancel(self, error: BaseException) -> None:
        """Cancel it and wait for its end; what doesn't work is noted at the error."""
        countdown = Countdown(limits.CANCEL_TIMEOUT)
        try:
            state = self._query()
            status = state.status
            if status.startswith("postcopy"):
                error.add_note(f"the migration goes on, as it can't be cancelled in {status}")
                return
            self._execute("migrate_cancel", None, countdown)
            while status not in (*_FAILED, "completed", "none") and not countdown.is_over:
                seconds = countdown.remaining(limits.PROGRESS_INTERVAL_LEAST)
                watchful_pause(self._client._channel, seconds)
                state = self._query()
                status = state.status
            if status != "cancelled":
                error.add_note(f"the migration was to be cancelled, and is {status}")
        except (CommandError, CommandInterrupted, ConnectionClosed, TimeoutError) as failure:
            error.add_note(f"the migration may go on, it could not be cancelled: {failure}")

    def _execute(self, command: str, arguments: JsonObject | None, countdown: Countdown) -> Any:
        return self._client.execute(command, arguments, timeout=countdown.remaining())
