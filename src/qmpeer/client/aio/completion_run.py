"""One command until its effect: the command, its reply, and the event that completes it.

The search for the event begins before the command is sent, because the event may come before the
reply. An error reply ends the run, even if an event matches: that event was somebody else's.

Everything after the sending stays on the command's own connection: an event never comes on a later
one. A query goes the same way, because a strict client might not know it.
"""

from collections.abc import Sequence

from qmpeer import limits
from qmpeer.client.aio.channel import AsyncChannel
from qmpeer.client.aio.name_queries import names
from qmpeer.client.aio.procedures import CommandClient, watchful_pause
from qmpeer.client.completion_rules import Ending, StateQuery
from qmpeer.client.completions import EVENTS, rule_for, unknown_event
from qmpeer.client.events import EventWait, Match
from qmpeer.client.timeouts import Countdown, Deadline
from qmpeer.errors import CommandError, CommandInterrupted, ConnectionClosed, ValidationError
from qmpeer.messages import Event
from qmpeer.values import JsonObject


class CompletionRun:
    """The run of one command, up to the event that shows its effect.

    Args:
        client: The client.
        command: The command.
        arguments: Its arguments.
        event: The name of the completing event; None for the table's.
        match: The condition on the events; None as for `rule_for`.
        failing: The names of the events that show a failure; None as for `rule_for`.
        countdown: The deadline of the whole run.

    Raises:
        ValueError: As for `rule_for`.
        TypeError: If the condition is none.
    """

    _channel: AsyncChannel

    def __init__(
        self,
        client: CommandClient,
        command: str,
        arguments: JsonObject,
        event: str | None,
        match: Match,
        failing: tuple[str, ...] | None,
        countdown: Countdown,
    ) -> None:
        self._client = client
        self._command = command
        self._arguments = arguments
        self._rule = rule_for(command, arguments, event, match, failing)
        # Who names the event gets the event, and no query spares it.
        self._asks = event is None
        self._given = {*(failing or ()), *(() if event is None else (event,))} - EVENTS
        self._countdown = countdown
        self._ending: Ending | None = None

    async def check_events(self, checked: set[str]) -> None:
        """Check that the server has the events that the caller named.

        Args:
            checked: Names that it is known to have; those that were asked for are added.

        Raises:
            ValueError: If the server doesn't have one.
        """
        if self._given <= checked:
            return
        try:
            known = await names(self._client, "event", "", self._countdown)
        except ValidationError:  # the schema of a strict client lacks the query
            known = []
        # A server without a schema can't tell.
        if known and (missing := self._given.difference(known)):
            raise unknown_event(min(missing), known)
        checked |= self._given

    async def run(self, is_oob: bool, fds: Sequence[int]) -> Event | None:
        """Execute the command and wait for its effect, as described at `AsyncClient.execute`."""
        # It isn't an attribute: it refers to us, and a cycle costs a collection of garbage.
        waiting = await self._send(is_oob, fds)
        try:
            event = await self._ending_event(waiting)
        except ConnectionClosed as error:
            if self._rule.ends_connection and self._asks:
                return None
            raise self._rule.cut_off(self._command, error) from error
        if event is not None and self._ending is not Ending.COMPLETED:
            assert self._ending is not None
            raise self._rule.failure(self._command, event, self._ending)
        return event

    async def _send(self, is_oob: bool, fds: Sequence[int]) -> EventWait:
        """Execute the command, on a new connection if the last one was lost before.

        Returns:
            The wait for the event that ends the run; it began before the command was sent.
        """
        series = self._client._channel
        while True:
            if isinstance(series, AsyncChannel):
                channel = series
            else:
                channel = await series.connected(Deadline(self._remaining()))
            self._channel = channel
            # An event that has arrived already belongs to an earlier command.
            await channel.take_in_what_has_arrived()
            waiting = EventWait(channel.log, None, self._ends, channel.log.last)
            timeout = self._remaining()
            try:
                await channel.execute(self._command, self._arguments, timeout, is_oob, fds)
            except ConnectionClosed:  # lost before the command was sent
                if channel is series or channel.end is None:
                    raise
            else:
                return waiting

    def _remaining(self) -> float | None:
        """Return the time for the command, in full until some of it has passed.

        The same time-out for every command saves the blocking client a system call for each.
        """
        timeout, remaining = self._countdown.timeout, self._countdown.remaining()
        if timeout is None or remaining is None or timeout - remaining < limits.TIMER_EARLINESS:
            return timeout
        return remaining

    def _ends(self, event: Event) -> bool:
        """Return whether an event ends the wait, and note how."""
        self._ending = self._rule.ending(event)
        return self._ending is not None

    async def _ending_event(self, waiting: EventWait) -> Event | None:
        """Return the event that ends the wait, or None if a query shows the effect without one."""
        rule, countdown, channel = self._rule, self._countdown, self._channel
        while not waiting.is_found() and rule.query is not None and self._asks:
            # An event comes before a later reply: if the effect is there without it, none will.
            if await self._is_reached(rule.query) and not waiting.is_found():
                return None
            if rule.event:
                break
            if countdown.is_over:
                raise rule.late(self._command, countdown.timeout)
            await watchful_pause(channel, countdown.remaining(rule.interval))
        while True:
            if not waiting.is_found():
                deadline = Deadline(countdown.remaining())
                if not await channel.wait(waiting.is_found, deadline):
                    raise rule.late(self._command, countdown.timeout, asks=self._asks)
            event = waiting.event
            assert event is not None
            if self._ending is not Ending.UNCLEAR:
                break
            if await self._stands_for_another(event):
                self._ending = Ending.COMPLETED
                return await self._later_event(event) or event
            waiting = EventWait(channel.log, None, self._ends, event.number)
            if countdown.is_over:  # also if one unclear event comes after the other
                raise rule.late(self._command, countdown.timeout, asks=self._asks)
        if self._ending is Ending.LOST and event.name == "RESET":
            # A reset completes the removal of devices, and those events may come after its own.
            later = await self._later_event(event)
            if later is not None:
                self._ending = Ending.COMPLETED
                return later
        return event

    async def _stands_for_another(self, event: Event) -> bool:
        """Return whether no other event need come; False, too, if the completing one has come."""
        confirms = self._rule.confirms
        after = EventWait(self._channel.log, None, self._rule.is_completed_by, event.number)
        return confirms is not None and not after.is_found() and await self._is_reached(confirms)

    async def _later_event(self, event: Event) -> Event | None:
        """Return the completing event if it comes soon after another one."""
        after = EventWait(self._channel.log, None, self._rule.is_completed_by, event.number)
        grace = Deadline(self._countdown.remaining(limits.RESET_GRACE))
        await self._channel.wait(after.is_found, grace)
        return after.event

    async def _is_reached(self, query: StateQuery) -> bool:
        timeout = self._countdown.remaining(limits.CANCEL_TIMEOUT)
        try:
            answer = await self._channel.execute(query.command, query.arguments, timeout, False, ())
        except (CommandError, CommandInterrupted, ConnectionClosed, TimeoutError):
            return False  # the event decides, or the connection's end
        return query.is_reached(answer)
