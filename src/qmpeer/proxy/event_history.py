"""The events of the proxy: numbered, encoded once for all clients, and the last ones kept."""

import secrets
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from qmpeer import limits
from qmpeer.messages import Event
from qmpeer.monitor import EncodedEvent, EncodedEvents
from qmpeer.proxy.event_terms import EventTerms
from qmpeer.values import JsonObject, JsonValue

NUMBER: Final = "__qmpeer_number"
"""The member of an event's message for its number."""


class NumberedEvent:
    """An event with its number.

    Args:
        number: The number, counted from 1.
        event: The event.

    Attributes:
        name: The event's name.
        plain: Its message.
    """

    __slots__ = ("_event", "_number", "_numbered", "name", "plain")

    def __init__(self, number: int, event: Event) -> None:
        self._number = number
        self._event = event
        self._numbered: EncodedEvent | None = None
        self.name: str = event.name
        self.plain: EncodedEvent = EncodedEvent(event)

    @property
    def numbered(self) -> EncodedEvent:
        """Its message with its number."""
        if self._numbered is None:
            self._numbered = EncodedEvent(self._event, {NUMBER: self._number})
        return self._numbered


class EventBatch:
    """Events that took place together, encoded once for all clients with the same terms.

    Args:
        events: The events, in order.
    """

    __slots__ = ("_encoded", "_events")

    def __init__(self, events: Sequence[NumberedEvent]) -> None:
        self._events = events
        self._encoded: dict[EventTerms, EncodedEvents | None] = {}

    def on_terms(self, terms: EventTerms) -> EncodedEvents | None:
        """Return the events for a client with these terms; None if there are none for it."""
        try:
            return self._encoded[terms]
        except KeyError:
            chosen = [event for event in self._events if terms.allows(event.name)]
            messages = [event.numbered if terms.has_numbers else event.plain for event in chosen]
            encoded = self._encoded[terms] = EncodedEvents(messages) if messages else None
            return encoded


class _Kept(NamedTuple):
    """A kept event: its number, its name, and its message as a line, which takes least memory."""

    number: int
    name: str
    line: bytes


class EventHistory:
    """The last events of a proxy's run.

    Attributes:
        epoch: A random word for this run.
        last: The number of the last event; 0 before the first.
    """

    __slots__ = ("_kept", "_size", "epoch", "last")

    def __init__(self) -> None:
        self.epoch: str = secrets.token_hex(8)
        self.last: int = 0
        self._kept: deque[_Kept] = deque()
        self._size = 0

    def add(self, events: Sequence[Event]) -> EventBatch:
        """Give events their numbers, and keep them."""
        numbered = []
        for event in events:
            self.last += 1
            each = NumberedEvent(self.last, event)
            numbered.append(each)
            self._keep(_Kept(self.last, event.name, each.plain.text(is_pretty=False)))
        return EventBatch(numbered)

    def _keep(self, event: _Kept) -> None:
        self._kept.append(event)
        self._size += len(event.line)
        while len(self._kept) > limits.PROXY_EVENTS or self._size > limits.PROXY_EVENTS_SIZE:
            self._size -= len(self._kept.popleft().line)

    def cursor(self) -> JsonObject:
        """Return the epoch, and the number of the last event."""
        return {"epoch": self.epoch, "last": self.last}

    def since(self, number: int, epoch: str | None, terms: EventTerms) -> JsonObject:
        """Return the events after a number, as __qmpeer_query-events returns them.

        Args:
            number: The number of the last one that the client knows.
            epoch: The run that it belongs to; None for this one, if it is one of this run's.
            terms: The terms of the client that asks.
        """
        is_other_run = epoch not in (None, self.epoch) or number > self.last
        first = 1 if is_other_run else max(number, 0) + 1
        oldest = self.last - len(self._kept) + 1
        events: list[JsonValue] = []
        size = 0
        has_more = False
        for each in islice(self._kept, max(first - oldest, 0), None):
            if not terms.allows(each.name):
                continue
            is_much = size > limits.PROXY_EVENTS_RETURNED_SIZE
            if is_much or len(events) >= limits.PROXY_EVENTS_RETURNED:
                has_more = True
                break
            size += len(each.line)
            events.append({"number": each.number, **msgspec.json.decode(each.line)})
        is_lost = is_other_run or first < oldest
        return {**self.cursor(), "lost": is_lost, "more": has_more, "events": events}
