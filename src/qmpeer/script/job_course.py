"""The course of one job of a ready behaviour: its states, its progress, its events.

Spec: QEMU 7.2, measured; the events of a job as in qapi/job.json and qapi/block-core.json.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from qmpeer.messages.qemu_texts import CANCELED
from qmpeer.script.behaviours import Behaviour
from qmpeer.values import JsonObject

BLOCK_JOBS: Final = frozenset({"backup", "commit", "mirror", "stream"})
"""The types of jobs that are block jobs, with events and queries of their own."""


class JobCourse:
    """One job.

    Args:
        behaviour: The behaviour that it belongs to.
        id: Its id.
        type: Its type, such as "mirror".
        arguments: The arguments of the command that began it.
        is_ready_first: It becomes ready, and waits to be completed.
        fault: The error that ends it; None if it succeeds.
        size: The amount of its work.
        steps: The number of steps of its work.
        seconds: The duration of its work.
        on_gone: Called when it is gone.

    Attributes:
        status: Its status, as in query-jobs.
        error: The reason of its failure, or None.
    """

    def __init__(
        self,
        behaviour: Behaviour,
        id: str,
        type: str,
        arguments: JsonObject,
        *,
        is_ready_first: bool,
        fault: str | None,
        size: int,
        steps: int,
        seconds: float,
        on_gone: Callable[[], None],
    ) -> None:
        self.id: str = id
        self.type: str = type
        self.status: str = "created"
        self.error: str | None = None
        self.is_block_job: bool = type in BLOCK_JOBS
        self._behaviour = behaviour
        self._is_ready_first = is_ready_first
        self._fault = fault
        self._size = size
        self._done = 0
        self._steps = steps
        self._interval = seconds / steps
        self._on_gone = on_gone
        self._finalizes = arguments.get("auto-finalize") is not False
        # QEMU: jobs that aren't block jobs never dismiss themselves.
        self._dismisses = self.is_block_job and arguments.get("auto-dismiss") is not False
        speed = arguments.get("speed")
        self.speed: int = speed if isinstance(speed, int) else 0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Begin: the events come before the reply."""
        self._announce("created")
        self._enter("running")

    # What commands do

    def pause(self) -> None:
        """Pause, or stand by."""
        self._enter("standby" if self.status == "ready" else "paused")

    def resume(self) -> None:
        """Go on after a pause."""
        self._enter("ready" if self.status == "standby" else "running")

    def cancel(self) -> None:
        """End without success."""
        self._behaviour.later(0, lambda: self._abort(CANCELED))

    def complete(self) -> None:
        """End after it was ready."""
        self._behaviour.later(0, self._finish)

    def finalize(self) -> None:
        """End after it was pending."""
        self._conclude()

    def dismiss(self) -> None:
        """End the job: it enters the state "null" and is forgotten."""
        self._enter("null")
        self._on_gone()

    # Its stages

    def _enter(self, status: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._announce(status)
        if status == "running":
            self._timer = self._behaviour.later(self._interval, self._work)

    def _announce(self, status: str) -> None:
        self.status = status
        self._behaviour.emit("JOB_STATUS_CHANGE", {"id": self.id, "status": status})

    def _work(self) -> None:
        self._done = min(self._size, self._done + -(-self._size // self._steps))
        if self._done < self._size:
            self._timer = self._behaviour.later(self._interval, self._work)
        elif self._fault is not None:
            self._abort(self._fault)
        elif self._is_ready_first:
            self._enter("ready")
            self._tell("BLOCK_JOB_READY")
        else:
            self._finish()

    def _finish(self) -> None:
        self._enter("waiting")
        self._enter("pending")
        if self._finalizes:
            self._conclude()
        elif self.is_block_job:
            self._behaviour.emit("BLOCK_JOB_PENDING", {"type": self.type, "id": self.id})

    def _abort(self, error: str) -> None:
        if self.status in ("aborting", "concluded", "null"):
            return
        self.error = error
        self._enter("aborting")
        self._conclude()

    def _conclude(self) -> None:
        if self.error == CANCELED:
            self._tell("BLOCK_JOB_CANCELLED")
        else:
            self._tell("BLOCK_JOB_COMPLETED", self.error)
        self._enter("concluded")
        if self._dismisses:
            self.dismiss()

    def _tell(self, event: str, error: str | None = None) -> None:
        """Send an event of a block job."""
        if not self.is_block_job:
            return
        data: JsonObject = {
            "device": self.id,
            "len": self._size,
            "offset": self._done,
            "speed": self.speed,
            "type": self.type,
        }
        self._behaviour.emit(event, data if error is None else {**data, "error": error})

    # Queries

    @property
    def info(self) -> JsonObject:
        """Its entry in query-jobs."""
        info: JsonObject = {
            "id": self.id,
            "type": self.type,
            "status": self.status,
            "current-progress": self._done,
            "total-progress": self._size,
        }
        return info if self.error is None else {**info, "error": self.error}

    @property
    def block_info(self) -> JsonObject:
        """Its entry in query-block-jobs."""
        info: JsonObject = {
            "device": self.id,
            "type": self.type,
            "status": self.status,
            "len": self._size,
            "offset": self._done,
            "speed": self.speed,
            "busy": False,
            "paused": self.status in ("paused", "standby"),
            "ready": self.status in ("ready", "standby"),
            "io-status": "ok",
            "auto-finalize": self._finalizes,
            "auto-dismiss": self._dismisses,
        }
        if self.type == "mirror":
            info["actively-synced"] = False  # since QEMU 8.2
        return info if self.error is None else {**info, "error": self.error}
