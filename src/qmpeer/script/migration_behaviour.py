"""A migration: its states, its progress, its end."""

import asyncio
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from qmpeer.errors import CommandError
from qmpeer.script.behaviours import Behaviour, Host
from qmpeer.script.calls import Call
from qmpeer.script.machine_behaviour import RunningMachine
from qmpeer.values import JsonObject, JsonValue

MigrationEnd: TypeAlias = Literal["completed", "failed", "cancelled", "never"]

_CAPABILITIES: Final = (
    "xbzrle",
    "auto-converge",
    "events",
    "postcopy-ram",
    "return-path",
    "pause-before-switchover",
    "multifd",
    "dirty-bitmaps",
)
_RUNNING: Final = ("setup", "active", "cancelling")


class Migration(Behaviour):
    """A migration that progresses, and ends as it is told.

    Spec: QEMU 7.2, measured. MIGRATION comes only while the capability "events" is on.

    Args:
        host: The server.
        end: How it ends; "never" stays active until it is cancelled.
        error: The reason of a failure.
        seconds: The duration from "active" to the end.
        steps: The number of steps in between.
        size: Bytes of the guest's memory.
        machine: The running machine that stops when the migration completes.

    Attributes:
        status: Its status, as in query-migrate; "none" before the first one.
        end: As above; it may change for the next migration.
        capabilities: The state of each capability.
    """

    def __init__(
        self,
        host: Host,
        *,
        end: MigrationEnd = "completed",
        error: str = "Unable to write to socket: Broken pipe",
        seconds: float = 0.0,
        steps: int = 2,
        size: int = 64 << 20,
        machine: RunningMachine | None = None,
    ) -> None:
        super().__init__(host)
        if steps < 1 or seconds < 0:
            raise ValueError(f"found {steps} steps, {seconds} s, expected at least 1, 0")
        self.status: str = "none"
        self.end: MigrationEnd = end
        self.capabilities: dict[str, bool] = dict.fromkeys(_CAPABILITIES, False)
        self._error = error
        self._interval = seconds / steps
        self._steps = steps
        self._size = size
        self._machine = machine
        self._sent = 0
        self._timer: asyncio.TimerHandle | None = None
        self.answer("migrate", self._migrate)
        self.answer("migrate_cancel", self._cancel)
        self.answer("query-migrate", self._query)
        self.answer("query-migrate-capabilities", self._query_capabilities)
        self.answer("migrate-set-capabilities", self._set_capabilities)

    # Commands

    def _migrate(self, call: Call) -> None:
        if self.status in _RUNNING:
            raise CommandError("GenericError", "There's a migration process in progress")
        self._sent = 0
        self._enter("setup")
        self._next(0, self._begin)

    def _cancel(self, call: Call) -> None:
        if self.status in _RUNNING:
            self._enter("cancelling")
            self._next(0, lambda: self._enter("cancelled"))

    def _query(self, call: Call) -> JsonValue:
        info: JsonObject = {} if self.status == "none" else {"status": self.status}
        if self.status == "failed":
            info["error-desc"] = self._error
        elif self.status not in ("none", "setup"):
            info |= {"total-time": 1, "setup-time": 1, "ram": self._memory()}
            info |= {"downtime": 1} if self.status == "completed" else {"expected-downtime": 300}
        return self.known("query-migrate", info)

    def _memory(self) -> JsonObject:
        numbers = dict.fromkeys(
            (
                "duplicate",
                "skipped",
                "normal",
                "normal-bytes",
                "dirty-pages-rate",
                "mbps",
                "postcopy-requests",
                "multifd-bytes",
                "pages-per-second",
                "downtime-bytes",
                "postcopy-bytes",
                "dirty-sync-missed-zero-copy",
            ),
            0,
        )
        return {
            **numbers,
            "total": self._size,
            "transferred": self._sent,
            "precopy-bytes": self._sent,
            "remaining": self._size - self._sent,
            "dirty-sync-count": 1,
            "page-size": 4096,
        }

    def _query_capabilities(self, call: Call) -> JsonValue:
        return [{"capability": name, "state": on} for name, on in self.capabilities.items()]

    def _set_capabilities(self, call: Call) -> None:
        given = call.arguments.get("capabilities")
        for each in given if isinstance(given, list) else ():
            if isinstance(each, dict):
                self.capabilities[str(each.get("capability"))] = each.get("state") is True

    # Its stages

    def _enter(self, status: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.status = status
        if self.capabilities["events"]:
            self.emit("MIGRATION", {"status": status})

    def _next(self, seconds: float, stage: Callable[[], None]) -> None:
        self._timer = self.later(seconds, stage)

    def _begin(self) -> None:
        if self.capabilities["events"]:
            self.emit("MIGRATION_PASS", {"pass": 1})
        self._enter("active")
        self._next(self._interval, self._send)

    def _send(self) -> None:
        if self.end == "never":
            self._sent = self._size // 2
            return
        self._sent = min(self._size, self._sent + -(-self._size // self._steps))
        if self._sent < self._size:
            self._next(self._interval, self._send)
        elif self.end == "completed":
            if self._machine is not None:
                self._machine.stop("postmigrate")
            self._enter("completed")
        elif self.end == "failed":
            self._enter("failed")
        else:
            self._enter("cancelling")
            self._enter("cancelled")
