"""The raw backend's session of one client: the steps of rules, in their order and time."""

import asyncio
import inspect
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Protocol, assert_never

from qmpeer.errors import LocalProtocolError
from qmpeer.messages import CommandMessage, Event
from qmpeer.monitor import RawBytes, Reply
from qmpeer.monitor.threads import ENDING
from qmpeer.script.calls import Call
from qmpeer.script.requests import Requests
from qmpeer.script.rules import Messages, Rule, json_fault
from qmpeer.script.steps import (
    CallFunction,
    Close,
    Goto,
    Hang,
    SendBytes,
    SendError,
    SendEvent,
    SendReply,
    Step,
    Wait,
)
from qmpeer.values import JsonObject


class Stage(Protocol):
    """The server as its sessions see it."""

    def answer(
        self, command: CommandMessage, session: "ScriptSession"
    ) -> tuple[Call, Rule | Sequence[Step]]:
        """Return a command as a call, and the rule or the steps that answer it."""

    def broadcast(self, events: Sequence[Event], sender: "ScriptSession") -> None:
        """Deliver events to all other clients."""

    def event(self, step: SendEvent) -> Event:
        """Return an event that happens now."""

    def goto(self, state: str) -> None:
        """Enter a state."""

    def judge(self, rule: Rule, call: Call, steps: Sequence[Step]) -> None:
        """Check what a function returned."""

    def function_failed(self, rule: Rule, call: Call, error: BaseException) -> JsonObject:
        """Return the error reply for what a function raised, and keep it as a mismatch."""

    def left(self, session: "ScriptSession") -> None:
        """Forget a client."""


class Recipient(Protocol):
    """The client of a session: the part of `RawClient` that the session needs."""

    def take_fds(self) -> list[int]:
        """Return the last set of descriptors that this client sent; see `RawClient.take_fds`."""

    def deliver(self, *messages: Reply | Event | RawBytes) -> None:
        """Send messages; see `RawClient.deliver`."""

    def close(self) -> None:
        """Disconnect; see `RawClient.close`."""


