"""Events on their way from a program to the clients: from any thread, limited, written out once.

An event is written out where it is emitted. So what JSON can't hold is its emitter's mistake alone,
and what is changed afterwards changes no event.

Spec: QEMU 7.2: an event goes to every monitor that has negotiated, and to nobody later.
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
"""Its name, what tells its kind where it is limited, and its text: a line, and many lines."""

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
        """What negotiates, and holds the output back."""

    @property
    def is_pretty(self) -> bool:
        """Events are written over many lines."""

    def flush(self) -> bool:
        """Send what the session has to send, now."""

    def weigh(self) -> None:
        """Tell the budget what this client holds; cut it off if that is too much."""

    def mark(self) -> None:
        """Have sent what the session has to send, soon."""


class EventBroadcast:
    """The way of events to the connections of a monitor.

    Args:
        loop: The monitor's.
        recipients: Those who are connected, at any time.
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
        """Write events over many lines as well, from now on."""
        self._has_pretty = True

    def close(self) -> None:
        """Send no more."""
        self._is_closed = True
        if self._throttle_timer is not None:
            self._throttle_timer.cancel()

    def emit(self, name: str, data: JsonObject | None = None) -> None:
        """Send an event, at once in the loop's thread, else soon.

        Raises:
            TypeError: If there is something in it that JSON can't hold.
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
        if not self._is_taking_due:  # set before, and cleared before the events are taken
            self._is_taking_due = True
            self._loop.call(self.take_emitted)
        elif len(emitted) > limits.EMITTED_EVENTS:
            try:
                emitted.popleft()
            except IndexError:  # all were taken meanwhile
                return
            self._warn_of_lost()

    def _warn_of_lost(self) -> None:
        if not self._has_lost_emitted:
            self._has_lost_emitted = True
            log.warning("events are emitted faster than they are sent: the oldest are lost")

    def take_emitted(self) -> None:
        """Send what other threads have emitted."""
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
                if pretty:  # else nobody could be here when it was emitted
                    connection.session.send_event(pretty)
            else:
                connection.session.send_event(line)
            if connection.session.output_size > limits.UNSENT_OUTPUT:
                connection.flush()  # a burst within one turn has its bounds as well
                connection.weigh()
            connection.mark()

    def _written(self, name: str, data: JsonObject | None) -> _Event:
        """Write an event out, with the time of now.

        Raises:
            TypeError: If there is something in it that JSON can't hold.
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
            if data and (member := THROTTLED_EVENTS.get(name)):
                kind = {member: encode_line(data.get(member)).decode()}
        except Exception as error:
            raise TypeError(f"event {name} can't be written as JSON: {error}") from error
        return name, kind, text
