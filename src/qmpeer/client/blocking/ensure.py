# Generated from aio/ensure.py by scripts/blocking_client.py: `make fix` writes it anew.
"""Calls that can be repeated: a thing of a server exists afterwards, or doesn't.

Each looks first and acts only if it must. After a command whose outcome is unknown, it looks again
before it acts again. A server executes the in-band commands of one connection in turn, so a look
after a time-out is certain. After a lost connection, the server may execute the command only after
the look. Then it refuses the second one, because ids are unique, and another look shows why.
"""

from collections.abc import Callable, Mapping
from typing import Any

from qmpeer import limits
from qmpeer.client.blocking.job_run import JOB_EVENTS, cancel_job, job_states
from qmpeer.client.blocking.presence import look
from qmpeer.client.blocking.procedures import CommandClient, next_event
from qmpeer.client.blocking.subscription import events_of_this_connection
from qmpeer.client.blocking.unplug_run import UnplugRun
from qmpeer.client.existence import check_id, compare, creation, kind_called, properties_wanted
from qmpeer.client.jobs import ENDING_STATES, JobState
from qmpeer.client.timeouts import Countdown
from qmpeer.errors import CommandError, CommandInterrupted, ConnectionClosed
from qmpeer.values import JsonObject, JsonValue


class Ensuring:
    """One call for one thing.

    Args:
        client: The client.
        kind: The kind of thing, one of `qmpeer.client.existence.KINDS`.
        id: Its id.
        countdown: The deadline of the whole call.

    Raises:
        ValueError: If there is no such kind.
    """

    def __init__(self, client: CommandClient, kind: str, id: str, countdown: Countdown) -> None:
        self._client = client
        self._kind = kind
        self._known = kind_called(kind)
        self._id = id
        self._countdown = countdown

    def be_present(self, arguments: JsonObject | None, command: str | None) -> bool:
        """Create the thing, as described at `Client.ensure_present`."""
        command, given = creation(self._kind, self._id, arguments, command)

        def is_present(found: Mapping[str, JsonValue] | None) -> bool:
            if found is not None:
                compare(self._kind, self._id, command, given, found)
            return found is not None

        wanted = tuple(properties_wanted(self._kind, given))
        return self._ensure(is_present, wanted, lambda: self._execute(command, given))

    def be_absent(self) -> bool:
        """Remove the thing, as described at `Client.ensure_absent`."""
        if not (self._kind == "device" and self._id.startswith("/")):
            check_id(self._known, self._id)
        return self._ensure(lambda found: found is None, (), self._remove)

    def _ensure(
        self,
        is_reached: Callable[[Mapping[str, JsonValue] | None], bool],
        wanted: tuple[str, ...],
        act: Callable[[], object],
    ) -> bool:
        """Look, and act until a look shows the goal; return whether this call has reached it."""
        doubt: CommandInterrupted | None = None
        refusal: CommandError | None = None
        cuts = 0
        while True:
            is_acting = False
            try:
                found = self._look(wanted)
                if self._may_be_gone and refusal is None and found is not None:
                    pass  # the command shows whether it exists
                elif is_reached(None if self._is_gone(refusal) else found):
                    return doubt is not None
                if refusal is not None:
                    break
                is_acting = True
                act()
                return True
            except CommandError as error:
                # While acting: somebody else was faster, or our own attempt was only late.
                if not is_acting:
                    raise
                refusal = error
            except CommandInterrupted as error:
                cuts += 1
                if is_acting:
                    doubt = error
                if cuts == limits.ENSURE_ATTEMPTS:
                    raise doubt or error from error.__cause__
            except ConnectionClosed as error:
                if doubt is None:
                    raise
                raise doubt from error
        raise refusal

    # Looking

    @property
    def _may_be_gone(self) -> bool:
        """True if the look may show what doesn't exist: a netdev that was removed under its NIC."""
        return self._kind == "netdev"

    def _is_gone(self, refusal: CommandError | None) -> bool:
        """Return whether a refusal shows that a thing doesn't exist, although it is listed."""
        return self._may_be_gone and refusal is not None and refusal.error_class == "DeviceNotFound"

    def _look(self, wanted: tuple[str, ...]) -> Mapping[str, JsonValue] | None:
        """Return what the server shows of the thing, or None if it doesn't exist.

        Args:
            wanted: The properties of interest.
        """
        if self._kind == "job":
            state = self._job()
            return None if state is None else {"type": state.type or None}
        return look(self._client, self._kind, self._id, wanted, self._countdown)

    # Acting

    def _remove(self) -> None:
        match self._kind:
            case "device":
                repeat = limits.UNPLUG_REPEAT
                run = UnplugRun(self._client, self._id, {}, False, repeat, self._countdown)
                run.run()
            case "job":
                self._remove_job()
            case _:
                self._execute(*self._known.removal(self._id))

    def _remove_job(self) -> None:
        """Cancel the job unless it has ended, wait for its end, and dismiss it."""
        # Subscribe before the first query: the job may end in between.
        events = events_of_this_connection(
            self._client._channel, JOB_EVENTS, None, self._countdown.remaining()
        )
        is_cancelled = False
        with events:
            while (state := self._job()) is not None:
                try:
                    if state.status == "concluded":
                        self._execute("job-dismiss", {"id": self._id})
                        return
                    if not is_cancelled and state.status not in ENDING_STATES:
                        cancel_job(self._client, self._id, self._countdown)
                        is_cancelled = True
                except CommandError:
                    after = self._job()
                    if after is not None and after.status == state.status:
                        raise
                    continue  # it has moved on by itself
                try:
                    next_event(events, self._countdown.remaining(limits.PROGRESS_INTERVAL))
                except ConnectionClosed as error:
                    raise CommandInterrupted("job-cancel", None, error.reason) from error
                if self._countdown.is_over:
                    raise TimeoutError(
                        f"job {self._id} hasn't ended in {self._countdown.timeout:.4g} s, "
                        f"it is {state.status}"
                    )

    def _job(self) -> JobState | None:
        timeout = self._countdown.remaining()
        states = job_states(self._client, timeout, with_reasons=False)
        return next((state for state in states if state.id == self._id), None)

    def _execute(self, command: str, arguments: JsonObject | None) -> Any:
        return self._client.execute(command, arguments, timeout=self._countdown.remaining())
