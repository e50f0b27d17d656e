"""Courses, walked by the async client."""

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, Protocol, TypeVar

from qmpeer.client.aio_channel import AsyncChannel, Deadline
from qmpeer.client.aio_subscription import AnyAsyncChannel, AsyncEvents
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
from qmpeer.messages import Event
from qmpeer.values import JsonObject

__all__ = ["AsyncDriven", "AsyncWalker"]

R = TypeVar("R")


class AsyncDriven(Protocol):
    """What a course is walked on."""

    @property
    def _channel(self) -> AnyAsyncChannel: ...

    def execute(
        self, command: str, arguments: JsonObject | None = None, *, timeout: float | None
    ) -> Awaitable[Any]:
        """Execute a command."""


class AsyncWalker:
    """Do what the steps of a course say, as `Walker` does."""

    def __init__(
        self,
        client: AsyncDriven | None,
        events: AsyncEvents[Event] | None = None,
        report: Callable[[Any], object] | None = None,
        connect: Callable[[float | None], Awaitable[AsyncDriven]] | None = None,
    ) -> None:
        self._client = client
        self._events = events
        self._report = report
        self._connect = connect

    async def walk(self, course: Course[R]) -> R:
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
                answer = await self._do(step)
            except BaseException as raised:  # the course decides, and raises it again
                error = raised

    async def _do(self, step: Step) -> Any:
        if isinstance(step, Connect):
            assert self._connect is not None
            self._client = await self._connect(step.timeout)
            return None
        if isinstance(step, Report):
            told = self._report(step.value) if self._report is not None else None
            return await told if isawaitable(told) else None
        if isinstance(step, NextEvent):
            return await self._next_event(step.timeout)
        if isinstance(step, Pause) and not step.is_watchful:
            return await asyncio.sleep(step.seconds)
        client = self._client
        assert client is not None
        if isinstance(step, Execute):
            return await client.execute(step.command, step.arguments, timeout=step.timeout)
        channel = client._channel
        if isinstance(step, Pause):
            return await channel.wait(lambda: False, Deadline(step.seconds))
        assert isinstance(channel, AsyncChannel)
        if isinstance(step, Synchronize):
            return await channel.synchronize(step.command, step.value, step.timeout)
        assert isinstance(step, Send)
        return await channel.execute_silently(step.command, step.arguments, step.timeout)

    async def _next_event(self, timeout: float | None) -> Event | None:
        assert self._events is not None
        try:
            return await self._events.next(timeout)
        except TimeoutError:
            return None