class ScriptSession:
    """The side of a scripted server that serves one client.

    Args:
        number: The client's number.
        client: The client.
        stage: The server.
        requests: The bytes of its requests.
    """

    def __init__(self, number: int, client: Recipient, stage: Stage, requests: Requests) -> None:
        self.number: int = number
        self.requests: Requests = requests
        self.client: Recipient = client
        self._stage = stage
        self._timers: set[asyncio.TimerHandle] = set()
        self._tasks: set[asyncio.Future[Any]] = set()
        self._is_closed = False

    def execute(self, command: CommandMessage) -> None:
        """Take the steps that answer one command."""
        call, answer = self._stage.answer(command, self)
        if isinstance(answer, Rule):
            self._play(Course(answer.steps, call, command, answer))
        else:
            self._play(Course(answer, call, command))

    def play(self, rule: Rule) -> None:
        """Take the steps of a rule that answers no command."""
        self._play(Course(rule.steps, Call("", {}, client=self.number), rule=rule))

    def close(self) -> None:
        """Release what belongs to the client, which has gone."""
        self._is_closed = True
        for timer in self._timers:
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        self._stage.left(self)

    def _play(self, course: "Course") -> None:
        """Take the steps up to the next one that takes time, or that can't be taken."""
        try:
            self._take(course)
        except TypeError as error:  # JSON can't hold what a function returned
            if course.rule is None:
                raise
            refusal = self._stage.function_failed(course.rule, course.call, error)
            if (reply := course.refusal(refusal)) is not None:
                with suppress(LocalProtocolError):  # the command was answered before
                    self.client.deliver(reply)

    def _take(self, course: "Course") -> None:
        while (step := course.next_step()) is not None:
            match step:
                case SendReply() | SendError():
                    course.messages.append(course.reply(step))
                case SendBytes():
                    course.messages.append(RawBytes(step.data))
                case SendEvent():
                    course.messages.append(self._stage.event(step))
                case Goto():
                    self._stage.goto(step.state)
                case Wait():
                    self._flush(course)
                    self._later(step.seconds, course)
                    return
                case CallFunction():
                    self._flush(course)
                    if self._call(step, course):
                        return
                case Hang():
                    pass  # the steps behind it go on
                case Close():
                    self._flush(course)
                    self.client.close()
                    return
                case _:
                    assert_never(step)
        self._flush(course)

    def _flush(self, course: "Course") -> None:
        messages, course.messages = course.messages, []
        if messages:
            events = [each for each in messages if isinstance(each, Event)]
            self.client.deliver(*messages)
            if events:
                self._stage.broadcast(events, self)

    def _later(self, seconds: float, course: "Course") -> None:
        loop = asyncio.get_running_loop()

        def go_on() -> None:
            self._timers.discard(timer)
            self._play(course)

        timer = loop.call_later(seconds, go_on)
        self._timers.add(timer)

    def _call(self, step: CallFunction, course: "Course") -> bool:
        """Call a function; return True if it goes on later."""
        try:
            result = step.function(course.call)
        except BaseException as error:  # that of pytest.fail() is no Exception
            self._failed(error, course)
            if isinstance(error, ENDING):
                raise
            return False
        if not inspect.isawaitable(result):
            self._returned(result, course)
            return False
        task = asyncio.ensure_future(result)
        self._tasks.add(task)

        def go_on(task: "asyncio.Future[Any]") -> None:
            self._tasks.discard(task)
            if task.cancelled() and self._is_closed:
                return
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            if error is None:
                self._returned(task.result(), course)
            else:
                self._failed(error, course)
            self._play(course)

        task.add_done_callback(go_on)
        return True

    def _returned(self, result: object, course: "Course") -> None:
        if course.rule is not None and course.rule.is_answered:
            return
        if isinstance(result, bytes):
            result = Messages(result)
        if not isinstance(result, Messages) and (fault := json_fault(result)) is not None:
            self._failed(TypeError(fault), course)
            return
        steps: list[Step] = (
            result.steps
            if isinstance(result, Messages)
            else [SendReply({} if result is None else result)]  # type: ignore[arg-type]  # a program's value
        )
        if course.rule is not None:
            self._stage.judge(course.rule, course.call, steps)
        course.insert(steps)

    def _failed(self, error: BaseException, course: "Course") -> None:
        assert course.rule is not None
        refusal = self._stage.function_failed(course.rule, course.call, error)
        if not course.rule.is_answered:
            course.insert([SendError(refusal)])


class Course:
    """The way through the steps of one answer.

    Args:
        steps: The steps.
        call: The command as a call; one without a name if there is no command.
        command: The command, or None.
        rule: The rule that the steps are of, or None.

    Attributes:
        call: The command as a call.
        rule: The rule, or None.
        messages: What is to be sent.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        call: Call,
        command: CommandMessage | None = None,
        rule: Rule | None = None,
    ) -> None:
        self.call: Call = call
        self.rule: Rule | None = rule
        self.messages: list[Reply | RawBytes | Event] = []
        self._command = command
        self._steps = self._all_steps(list(steps))
        self._inserted: list[Step] = []
        self._is_answered = command is None
        self._has_bytes = False

    def _all_steps(self, steps: list[Step]) -> Iterator[Step]:
        for each in steps:
            yield each
            while self._inserted:
                yield self._inserted.pop(0)

    def next_step(self) -> Step | None:
        """Return the next step; at the end, answer the command if none has."""
        step = next(self._steps, None)
        if step is None and not self._is_answered:
            if self._has_bytes:  # they stand for the reply
                self._is_answered = True
                self.messages.append(RawBytes(b"", self._command))
            else:
                step = SendReply({})
        self._has_bytes |= isinstance(step, SendBytes)
        self._is_answered |= isinstance(step, SendReply | SendError | Hang | Close)
        return step

    def insert(self, steps: Sequence[Step]) -> None:
        """Take these steps next."""
        self._inserted += steps

    def reply(self, step: SendReply | SendError) -> Reply:
        """Return the reply of a step."""
        assert self._command is not None, "a reply without a command"
        if isinstance(step, SendError):
            return Reply(self._command, error=step.error)
        return Reply(self._command, step.value)

    def refusal(self, error: JsonObject) -> Reply | None:
        """Return the error reply that ends the course; None if there is no command."""
        return None if self._command is None else Reply(self._command, error=error)
