"""Events on their way from a program to the clients: from any thread, limited, written out once.

An event is written out where it is emitted. So what JSON can't hold is its emitter's mistake alone,
and what is changed afterwards changes no event.

Spec: QEMU 7.2: an event goes to every monitor that has negotiated, and to nobody later.
"""

import asyncio
import logging
import threading
import time
from collections import deque

from qmpeer import limits
from qmpeer.messages import Timestamp, event_message
from qmpeer.monitor.rounds import Rounds
from qmpeer.protocol import THROTTLED_EVENTS, Throttle
from qmpeer.values import JsonObject
from qmpeer.wire import encode_line, encode_pretty

__all__ = ["Emission"]

_Event = tuple[str, JsonObject | None, tuple[bytes, bytes]]
"""Its name, what tells its kind where it is limited, and its text: a line, and many lines."""

log: logging.Logger = logging.getLogger("qmpeer.monitor")


class Emission:
    """Send events to the connections of a monitor.

    Attributes:
        thread: The loop's thread, once there is one.
    """

    def __init__(self, rounds: Rounds) -> None:
        self.thread: int | None = None
        self._rounds = rounds
        self._throttle = Throttle()
        self._throttle_timer: asyncio.TimerHandle | None = None
        self._emitted: deque[_Event] = deque()
        self._is_taking_due = False
        self._has_lost_emitted = False
        self._is_closed = False
        self._has_pretty = False
        rounds.take_emitted = self.take_emitted

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
        loop = self._rounds.loop
        if loop is None or self._is_closed:
            return
        if threading.get_ident() == self.thread:
            if self._emitted:
                self.take_emitted()
            self._offer(event)
            return
        emitted = self._emitted
        emitted.append(event)
        try:
            if not self._is_taking_due:  # set before, and cleared before the events are taken
                self._is_taking_due = True
                loop.call_soon_threadsafe(self.take_emitted)
            elif len(emitted) > limits.EMITTED_EVENTS:
                emitted.popleft()
                self._warn_of_lost()
        except (RuntimeError, IndexError):  # the loop has gone; it has taken all meanwhile
            pass

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
        loop = self._rounds.loop
        assert loop is not None
        due = self._throttle.next_due
        self._throttle_timer = (
            None
            if due is None
            else loop.call_later(max(0.0, due - time.monotonic()), self._throttle_due)
        )

    def _throttle_due(self) -> None:
        for event in self._throttle.due(time.monotonic()):
            self._broadcast(*event)
        self._set_throttle_timer()

    def _broadcast(self, name: str, kind: JsonObject | None, text: tuple[bytes, bytes]) -> None:
        line, pretty = text
        for connection in self._rounds.connections:
            if not connection.session.is_ready:
                continue
            if connection.is_pretty:
                if pretty:  # else nobody could be here when it was emitted
                    connection.session.send_event(pretty)
            else:
                connection.session.send_event(line)
            if connection.session.output_size > limits.UNSENT_OUTPUT:
                connection.flush()  # a burst within one round has its bound as well
            self._rounds.mark(connection)

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
