"""Jobs: the commands that begin them, the commands that change them, and their queries."""

from collections.abc import Callable
from typing import Final

from qmpeer.client.existence import JOB_TYPES
from qmpeer.errors import CommandError
from qmpeer.script.behaviours import Behaviour, Host, check_room, text_argument
from qmpeer.script.calls import Call
from qmpeer.script.job_course import JobCourse
from qmpeer.values import JsonValue

_VERBS: Final = {
    "cancel": {"created", "running", "paused", "ready", "standby", "waiting", "pending"},
    "pause": {"created", "running", "paused", "ready", "standby"},
    "resume": {"created", "running", "paused", "ready", "standby"},
    "complete": {"ready"},
    "finalize": {"pending"},
    "dismiss": {"concluded"},
}
"""The states in which a job takes a command. QEMU: JobVerb."""
_SPEEDS: Final = {"created", "running", "paused", "ready", "standby"}
_CANCEL: Final = "cancel"


class Jobs(Behaviour):
    """Jobs that progress, and end or fail.

    A mirror, and a commit of the active layer, become ready and wait to be completed. The first
    events of a job come before the reply to its command, its end after the reply.

    Spec: QEMU 7.2, measured.

    Args:
        host: The server.
        fault: The error that ends every job, such as "No space left on device"; None if they
            succeed.
        seconds: The duration of their work.
        steps: The number of steps of their work.
        size: The amount of their work, in bytes.

    Attributes:
        jobs: The jobs by their ids, until they are dismissed.
        fault: As above; it may change for the next job.
    """

    def __init__(
        self,
        host: Host,
        *,
        fault: str | None = None,
        seconds: float = 0.0,
        steps: int = 2,
        size: int = 1 << 20,
    ) -> None:
        super().__init__(host)
        if steps < 1 or size < 1 or seconds < 0:
            raise ValueError(
                f"found {steps} steps, {size} bytes, {seconds} s, expected at least 1, 1, 0"
            )
        self.jobs: dict[str, JobCourse] = {}
        self.fault: str | None = fault
        self._seconds = seconds
        self._steps = steps
        self._size = size
        for command in JOB_TYPES:
            self.answer(command, self._begin)
        self.answer("query-jobs", self._query_jobs)
        self.answer("query-block-jobs", self._query_block_jobs)
        for verb in _VERBS:
            self.answer(f"job-{verb}", self._job_command(verb))
            self.answer(f"block-job-{verb}", self._block_job_command(verb))
        self.answer("block-job-set-speed", self._set_speed)

    def _begin(self, call: Call) -> None:
        id = text_argument(call, "job-id") or text_argument(call, "device")
        if not id:
            desc = "An explicit job ID is required for this node"
            raise CommandError("GenericError", desc)
        if id in self.jobs:
            raise CommandError("GenericError", f"Job ID '{id}' already in use")
        check_room(self.jobs)
        is_active = not {"top", "top-node"} & call.arguments.keys()
        job_type = JOB_TYPES[call.name]
        job = self.jobs[id] = JobCourse(
            self,
            id,
            job_type,
            call.arguments,
            is_ready_first=job_type == "mirror" or (job_type == "commit" and is_active),
            fault=self.fault,
            size=self._size,
            steps=self._steps,
            seconds=self._seconds,
            on_gone=lambda: self._forget(id),
        )
        job.begin()

    def _forget(self, id: str) -> None:
        self.jobs.pop(id, None)

    def _query_jobs(self, call: Call) -> JsonValue:
        jobs: list[JsonValue] = [job.info for job in self.jobs.values()]
        return self.known("query-jobs", jobs)

    def _query_block_jobs(self, call: Call) -> JsonValue:
        jobs: list[JsonValue] = [job.block_info for job in self.jobs.values() if job.is_block_job]
        return self.known("query-block-jobs", jobs)

    # The commands that change a job

    def _job_command(self, verb: str) -> Callable[[Call], None]:
        def change(call: Call) -> None:
            job = self.jobs.get(text_argument(call, "id"))
            if job is None:
                raise CommandError("GenericError", "Job not found")
            _apply(verb, job)

        return change

    def _block_job_command(self, verb: str) -> Callable[[Call], None]:
        def change(call: Call) -> None:
            job = self._block_job(call)
            is_soft = verb == _CANCEL and call.arguments.get("force") is not True
            # Without force, a ready job ends with a complete copy.
            _apply("complete" if is_soft and job.status == "ready" else verb, job)

        return change

    def _block_job(self, call: Call) -> JobCourse:
        id = text_argument(call, "device") or text_argument(call, "id")
        job = self.jobs.get(id)
        if job is None or not job.is_block_job:
            raise CommandError("DeviceNotActive", f"Block job '{id}' not found")
        return job

    def _set_speed(self, call: Call) -> None:
        job, speed = self._block_job(call), call.arguments.get("speed")
        _check("set-speed", job, _SPEEDS)
        if isinstance(speed, int):
            job.speed = speed


def _apply(verb: str, job: JobCourse) -> None:
    _check(verb, job, _VERBS[verb])
    is_paused = job.status in ("paused", "standby")
    match verb:
        case "pause":
            if is_paused:
                raise CommandError("GenericError", "Job is already paused")
            job.pause()
        case "resume":
            if not is_paused:
                raise CommandError("GenericError", "Can't resume a job that was not paused")
            job.resume()
        case "complete":
            job.complete()
        case "finalize":
            job.finalize()
        case "dismiss":
            job.dismiss()
        case _:
            job.cancel()


def _check(verb: str, job: JobCourse, states: set[str]) -> None:
    if job.status not in states:
        desc = f"Job '{job.id}' in state '{job.status}' cannot accept command verb '{verb}'"
        raise CommandError("GenericError", desc)
