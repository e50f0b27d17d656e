"""The rule of a command's completion: how an event, or a query, shows that it has had its effect.

A rule names the event that shows the effect, the events that show a failure, whether a guest must
act before the event comes, and the query that shows the effect when no event comes: a machine that
was stopped before sends no STOP.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, NamedTuple, TypeAlias

from qmpeer.client.answers import UNREADABLE, text_of
from qmpeer.errors import CommandInterrupted, CompletionError, ConnectionClosed
from qmpeer.messages import Event
from qmpeer.values import JsonObject, JsonValue

Test: TypeAlias = Callable[[Event], bool]
"""A test of an event."""

_GUEST_GONE: Final = ("RESET", "SHUTDOWN")
"""The events after which a guest won't do any more what it was asked for."""


def any_event(_: Event) -> bool:
    """Accept any event."""
    return True


def no_event(_: Event) -> bool:
    """Accept no event."""
    return False


class StateQuery(NamedTuple):
    """A query that shows a command's effect.

    Attributes:
        command: The query.
        arguments: Its arguments.
        shows: Tests an answer for the effect; it may raise any error for an odd answer.
    """

    command: str
    arguments: JsonObject | None
    shows: Callable[[Any], bool]

    def is_reached(self, answer: JsonValue) -> bool:
        """Return whether an answer shows the effect; an answer of another form doesn't."""
        try:
            return bool(self.shows(answer))
        except UNREADABLE:
            return False


class Ending(Enum):
    """The ways in which an event ends the wait for a command's effect."""

    COMPLETED = "completed"
    FAILED = "failed"
    LOST = "lost"  # with the guest, which should have acted
    UNCLEAR = "unclear"  # a query has to show whether it was completed


class CompletionRule(NamedTuple):
    """The signs that a command has had its effect, or won't have it.

    Attributes:
        event: The name of the completing event; "" if only the query shows the effect.
        completes: Tests an event of that name.
        failing: Tests of the events that show a failure, by their names.
        needs_guest: A guest must act before the event comes. A reset, or the machine's end, shows
            that it won't.
        query: Shows the effect when no event comes; None if there is no such query.
        interval: Seconds between two queries if there is no event.
        ends_connection: The command ends the connection, with or without an event.
        stands_for: Tests an event that may come in place of the completing one.
        confirms: The query that shows after such an event whether it does.
    """

    event: str
    completes: Test = no_event
    failing: Mapping[str, Test] = {}
    needs_guest: bool = False
    query: StateQuery | None = None
    interval: float = 0.0
    ends_connection: bool = False
    stands_for: Test = no_event
    confirms: StateQuery | None = None

    def ending(self, event: Event) -> Ending | None:
        """Return how an event ends the wait; None if it doesn't."""
        name = event.name
        test = self.failing.get(name)
        if test is not None and test(event):
            return Ending.FAILED
        if name == self.event and self.completes(event):
            return Ending.COMPLETED
        if self.stands_for(event):
            return Ending.UNCLEAR
        return Ending.LOST if self.needs_guest and name in _GUEST_GONE else None

    def is_completed_by(self, event: Event) -> bool:
        """Return whether an event is the completing one."""
        return self.ending(event) is Ending.COMPLETED

    @property
    def awaited(self) -> str:
        """A name for what shows the effect, for errors."""
        if self.event:
            return f"event {self.event}"
        assert self.query is not None
        return f"its end, by {self.query.command},"

    def failure(self, command: str, event: Event, ending: Ending) -> CompletionError:
        """Return the error for an event that ends the wait, but isn't the completing one."""
        if ending is Ending.LOST:
            reason = "the guest was reset, or ended, before it had acted"
        elif event.name == "SHUTDOWN":
            reason = "the machine ended"
        else:
            reason = text_of(event.data.get("error")) or text_of(event.data.get("msg"))
        return CompletionError(command, event.name, event.data, reason)

    def late(self, command: str, seconds: float | None, *, asks: bool = True) -> TimeoutError:
        """Return the error for a deadline that passed after the reply.

        Args:
            command: The command.
            seconds: The timeout.
            asks: Whether the query was asked, if there is one.
        """
        hint = "" if asks or self.query is None else "; it comes only if it wasn't so before"
        guest = "; the guest must act, and may not" if self.needs_guest else ""
        return TimeoutError(
            f"{self.awaited} of {command} didn't come in {seconds:.4g} s; "
            f"the server had accepted the command{guest}{hint}"
        )

    def cut_off(self, command: str, error: ConnectionClosed) -> CommandInterrupted:
        """Return the error for a connection that ended after the reply."""
        reason = f"{error.reason}; it was accepted, but {self.awaited} hadn't come"
        return CommandInterrupted(command, None, reason)
