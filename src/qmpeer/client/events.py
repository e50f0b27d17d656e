"""A client's event log, which keeps the last 4,096 events, and its subscription queues.

There is no I/O and no waiting here; both clients use the same classes.
"""

import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from qmpeer import limits
from qmpeer.errors import ConnectionClosed, LimitError
from qmpeer.messages import Event
from qmpeer.transport.forking import own
from qmpeer.values import JsonValue

if TYPE_CHECKING:
    from qmpeer.client.interruptions import Interruption


Names: TypeAlias = str | Iterable[str] | None
"""One event name, or several. None and an empty sequence match any event."""
Match: TypeAlias = Mapping[str, JsonValue] | Callable[[Event], bool] | None
"""Members that an event's data must have, nested ones included; or a function of the event."""


def matcher(names: Names, match: Match) -> Callable[[Event], bool]:
    """Return a function that tests whether an event has one of the names and matches.

    Raises:
        TypeError: If the condition is neither members nor a function.
    """
    if not (match is None or callable(match) or isinstance(match, Mapping)):
        raise TypeError(
            f"found {match!r} as match, expected members of the event's data, or a function"
        )
    wanted = _name_set(names)

    def matches(event: Event) -> bool:
        if wanted is not None and event.name not in wanted:
            return False
        if match is None:
            return True
        if callable(match):
            return match(event)
        return _contains(event.data, match)

    return matches


def _name_set(names: Names) -> frozenset[str] | None:
    if names is None:
        return None
    return frozenset((names,) if isinstance(names, str) else names) or None


def _contains(value: JsonValue, wanted: object) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(value, dict) and all(
            name in value and _contains(value[name], item) for name, item in wanted.items()
        )
    return value == wanted


class EventQueue:
    """The unread events of one subscription. When it is full, the oldest are dropped and counted.

    Attributes:
        dropped: The number of events dropped since the subscription began.
    """

    __slots__ = ("_events", "_failure", "_is_closed", "_log", "_matches", "_names", "dropped")

    def __init__(self, log: "EventLog", names: Names, match: Match, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"found a limit of {limit} events, expected 1 or more")
        self._names = _name_set(names)
        self._matches = None if match is None else matcher(None, match)
        self._events: deque[Event] = deque(maxlen=limit)
        self._log = log
        self._failure: Exception | None = None
        self._is_closed = False
        self.dropped: int = 0

    def put(self, event: Event) -> None:
        """Add an event if the subscription asks for it.

        If the caller's match function raises, `take` raises that exception, and the queue accepts
        no more events. The connection isn't affected.
        """
        if self._names is not None and event.name not in self._names:
            return
        try:
            if self._matches is not None and not self._matches(event):
                return
        except Exception as error:
            # Don't raise here: a subscriber's mistake must not stop the delivery to others.
            self._failure = error
            self.close()
            return
        if len(self._events) == self._events.maxlen:
            self.dropped += 1
        self._events.append(event)

    def take(self) -> Event | None:
        """Return the oldest unread event, or None if there is none yet.

        Raises:
            ConnectionClosed: If the subscription was closed, and every event was taken.
        """
        if self._events:
            return self._events.popleft()
        if self._failure is not None:
            raise self._failure
        if self._is_closed:
            raise ConnectionClosed("the subscription was closed")
        return None

    @property
    def has_something(self) -> bool:
        """True if `take` has something to return or raise."""
        return bool(self._events) or self._failure is not None or self._is_closed

    def close(self) -> None:
        """Accept no more events; repeated calls do no harm. Unread events can still be taken."""
        self._is_closed = True
        self._log.unsubscribe(self)


