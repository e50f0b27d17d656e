# Generated from aio/ensure.py by scripts/blocking_client.py: `make fix` writes it anew.
"""Calls that can be repeated: a thing of a server exists afterwards, or doesn't.

Each looks first and acts only if it must. After a command whose outcome is unknown, because the
connection was lost or the deadline passed, it looks again before it acts again. On one connection
that is certain: the server executes the command before the query that was sent after it.
"""

from collections.abc import Mapping
from typing import Any

from qmpeer import limits
from qmpeer.client.blocking.completion_run import CompletionRun
from qmpeer.client.blocking.job_run import JOB_EVENTS, job_states
from qmpeer.client.blocking.procedures import CommandClient, first_that_exists, next_event
from qmpeer.client.blocking.subscription import events_of_this_connection
from qmpeer.client.existence import (
    compare,
    creation,
    is_chardev_in,
    kind_called,
    netdev_in,
    node_in,
    properties_wanted,
    type_in,
)
from qmpeer.client.jobs import JobState
from qmpeer.client.network_listing import INFO_NETWORK
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
        wanted = tuple(properties_wanted(self._kind, given))
        doubt: Exception | None = None
        for _ in range(limits.ENSURE_ATTEMPTS):
            found = self._look_in_doubt(wanted, doubt)
            if found is not None:
                compare(self._kind, self._id, command, given, found)
                return doubt is not None
            try:
                self._execute(command, given)
                return True
            except CommandError:
                # Somebody else has created it meanwhile, or our own attempt was only late.
                found = self._look_in_doubt(wanted, doubt)
                if found is None:
                    raise
                compare(self._kind, self._id, command, given, found)
                return doubt is not None
            except (CommandInterrupted, TimeoutError) as error:
                doubt = error
        assert doubt is not None
        raise doubt

    def be_absent(self) -> bool:
        """Remove the thing, as described at `Client.ensure_absent`."""
        doubt: Exception | None = None
        for _ in range(limits.ENSURE_ATTEMPTS):
            if self._look_in_doubt((), doubt) is None:
                return doubt is not None
            try:
                self._remove()
                return True
            except CommandError:
                if self._look_in_doubt((), doubt) is not None:
                    raise
                return doubt is not None
            except (CommandInterrupted, TimeoutError) as error:
                doubt = error
        assert doubt is not None
        raise doubt

    # Looking

    def _look_in_doubt(
        self, wanted: tuple[str, ...], doubt: Exception | None
    ) -> Mapping[str, JsonValue] | None:
        """Look; if that fails, raise the error that left the outcome unknown."""
        if doubt is None:
            return self._look(wanted)
        if self._countdown.is_over:
            raise doubt
        try:
            return self._look(wanted)
        except (CommandInterrupted, ConnectionClosed, TimeoutError) as failure:
            raise doubt from failure

    def _look(self, wanted: tuple[str, ...]) -> Mapping[str, JsonValue] | None:
        """Return what the server shows of the thing, or None if it doesn't exist.

        Args:
            wanted: The properties of interest.
        """
        match self._kind:
            case "block-node":
                answer = self._execute("query-named-block-nodes", None)
                return node_in(answer, self._id)
            case "netdev":
                answer = self._execute("human-monitor-command", INFO_NETWORK)
                return netdev_in(answer, self._id)
            case "job":
                state = self._job()
                return None if state is None else {"type": state.type or None}
            case "chardev":
                answer = self._execute("query-chardev", None)
                if not is_chardev_in(answer, self._id):
                    return None
                try:
                    return self._look_into(wanted) or {}
                except CommandError:  # a server without /chardevs
                    return {}
        return self._look_into(wanted)

    def _look_into(self, wanted: tuple[str, ...]) -> Mapping[str, JsonValue] | None:
        """Return the type and the properties of the QOM object that the thing is."""
        known = self._known
        children = self._execute("qom-list", {"path": known.container})
        type_name = type_in(children, self._id, known.prefix)
        if type_name is None:
            return None
        found: dict[str, JsonValue] = {known.type_member: type_name}
        for name in wanted:
            arguments: JsonObject = {
                "path": f"{known.container}/{self._id}",
                "property": "parent_bus" if name == "bus" else name,
            }
            try:
                found[name] = self._execute("qom-get", arguments)
            except CommandError:  # it can't be read
                continue
        return found

    # Acting

    def _remove(self) -> None:
        match self._kind:
            case "device":
                run = CompletionRun(
                    self._client, "device_del", {"id": self._id}, (), None, None, self._countdown
                )
                run.run(False, ())
            case "job":
                self._remove_job()
            case _:
                self._execute(self._known.remove, {self._known.id_member: self._id})

    def _remove_job(self) -> None:
        """Cancel the job if it is running, wait for its end, and dismiss it."""
        # Subscribe before the first query: the job may end in between.
        events = events_of_this_connection(self._client._channel, JOB_EVENTS, None, self._seconds())
        is_cancelled = False
        with events:
            while (state := self._job()) is not None:
                if state.status == "concluded":
                    self._execute("job-dismiss", {"id": self._id})
                    return
                if not is_cancelled:
                    first_that_exists(
                        self._client,
                        self._seconds(),
                        ("job-cancel", {"id": self._id}),
                        ("block-job-cancel", {"device": self._id, "force": True}),
                    )
                    is_cancelled = True
                if self._countdown.is_over:
                    raise TimeoutError(
                        f"job {self._id} was cancelled, but hasn't ended in "
                        f"{self._countdown.timeout:.4g} s, it is {state.status}"
                    )
                next_event(events, self._countdown.remaining(limits.PROGRESS_INTERVAL))

    def _job(self) -> JobState | None:
        states = job_states(self._client, self._seconds(), with_reasons=False)
        return next((state for state in states if state.id == self._id), None)

    def _execute(self, command: str, arguments: JsonObject | None) -> Any:
        return self._client.execute(command, arguments, timeout=self._seconds())

    def _seconds(self) -> float | None:
        return self._countdown.remaining(limits.ENSURE_TIMEOUT)
