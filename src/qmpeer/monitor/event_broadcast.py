"""The broadcast of events to all clients: from any thread, rate-limited, encoded once.

`EventBroadcast.emit` encodes the event at once. So the emitter gets the error if JSON can't hold
the data, and later changes to the data don't change the event.

Spec: QEMU 7.2 sends an event to every monitor that has negotiated; nobody gets it later.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Collection
from typing import Protocol

from qmpeer import limits
from qmpeer.messages import Timestamp, event_message
from qmpeer.monitor.loop import MonitorLoop
from qmpeer.protocol import THROTTLED_EVENTS, Throttle
from qmpeer.values import JsonObject
from qmpeer.wire import encode_line, encode_pretty

_Event = tuple[str, JsonObject | None, tuple[bytes, bytes]]
"""Name, the member that rate limits go by (or None), and the text: compact and pretty."""

log: logging.Logger = logging.getLogger("qmpeer.monitor")


class _RecipientSession(Protocol):
    @property
    def is_ready(self) -> bool: ...
    @property
    def output_size(self) -> int: ...
    def send_event(self, line: bytes, /) -> None: ...


class Recipient(Protocol):
    """A connection that events are sent on."""

    @property
    def session(self) -> _RecipientSession:
        """The session, which takes events once it has negotiated."""

    @property
    def is_pretty(self) -> bool:
        """True if events are written over many lines."""

    def flush(self) -> bool:
        """Send the session's output now."""

    def weigh(self) -> None:
        """Report this client's size to the budget; disconnect it if that is too much."""

    def mark(self) -> None:
        """Schedule the sending of the session's output."""


class EventBroadcast:
    """A sender of events to all connections of a monitor.

    Args:
        loop: The monitor's loop.
        recipients: The current connections; the caller changes this collection.
    """

    def __init__(self, loop: MonitorLoop, recipients: Collection[Recipient]) -> None:
        self._loop = loop
        self._recipients = recipients
        self._throttle = Throttle()
        self._throttle_timer: asyncio.TimerHandle | None = None
        self._emitted: deque[_Event] = deque()
        self._is_taking_due = False
        self._has_lost_emitted = False
        self._is_closed = False
        self._has_pretty = False

    def write_pretty_too(self) -> None:
        """Encode events over many lines as well, from now on."""
        self._has_pretty = True

    def close(self) -> None:
        """Send no further events."""
        self._is_closed = True
        if self._throttle_timer is not None:
            self._throttle_timer.cancel()

    def emit(self, name: str, data: JsonObject | None = None) -> None:
        """Send an event: at once in the loop's thread, soon from any other.

        Raises:
            TypeError: If JSON can't hold the data.
        """
        event = self._written(name, data)
        if self._loop.loop is None or self._is_closed:
            return
        if self._loop.is_here:
            if self._emitted:
                self.take_emitted()
            self._offer(event)
            return
        emitted = self._emitted
        emitted.append(event)
        # take_emitted() clears the flag before it takes events. So an event that is appended while
        # the loop takes others either is taken too or schedules another call.
        if not self._is_taking_due:
            self._is_taking_due = True
            self._loop.call(self.take_emitted)
        elif len(emitted) > limits.EMITTED_EVENTS:
            try:
                emitted.popleft()
            except IndexError:  # the loop has taken all of them meanwhile
                return
            self._warn_of_lost()

    def _warn_of_lost(self) -> None:
        if not self._has_lost_emitted:
            self._has_lost_emitted = True
            log.warning("events are emitted faster than they are sent: the oldest are lost")

    def take_emitted(self) -> None:
        """Send the events that other threads have emitted."""
        self._is_taking_due = self._has_lost_emitted = False
        emitted = self._emitted
        while emitted:
            try:
                event = emitted.popleft()
            except IndexError:
                break
            self._offer(event)

    def _offer(self, event: _Event) -> None:
        if self._throttle.passes(*event, time.monotonic()):
            self._broadcast(*event)
        if self._throttle_timer is None and self._throttle.next_due is not None:
            self._set_throttle_timer()

    def _set_throttle_timer(self) -> None:
        self._throttle_timer = None
        if (due := self._throttle.next_due) is not None:
            delay = max(0.0, due - time.monotonic())
            self._throttle_timer = self._loop.running.call_later(delay, self._throttle_due)

    def _throttle_due(self) -> None:
        for event in self._throttle.due(time.monotonic()):
            self._broadcast(*event)
        self._set_throttle_timer()

    def _broadcast(self, name: str, kind: JsonObject | None, text: tuple[bytes, bytes]) -> None:
        line, pretty = text
        for connection in self._recipients:
            if not connection.session.is_ready:
                continue
            if connection.is_pretty:
                if pretty:  # empty if no pretty client could exist when it was emitted
                    connection.session.send_event(pretty)
            else:
                connection.session.send_event(line)
            if connection.session.output_size > limits.UNSENT_OUTPUT:
                connection.flush()  # bounds the output of a burst within one turn
                connection.weigh()
            connection.mark()

    def _written(self, name: str, data: JsonObject | None) -> _Event:
        """Encode an event with the current time.

        Raises:
            TypeError: If JSON can't hold the data.
        """
        if not isinstance(name, str):
            raise TypeError(f"found {type(name).__name__}, expected an event's name as a str")
        if data is not None and not isinstance(data, dict):
            raise TypeError(f"event {name}: found {type(data).__name__}, expected data as a dict")
        now = time.time_ns() // 1000
        message = event_message(name, data, Timestamp(now // 1_000_000, now % 1_000_000))
        kind: JsonObject | None = None
        try:
            text = encode_line(message), encode_pretty(message) if self._has_pretty else b""
            # Some events are limited separately for each value of one member, such as an id.
            if data and (member := THROTTLED_EVENTS.get(name)):
                kind = {member: encode_line(data.get(member)).decode()}
        except Exception as error:  # a value's own methods may raise anything
            raise TypeError(f"event {name} can't be written as JSON: {error}") from error
        return name, kind, text
