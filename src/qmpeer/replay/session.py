"""The raw backend's session of one client: messages at their time, to the monitor's side."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from qmpeer.messages import CommandMessage, Event, Timestamp
from qmpeer.monitor import RawClient, Reply
from qmpeer.monitor.turns import failure_of
from qmpeer.replay.conversations import RecordedEnd, RecordedEvent, RecordedReply, Step
from qmpeer.replay.player import Player
from qmpeer.replay.report import Refusal
from qmpeer.replay.schedule import NO_DELAYS, Delays, Schedule
from qmpeer.replay.upstream import UpstreamError
from qmpeer.transport.descriptors import close_all
from qmpeer.values import UnsetType

Stamp: TypeAlias = Callable[[Timestamp | None], Timestamp | None]
"""Returns the timestamp of an event that is sent now, from the recorded one."""


class Upstream(Protocol):
    """A real server, which answers what the recording lacks."""

    async def ask(self, command: CommandMessage, fds: Sequence[int]) -> RecordedReply:
        """Execute a command there; see `UpstreamServer.ask`."""


class ReplaySession:
    """The side of a replay that serves one client.

    Args:
        client: The client.
        player: Its conversation.
        delays: The rule for delays.
        stamp: Gives events their timestamps.
        upstream: Asked for what isn't recorded; or None.
        on_close: Called when the client has gone.
    """

    __slots__ = (
        "_client",
        "_has_begun",
        "_is_stuck",
        "_on_close",
        "_player",
        "_schedule",
        "_stamp",
        "_tasks",
        "_timer",
        "_upstream",
    )

    def __init__(
        self,
        client: RawClient,
        player: Player,
        delays: Delays,
        stamp: Stamp,
        upstream: Upstream | None,
        on_close: Callable[[], None],
    ) -> None:
        self._client = client
        self._player = player
        self._schedule = None if delays == NO_DELAYS else Schedule(delays)
        self._stamp = stamp
        self._upstream = upstream
        self._on_close = on_close
        self._has_begun = False
        self._is_stuck = False
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """Send the steps that came before the first command, once."""
        if not self._has_begun:
            self._has_begun = True
            self._send(self._player.course.conversation.opening, None)

    def execute(self, command: CommandMessage) -> None:
        """Answer one command, at once or at its time."""
        if not self._has_begun:
            self.begin()
        if self._is_stuck and not command.is_oob:
            return
        steps = self._player.ask(command)
        if not isinstance(steps, Refusal):
            # The fast path: a reply alone.
            if len(steps) == 1 and self._schedule is None and type(steps[0]) is RecordedReply:
                self._client.deliver(_reply(steps[0], command))
            else:
                # The recorded server was never done with it. As in QEMU, later commands then wait.
                is_answered = any(type(step) is RecordedReply for step in steps)
                self._is_stuck = not (is_answered or command.is_oob)
                self._send(steps, command)
        elif self._upstream is None:
            self._send((self._player.refuse(command, steps),), command)
        else:
            fds = self._client.take_fds()
            asking = self._ask_upstream(self._upstream, command, fds, steps)
            task = asyncio.get_running_loop().create_task(asking)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(lambda _: close_all(fds))

    async def _ask_upstream(
        self, upstream: Upstream, command: CommandMessage, fds: Sequence[int], refusal: Refusal
    ) -> None:
        try:
            reply = await self._answer_of(upstream, command, fds, refusal)
        except Exception as error:  # such as one of the program's on_miss
            name, desc = failure_of(command.name, error)
            reply = RecordedReply(0.0, error={"class": name, "desc": desc})
        self._send((reply,), command)

    async def _answer_of(
        self, upstream: Upstream, command: CommandMessage, fds: Sequence[int], refusal: Refusal
    ) -> RecordedReply:
        try:
            reply = await upstream.ask(command, fds)
        except UpstreamError as error:
            self._player.miss(command, refusal)
            desc = f"The recording lacks the command {command.name}, and the server failed: {error}"
            return RecordedReply(0.0, error={"class": "GenericError", "desc": desc})
        self._player.answered_by_server(command, refusal, reply)
        return reply

    def _send(self, steps: Sequence[Step], command: CommandMessage | None) -> None:
        if self._schedule is None:
            self._deliver([(step, command) for step in steps])
            return
        is_oob = command is not None and command.is_oob
        now = asyncio.get_running_loop().time()
        self._schedule.add(steps, command, now, is_oob=is_oob)
        self._send_due()

    def _send_due(self) -> None:
        assert self._schedule is not None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        self._deliver(self._schedule.due(loop.time()))
        due = self._schedule.next_due
        if due is not None:
            self._timer = loop.call_at(due, self._send_due)

    def _deliver(self, steps: Sequence[tuple[Step, CommandMessage | None]]) -> None:
        messages: list[Reply | Event] = []
        is_last = False
        for step, command in steps:
            if isinstance(step, RecordedReply):
                assert command is not None, "the opening has no replies"
                messages.append(_reply(step, command))
            elif isinstance(step, RecordedEvent):
                stamp = self._stamp(step.timestamp)
                messages.append(Event(step.name, step.data or {}, stamp))
            else:
                is_last = isinstance(step, RecordedEnd)
                break
        if messages:
            self._client.deliver(*messages)
        if is_last:
            self._client.close()

    def send(self, event: Event) -> None:
        """Send an event that isn't recorded, at once."""
        self._client.deliver(event)

    def close(self) -> None:
        """Release the session: the client has gone."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        self._on_close()


def _reply(step: RecordedReply, command: CommandMessage) -> Reply:
    if step.error is not None:
        return Reply(command, error=step.error)
    assert not isinstance(step.value, UnsetType)
    return Reply(command, step.value)
