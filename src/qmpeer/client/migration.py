"""A migration, from the command that begins it to its end, decided without I/O.

MIGRATION events tell what becomes of it, where the server has them: their capability is enabled
first. Without them, and for progress, query-migrate is asked at a bounded rate. What ends the
course before the migration's end cancels it, but never in postcopy, where the guest is on both
sides and would be lost.

Spec: QEMU, qapi/migration.json, MigrationStatus and MigrationCapability.
"""

from typing import Any

import msgspec

from qmpeer import limits
from qmpeer.client.answers import count_of, read_answer, text_of
from qmpeer.client.steps import Countdown, Course, Execute, NextEvent, Pause, Report
from qmpeer.errors import CommandError, CommandInterrupted, ConnectionClosed, MigrationError
from qmpeer.values import JsonObject

__all__ = ["MigrationRun", "MigrationState"]

_FAILED = ("failed", "cancelled", "postcopy-paused")


class MigrationState(msgspec.Struct, frozen=True):
    """Say how a migration stands.

    Attributes:
        status: "setup", "active", "postcopy-active", "completed", "failed", …; new ones may appear.
        transferred: Bytes of memory that were sent.
        remaining: Bytes that are still to be sent; guests dirty them again.
        total: Bytes of memory in all.
        error: Why it failed, if it did.
        info: All that query-migrate said.
    """

    status: str
    transferred: int = 0
    remaining: int = 0
    total: int = 0
    error: str | None = None
    info: dict[str, Any] = {}

    @property
    def fraction(self) -> float:
        """How much of the memory needs not be sent any more, from 0 to 1."""
        if self.status == "completed":
            return 1.0
        if self.total <= 0 or self.remaining <= 0:
            return 0.0
        return min(1.0, max(0.0, 1 - self.remaining / self.total))


class _Capability(msgspec.Struct):
    capability: str
    state: bool


class MigrationRun:
    """Begin a migration and see it through.

    Args:
        arguments: Those of the command "migrate".
        interval: Seconds from one question for its progress to the next.
        is_reported: Somebody wants to know the progress.
        countdown: The deadline of all of it.
    """

    EVENTS = ("MIGRATION",)

    def __init__(
        self, arguments: JsonObject, interval: float, is_reported: bool, countdown: Countdown
    ) -> None:
        self._arguments = arguments
        self._interval = interval
        self._is_reported = is_reported
        self._countdown = countdown
        self._has_events = False
        self._status = "setup"

    def run(self) -> Course[MigrationState]:
        """Begin it, and return how it stood at its end."""
        self._has_events = yield from self._enable_events()
        is_begun = False
        try:
            yield Execute("migrate", self._arguments, self._countdown.remaining())
            is_begun = True
            return (yield from self._follow())
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
                yield from self._cancel(error)
            raise

    def _enable_events(self) -> Course[bool]:
        try:
            command = "query-migrate-capabilities"
            answer = yield Execute(command, None, self._countdown.remaining())
            known = read_answer(command, answer, list[_Capability], "a list of capabilities")
            states = {each.capability: each.state for each in known}
            if states.get("events") is False:
                wanted: JsonObject = {"capability": "events", "state": True}
                yield Execute(
                    "migrate-set-capabilities",
                    {"capabilities": [wanted]},
                    self._countdown.remaining(),
                )
        except CommandError:
            return False
        return "events" in states

    def _follow(self) -> Course[MigrationState]:
        while True:
            is_changed = yield from self._wait()
            if self._countdown.is_over and self._status not in (*_FAILED, "completed"):
                raise TimeoutError(f"the migration wasn't done in {self._countdown.timeout:.4g} s")
            if is_changed and self._has_events and not self._is_telling():
                continue
            state = yield from self._query()
            if self._is_reported:
                yield Report(state)
            if state.status == "completed":
                return state
            if state.status in _FAILED:
                raise MigrationError(state.status, state.error or "")
            if state.status == "pre-switchover":
                yield from self._go_on()

    def _is_telling(self) -> bool:
        """Tell whether it is worth a question what lies behind the status."""
        return self._is_reported or self._status in (*_FAILED, "completed", "pre-switchover")

    def _wait(self) -> Course[bool]:
        """Wait until something may have changed; tell whether an event said so."""
        if not self._has_events:
            yield Pause(self._countdown.remaining(self._interval) or 0.0)
            return False
        interval = self._interval if self._is_reported else None
        event = yield NextEvent(self._countdown.remaining(interval))
        if event is None:
            return False
        self._status = text_of(event.data.get("status"))
        return True

    def _query(self) -> Course[MigrationState]:
        answer = yield Execute("query-migrate", None, limits.CANCEL_TIMEOUT)
        info = read_answer("query-migrate", answer, dict[str, Any], "an object")
        ram = info.get("ram")
        error = info.get("error-desc")
        self._status = text_of(info.get("status"), "none")
        return MigrationState(
            status=self._status,
            transferred=_bytes_of(ram, "transferred"),
            remaining=_bytes_of(ram, "remaining"),
            total=_bytes_of(ram, "total"),
            error=None if error is None else text_of(error, "failed"),
            info=info,
        )

    def _go_on(self) -> Course[None]:
        """Let it switch over: it was to pause before, and the caller has been told."""
        arguments: JsonObject = {"state": "pre-switchover"}
        try:
            yield Execute("migrate-continue", arguments, limits.CANCEL_TIMEOUT)
        except CommandError:  # it has gone on meanwhile
            if (yield from self._query()).status == "pre-switchover":
                raise

    def _cancel(self, error: BaseException) -> Course[None]:
        """Cancel it and wait for its end; what doesn't work is noted at the error."""
        countdown = Countdown(limits.CANCEL_TIMEOUT)
        try:
            status = (yield from self._query()).status
            if status.startswith("postcopy"):
                error.add_note(f"the migration goes on, as it can't be cancelled in {status}")
                return
            yield Execute("migrate_cancel", None, countdown.remaining())
            while status not in (*_FAILED, "completed", "none") and not countdown.is_over:
                yield Pause(countdown.remaining(limits.PROGRESS_INTERVAL_LEAST) or 0.0)
                status = (yield from self._query()).status
            if status != "cancelled":
                error.add_note(f"the migration was to be cancelled, and is {status}")
        except (CommandError, CommandInterrupted, ConnectionClosed, TimeoutError) as failure:
            error.add_note(f"the migration may go on, it could not be cancelled: {failure}")


def _bytes_of(ram: object, member: str) -> int:
    """Return a number of what is said of the memory; 0 if it isn't said."""
    return count_of(ram.get(member)) if isinstance(ram, dict) else 0