class EventLog:
    """The last events of a connection.

    Attributes:
        last: The number of the last event, 0 before the first.
    """

    __slots__ = ("__weakref__", "_kept", "_lock", "_queues", "last")

    def __init__(self) -> None:
        self._kept: deque[Event] = deque(maxlen=limits.EVENTS_KEPT)
        self._queues: tuple[EventQueue, ...] = ()
        self._lock = threading.RLock()  # guards _queues; the log outlives a reconnection
        own(self)
        self.last: int = 0

    def _disown(self, reason: str) -> None:
        """Replace the lock in a forked child: a thread of the parent may have held it."""
        self._lock = threading.RLock()

    def add(self, event: Event) -> None:
        """Record the next event and put it into the queues that match."""
        self.last = event.number
        self._kept.append(event)
        for queue in self._queues:
            queue.put(event)

    def subscribe(self, names: Names, match: Match, limit: int) -> EventQueue:
        """Return a queue of the matching events that come from now on."""
        queue = EventQueue(self, names, match, limit)
        with self._lock:
            # A new tuple: add() may be iterating over the old one, without the lock.
            self._queues += (queue,)
        return queue

    def unsubscribe(self, queue: EventQueue) -> None:
        """Stop putting events into a queue."""
        with self._lock:
            self._queues = tuple(other for other in self._queues if other is not queue)

    def first_after(self, mark: int, matches: Callable[[Event], bool]) -> Event | None:
        """Return the first matching event after a mark, or None if there is none yet.

        Raises:
            LimitError: If events after the mark are no longer kept: one of them may have matched.
        """
        dropped = self.last - len(self._kept) - mark
        if dropped > 0:
            reason = f"{dropped} events after the mark are no longer kept; it may be one of them"
            raise LimitError(reason, "EVENTS_KEPT", self._kept.maxlen or 0)
        # Numbers are consecutive, so the first -dropped events are those up to the mark.
        for index in range(-dropped, len(self._kept)):
            event = self._kept[index]
            if matches(event):
                return event
        return None

    def has_come(self, mark: int, matches: Callable[[Event], bool]) -> bool:
        """Return whether a matching event came before the mark and is still kept."""
        # A copy, because another thread may add events meanwhile.
        return any(event.number <= mark and matches(event) for event in tuple(self._kept))


class EventWait:
    """One wait for an event, with the position up to which the log was searched.

    Args:
        names: The names to accept; None accepts any.
        match: The condition on the event.
        since: The caller's mark.

    Attributes:
        began: The mark after which events are accepted.
        event: The event, once found.

    Raises:
        TypeError: If the mark isn't a number.
    """

    __slots__ = ("_log", "_mark", "_matches", "_names", "_since", "began", "event")

    def __init__(
        self, log: EventLog, names: tuple[str, ...] | None, match: Match, since: int | None
    ) -> None:
        if since is not None and not isinstance(since, int):
            raise TypeError(_no_mark(since))
        self._log = log
        self._names = names
        self._matches = matcher(names, match)
        self._since = since
        self.began: int = since or 0
        self._mark = self.began
        self.event: Event | None = None

    def begin(self, now: int) -> None:
        """Start the wait; `now` is the mark to use if the caller gave none."""
        if self._since is None:
            self.began = self._mark = now

    def is_found(self) -> bool:
        """Search the events that came since the last call."""
        if self.event is None and self._mark != self._log.last:
            self.event = self._log.first_after(self._mark, self._matches)
            self._mark = self._log.last
        return self.event is not None

    def late(
        self, seconds: float | None, interruptions: "tuple[Interruption, ...]"
    ) -> TimeoutError:
        """Return the error for a wait whose deadline has passed.

        Args:
            seconds: The timeout.
            interruptions: The client's lost connections: the event may have come in such a gap.
        """
        gap = ""
        if any(each.last_event >= self.began for each in interruptions):
            gap = "; the connection was lost meanwhile, it may have come then"
        wanted = f"event {', '.join(self._names)}" if self._names else "an event"
        return TimeoutError(f"{wanted} didn't come in {seconds:.4g} s{gap}{self.missed()}")

    def missed(self) -> str:
        """Return a hint for the error if a matching event came before the wait, else ""."""
        try:
            if self._since is not None or not self._log.has_come(self.began, self._matches):
                return ""
        except Exception:  # the caller's function may not expect every event
            return ""
        return (
            "; one came before it was waited for: take a mark with event_mark() before what causes "
            "it, and give since=mark"
        )


def _no_mark(found: object) -> str:
    """Describe a wrong mark. If it is a coroutine, close it: nobody will await it."""
    text = f"found {type(found).__name__} as since, expected a mark, a number"
    if isinstance(found, Coroutine):
        found.close()
        text += ": event_mark() wasn't awaited, write mark = await vm.event_mark()"
    return text
