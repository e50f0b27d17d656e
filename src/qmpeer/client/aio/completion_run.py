"""One command until its effect: the command, its reply, and the event that completes it.

The search for the event begins before the command is sent, because the event may come before the
reply. An error reply ends the run, even if an event matches: that event was somebody else's.
"""

from collections.abc import Sequence

from qmpeer import limits
from qmpeer.client.aio.channel import AsyncChannel
from qmpeer.client.aio.name_queries import names
from qmpeer.client.aio.procedures import CommandClient, watchful_pause
from qmpeer.client.completions import EVENTS, StateQuery, rule_for, unknown_event
from qmpeer.client.events import EventWait, Match
from qmpeer.client.timeouts import Countdown, Deadline
from qmpeer.errors import CommandError, ConnectionClosed
from qmpeer.messages import Event
from qmpeer.values import JsonObject


class CompletionRun:
    """The run of one command, up to the event that shows its effect.

    Args:
        client: The client.
        command: The command.
        arguments: Its arguments.
        events: The name of the completing event; empty for the table's.
        match: The condition on the events; None as for `rule_for`.
        failing: The names of the events that show a failure; None as for `rule_for`.
        countdown: The deadline of the whole run.

    Raises:
        ValueError: If no event is given and the table lacks the command, or several are given.
    """

    _channel: AsyncChannel

    def __init__(
        self,
        client: CommandClient,
        command: str,
        arguments: JsonObject,
        events: tuple[str, ...],
        match: Match,
        failing: tuple[str, ...] | None,
        countdown: Countdown,
    ) -> None:
        self._client = client
        self._command = command
        self._arguments = arguments
        self._rule = rule_for(command, arguments, events, match, failing)
        self._given = {*events, *(failing or ())} - EVENTS
        self._countdown = countdown

    async def check_events(self, checked: set[str]) -> None:
        """Check that the server has the events that the caller named.

        Args:
            checked: Names that it is known to have; those that were asked for are added.

        Raises:
            ValueError: If the server doesn't have one.
        """
        if self._given <= checked:
            return
        known = await names(self._client, "event", "", self._countdown)
        # A server without a schema can't tell.
        if known and (missing := self._given.difference(known)):
            raise unknown_event(min(missing), known)
        checked |= self._given

    async def run(self, is_oob: bool, fds: Sequence[int]) -> Event | None:
        """Execute the command and wait for its effect, as described at `AsyncClient.execute`."""
        remaining = self._countdown.remaining
        # The event never comes on another connection than the command's own.
        channel = await self._client._channel.connected(Deadline(remaining()))
        # An event that has arrived already belongs to an earlier command.
        await channel.take_in_what_has_arrived()
        waiting = EventWait(channel.log, None, self._rule.ends, channel.log.last)
        waiting.begin(channel.log.last)
        await channel.execute(self._command, self._arguments, remaining(), is_oob, fds)
        try:
            event = await self._ending_event(channel, waiting)
        except ConnectionClosed as error:
            raise self._rule.cut_off(self._command, error) from error
        if event is not None and not self._rule.is_completed_by(event):
            raise self._rule.failure(self._command, event)
        return event

    async def _ending_event(self, channel: AsyncChannel, waiting: EventWait) -> Event | None:
        """Return the event that ends the wait, or None if a query shows the effect without one."""
        rule, countdown = self._rule, self._countdown
        while not waiting.is_found() and rule.query is not None:
            # An event comes before a later reply: if the effect is there without it, none will.
            if await self._is_reached(rule.query) and not waiting.is_found():
                return None
            if rule.event:
                break
            if countdown.is_over:
                raise rule.late(self._command, countdown.timeout)
            await watchful_pause(channel, countdown.remaining(rule.interval))
        if not await channel.wait(waiting.is_found, Deadline(countdown.remaining())):
            raise rule.late(self._command, countdown.timeout)
        event = waiting.event
        assert event is not None
        if event.name == "RESET" and not rule.is_completed_by(event):
            # A reset completes the removal of devices, and those events may come after its own.
            after = EventWait(channel.log, None, rule.is_completed_by, event.number)
            after.begin(event.number)
            grace = Deadline(countdown.remaining(limits.RESET_GRACE))
            if await channel.wait(after.is_found, grace):
                return after.event
        return event

    async def _is_reached(self, query: StateQuery) -> bool:
        timeout = self._countdown.remaining(limits.CANCEL_TIMEOUT)
        try:
            answer = await self._client.execute(query.command, query.arguments, timeout=timeout)
        except (CommandError, TimeoutError):  # the event decides
            return False
        return query.is_reached(answer)
