"""Courses, walked by the blocking client."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import Any, Protocol, TypeVar

from qmpeer.client.channel import Channel, remaining_of
from qmpeer.client.steps import (
    Connect,
    Course,
    Execute,
    NextEvent,
    Pause,
    Report,
    Send,
    Step,
    Synchronize,
)
from qmpeer.client.subscription import AnyChannel, Events
from qmpeer.messages import Event
from qmpeer.values import JsonObject

__all__ = ["Driven", "Walker"]

R = TypeVar("R")


class Driven(Protocol):
    """What a course is walked on."""

    @property
    def _channel(self) -> AnyChannel: ...

    def execute(
        self, command: str, arguments: JsonObject | None = None, *, timeout: float | None
    ) -> Any:
        """Execute a command."""


class Walker:
    """Do what the steps of a course say.

    Args:
        client: Whose connection it is.
        events: The events that the course waits for.
        report: What is called to tell how it stands.
        connect: What sees to it that there is a connection, and returns the client then.
    """

    def __init__(
        self,
        client: Driven | None,
        events: Events[Event] | None = None,
        report: Callable[[Any], object] | None = None,
        connect: Callable[[float | None], Driven] | None = None,
    ) -> None:
        self._client = client
        self._events = events
        self._report = report
        self._connect = connect

    def walk(self, course: Course[R]) -> R:
        """Walk a course to its end, and return its outcome."""
        answer: Any = None
        error: BaseException | None = None
        while True:
            try:
                step = course.send(answer) if error is None else course.throw(error)
            except StopIteration as end:
                outcome: R = end.value
                return outcome
            answer = error = None
            try:
                answer = self._do(step)
            except BaseException as raised:  # the course decides, and raises it again
                error = raised

    def _do(self, step: Step) -> Any:
        if isinstance(step, Connect):
            assert self._connect is not None
            self._client = self._connect(step.timeout)
            return None
        if isinstance(step, Report):
            return self._report(step.value) if self._report is not None else None
        if isinstance(step, NextEvent):
            return self._next_event(step.timeout)
        if isinstance(step, Pause) and not step.is_watchful:
            return sleep(step.seconds)
        client = self._client
        assert client is not None
        if isinstance(step, Execute):
            return client.execute(step.command, step.arguments, timeout=step.timeout)
        channel = client._channel
        if isinstance(step, Pause):
            deadline = monotonic() + step.seconds
            return channel.wait(lambda: False, remaining_of(deadline), deadline)
        assert isinstance(channel, Channel)
        if isinstance(step, Synchronize):
            return channel.synchronize(step.command, step.value, step.timeout)
        assert isinstance(step, Send)
        return channel.execute_silently(step.command, step.arguments, step.timeout)

    def _next_event(self, timeout: float | None) -> Event | None:
        assert self._events is not None
        try:
            return self._events.next(timeout)
        except TimeoutError:
            return None
